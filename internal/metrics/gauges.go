package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const namespace = "sealwright"

// Gauge has f asked for a value at each scrape. f must be quick, and may be
// called by several goroutines.
func (m *Metrics) Gauge(name, help string, f func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help},
		func() float64 { return float64(f()) }))
}

// Count is [Metrics.Gauge] for what only grows.
func (m *Metrics) Count(name, help string, f func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help},
		func() float64 { return float64(f()) }))
}

// Throttled has f asked how many calls a limit has turned away. The limits are
// those of the configuration.
func (m *Metrics) Throttled(limit string, f func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: namespace, Name: "throttled_requests_total", Help: "Calls that came more often than a limit lets an account.",
		ConstLabels: prometheus.Labels{"limit": limit},
	}, func() float64 { return float64(f()) }))
}

// Time is [Metrics.Gauge] for a moment, told in Unix seconds; the zero time is 0.
func (m *Metrics) Time(name, help string, f func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, func() float64 {
		if t := f(); !t.IsZero() {
			return float64(t.Unix())
		}
		return 0
	}))
}

// Cache has f asked how often a cache knew the answer and how often not.
func (m *Metrics) Cache(name string, f func() (hits, misses uint64)) {
	for outcome, count := range map[string]func() uint64{
		"hit":  func() uint64 { hits, _ := f(); return hits },
		"miss": func() uint64 { _, misses := f(); return misses },
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "cache_requests_total", Help: "What caches were asked, by whether they knew.",
			ConstLabels: prometheus.Labels{"cache": name, "outcome": outcome},
		}, func() float64 { return float64(count()) }))
	}
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
}
