package metrics

import "github.com/prometheus/client_golang/prometheus"

// Tailer is the series of one of the journal's tailers. Their names are few: the
// program gives them.
type Tailer struct{ delivered, failures prometheus.Counter }

// Tailer makes the series. lag tells at each scrape how many entries the tailer is
// behind, and by how many seconds.
func (m *Metrics) Tailer(name string, lag func() (entries int64, seconds float64)) Tailer {
	label := prometheus.Labels{"tailer": name}
	gauge := func(metric, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: metric, Help: help, ConstLabels: label}, f)
	}
	counter := func(metric, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: metric, Help: help, ConstLabels: label})
	}
	t := Tailer{
		delivered: counter("journal_delivered_total", "Entries of the journal that this replica delivered, by tailer."),
		failures:  counter("journal_delivery_failures_total", "Steps of this replica's tailers that failed."),
	}
	m.registry.MustRegister(t.delivered, t.failures,
		gauge("journal_lag_entries", "Entries that a tailer has yet to deliver, whichever replica runs it.", func() float64 { entries, _ := lag(); return float64(entries) }),
		gauge("journal_lag_seconds", "Age of the oldest of them.", func() float64 { _, seconds := lag(); return seconds }))
	return t
}

// Step tells how a step of the tailer went.
func (t Tailer) Step(delivered int, err error) {
	t.delivered.Add(float64(delivered))
	if err != nil {
		t.failures.Inc()
	}
}
