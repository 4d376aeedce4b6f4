package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Others is the label of all that have no series of their own.
const Others = "other"

// signingBuckets are upper bounds in seconds: few, as there are as many series for
// each profile.
var signingBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .1, 1}

// Signing are the series of signatures by profile and by principal. Whoever may
// make profiles and roles could make series without bound, so the first limit
// names of each get their own, in the order they come, until the process ends; all
// others share one. (Which names matter most changes, and counters must not.)
type Signing struct {
	signed     *prometheus.CounterVec
	failed     *prometheus.CounterVec
	took       *prometheus.HistogramVec
	by         *prometheus.CounterVec
	profiles   *names[profileSeries]
	principals *names[principalSeries]
}

type profileSeries struct {
	signed, failed prometheus.Counter
	took           prometheus.Observer
}

type principalSeries struct{ signed, denied, failed prometheus.Counter }

// Signing makes the series, with names of their own for at most limit profiles and
// principals.
func (m *Metrics) Signing(limit int) *Signing {
	s := &Signing{
		signed: counters("signing_jobs_total", "Signatures made, by profile.", "profile"),
		failed: counters("signing_failures_total", "Signatures that were permitted and not made, by profile.", "profile"),
		took:   histograms("signing_duration_seconds", "Of making and recording a signature, by profile.", signingBuckets, "profile"),
		by:     counters("signing_requests_total", "Requests for signatures, by principal and outcome: signed, denied or failed.", "principal", "outcome"),
	}
	m.registry.MustRegister(s.signed, s.failed, s.took, s.by)
	s.profiles = newNames(limit, func(profile string) profileSeries {
		return profileSeries{s.signed.WithLabelValues(profile), s.failed.WithLabelValues(profile), s.took.WithLabelValues(profile)}
	})
	s.principals = newNames(limit, func(principal string) principalSeries {
		return principalSeries{s.by.WithLabelValues(principal, "signed"), s.by.WithLabelValues(principal, "denied"), s.by.WithLabelValues(principal, "failed")}
	})
	return s
}

// Signed tells of a signature that was made.
func (s *Signing) Signed(profile, principal string, took time.Duration) {
	p := s.profiles.of(profile)
	p.signed.Inc()
	p.took.Observe(took.Seconds())
	s.principals.of(principal).signed.Inc()
}

// Failed tells of one that was permitted and not made. The profile may be no more
// than a name that somebody sent: one that nothing was signed under counts among
// the others.
func (s *Signing) Failed(profile, principal string) {
	s.profiles.known(profile).failed.Inc()
	s.principals.of(principal).failed.Inc()
}

// Denied tells of a request for a signature that was not permitted.
func (s *Signing) Denied(principal string) { s.principals.of(principal).denied.Inc() }

// names are the series of some names, and of all others.
type names[T any] struct {
	limit  int
	make   func(name string) T
	others T
	series sync.Map // by name
	mu     sync.Mutex
	count  int
}

func newNames[T any](limit int, series func(name string) T) *names[T] {
	return &names[T]{limit: limit, make: series, others: series(Others)}
}

// known are the series of a name that has some, or the others'.
func (n *names[T]) known(name string) T {
	if series, ok := n.series.Load(name); ok {
		return series.(T)
	}
	return n.others
}

// of are the series of a name, made when it is first met and there is room.
func (n *names[T]) of(name string) T {
	if series, ok := n.series.Load(name); ok {
		return series.(T)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.count >= n.limit {
		return n.known(name)
	}
	if series, ok := n.series.Load(name); ok {
		return series.(T)
	}
	n.count++
	series := n.make(name)
	n.series.Store(name, series)
	return series
}
