package metrics

import "github.com/prometheus/client_golang/prometheus"

// classes are the values of the label code.
var classes = [...]string{"aborted", "1xx", "2xx", "3xx", "4xx", "5xx"}

// operation holds the series of one operation.
type operation struct {
	requests       [len(classes)]prometheus.Counter
	duration       prometheus.Observer
	received, sent prometheus.Counter
}

// operation finds the series of an operation, making them when it is first met.
func (m *Metrics) operation(name string) *operation {
	if o, ok := m.operations.Load(name); ok {
		return o.(*operation)
	}
	o := &operation{duration: m.duration.WithLabelValues(name), received: m.received.WithLabelValues(name), sent: m.sent.WithLabelValues(name)}
	for i, c := range classes {
		o.requests[i] = m.requests.WithLabelValues(name, c)
	}
	known, _ := m.operations.LoadOrStore(name, o)
	return known.(*operation)
}

// class is an index into classes.
func class(r Request) int {
	if c := r.Status / 100; !r.Aborted && c < len(classes) {
		return c
	}
	return 0
}
