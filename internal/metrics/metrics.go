// Package metrics is what the service tells Prometheus of itself. It has a
// registry of its own, so that two servers in one process do not add up.
//
// Labels have few values: operation names come from the tables of the edges, and
// statuses are told by class. Repository names are never labels: whoever may make
// them could make the series grow without bound. Signing profiles and principals
// are, up to a bound: see [Signing].
package metrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics holds the series. Its methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	requests          *prometheus.CounterVec
	duration          *prometheus.HistogramVec
	received, sent    *prometheus.CounterVec
	inFlight          prometheus.Gauge
	operations        sync.Map // operation → *operation: finding series by label is slow
	transactions      *prometheus.CounterVec
	transaction       prometheus.Histogram
	commit            prometheus.Histogram
	batch             prometheus.Histogram
	syncs             *prometheus.HistogramVec
	fileSync, dirSync prometheus.Observer
	reloads           *prometheus.CounterVec
	garbage           *prometheus.CounterVec
	garbageStep       prometheus.Histogram
	garbageRounds     prometheus.Counter
	garbageErrors     prometheus.Counter
	issuers           *prometheus.CounterVec
	issuer            prometheus.Histogram
}

// Histograms' upper bounds: seconds of a request, of an fsync, requests of a batch.
var (
	requestBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 600}
	syncBuckets    = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
	batchBuckets   = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}
)

// New makes the series.
func New() *Metrics {
	m := &Metrics{
		registry:      prometheus.NewRegistry(),
		requests:      counters("http_requests_total", "Requests answered, by operation and class of status; code \"aborted\" is an answer cut off.", "operation", "code"),
		duration:      histograms("http_request_duration_seconds", "From a request's header to the end of its answer.", requestBuckets, "operation"),
		received:      counters("http_received_bytes_total", "Bytes of requests' bodies.", "operation"),
		sent:          counters("http_sent_bytes_total", "Bytes of answers' bodies.", "operation"),
		inFlight:      prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "http_requests_in_flight", Help: "Requests being answered."}),
		transactions:  counters("store_transactions_total", "Transactions that were to write, by outcome.", "outcome"),
		transaction:   histogram("store_transaction_duration_seconds", "Of transactions that were to write, from BEGIN.", syncBuckets),
		commit:        histogram("store_commit_duration_seconds", "Of COMMIT alone, which makes a transaction durable.", syncBuckets),
		batch:         histogram("store_batch_requests", "Requests that shared a transaction.", batchBuckets),
		syncs:         histograms("blob_sync_duration_seconds", "Of putting a blob's bytes (file) or names (directory) on the disk.", syncBuckets, "of"),
		reloads:       counters("tls_reloads_total", "Times that changed certificate files were read, by outcome.", "outcome"),
		garbage:       counters("garbage_collected_total", "What collections removed: rows, links, waiting referrers, uploads, blobs, and bytes of these.", "of"),
		garbageRounds: counter("garbage_rounds_total", "Collections that came to their end."),
		garbageErrors: counter("garbage_errors_total", "Steps of collections that failed, in part or as a whole."),
		issuers:       counters("issuer_requests_total", "Requests to OpenID Connect issuers for their keys, by outcome.", "outcome"),
		issuer:        histogram("issuer_request_duration_seconds", "Of such requests.", requestBuckets),
		garbageStep:   histogram("garbage_step_duration_seconds", "Of one step of a collection.", syncBuckets),
	}
	m.fileSync, m.dirSync = m.syncs.WithLabelValues("file"), m.syncs.WithLabelValues("directory")
	m.registry.MustRegister(m.requests, m.duration, m.received, m.sent, m.inFlight, m.transactions, m.transaction, m.commit, m.batch, m.syncs, m.reloads, m.garbage, m.garbageStep, m.garbageRounds, m.garbageErrors, m.issuers, m.issuer)
	return m
}

// Handler answers a scrape, with what the Go runtime and the process tell, too:
// these weigh something, so they are made here. It may be called once.
func (m *Metrics) Handler() http.Handler {
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, MaxRequestsInFlight: 4})
}

// RequestBegun counts a request that is being answered.
func (m *Metrics) RequestBegun() { m.inFlight.Inc() }

// Request is one that has been answered.
type Request struct {
	Operation      string // from an edge's table
	Status         int
	Aborted        bool // the answer was cut off
	Received, Sent int64
	Took           time.Duration
}

// RequestEnded counts a request that began before.
func (m *Metrics) RequestEnded(r Request) {
	m.inFlight.Dec()
	o := m.operation(r.Operation)
	o.requests[class(r)].Inc()
	o.duration.Observe(r.Took.Seconds())
	o.received.Add(float64(r.Received))
	o.sent.Add(float64(r.Sent))
}

// Transaction tells of one that was to write: how many requests shared it, how
// long it took, and how long its commit; 0 means that it was rolled back.
func (m *Metrics) Transaction(requests int, took, commit time.Duration) {
	m.transaction.Observe(took.Seconds())
	m.batch.Observe(float64(requests))
	if commit == 0 {
		m.transactions.WithLabelValues("rolled_back").Inc()
		return
	}
	m.transactions.WithLabelValues("committed").Inc()
	m.commit.Observe(commit.Seconds())
}

// BlobSync tells of a sync of a file or of a directory.
func (m *Metrics) BlobSync(directory bool, took time.Duration) {
	if directory {
		m.dirSync.Observe(took.Seconds())
		return
	}
	m.fileSync.Observe(took.Seconds())
}

// TLSReload tells of an attempt to take a new certificate.
func (m *Metrics) TLSReload(err error) {
	if err != nil {
		m.reloads.WithLabelValues("failed").Inc()
		return
	}
	m.reloads.WithLabelValues("done").Inc()
}

// Issuer tells of a request to an issuer of tokens.
func (m *Metrics) Issuer(took time.Duration, err error) {
	m.issuer.Observe(took.Seconds())
	if err != nil {
		m.issuers.WithLabelValues("failed").Inc()
		return
	}
	m.issuers.WithLabelValues("answered").Inc()
}

// Garbage tells how much of something a collection has removed.
func (m *Metrics) Garbage(of string, n int) { m.garbage.WithLabelValues(of).Add(float64(n)) }

// GarbageStep tells of one step of a collection, how many collections ended with it,
// and how many errors it met.
func (m *Metrics) GarbageStep(took time.Duration, rounds, errors int) {
	m.garbageStep.Observe(took.Seconds())
	m.garbageRounds.Add(float64(rounds))
	m.garbageErrors.Add(float64(errors))
}
