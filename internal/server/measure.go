package server

import (
	"runtime/debug"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

// measureRecords has the records tell how long they take. They must not have been
// used yet.
func (s *Server) measureRecords() {
	s.records.Observe(func(w sqlstore.Write) { s.metrics.Transaction(w.Requests, w.Took, w.Commit) })
	m := s.metrics
	m.Gauge("store_queue_depth", "Writes that wait for SQLite's one writer.", func() int { return s.records.Stats().Queue })
	m.Gauge("store_connections_busy", "Connections to the database in use: for reads on SQLite, for anything on PostgreSQL.", func() int { return s.records.Stats().Busy })
	m.Gauge("store_connections_limit", "Connections that may be in use.", func() int { return s.records.Stats().Limit })
}

// measureServices has the services asked at each scrape.
func (s *Server) measureServices(aws *awshttp.Handler) {
	m := s.metrics
	m.Cache("signing_profiles", s.signing.ProfileCache)
	m.Cache("registry_tokens", s.access.TokenCache)
	m.Cache("sigv4_keys", aws.KeyCache)
	m.Gauge("uploads_in_flight", "Uploads whose bodies arrive.", s.uploads.Taken)
	m.Gauge("uploads_limit", "Uploads whose bodies may arrive at once.", s.uploads.Limit)
	m.Gauge("garbage_leader", "1 where this process is the one that collects garbage, of those that share records and blobs.", func() int {
		if s.registry.Leads() {
			return 1
		}
		return 0
	})
	m.Count("uploads_refused_total", "Uploads refused because too many arrived.", s.uploads.Refused)
}

// measureCollected is told of each step of a collection of garbage.
func (s *Server) measureCollected(c registry.Collected) {
	s.metrics.Garbage("rows", c.Rows)
	s.metrics.Garbage("links", c.Links)
	s.metrics.Garbage("waiting", c.Waiting)
	s.metrics.Garbage("uploads", c.Uploads)
	s.metrics.Garbage("blobs", c.Blobs)
	s.metrics.Garbage("bytes", int(c.Bytes))
	s.metrics.GarbageStep(c.Took, c.Rounds, c.Errors)
	if c.Rounds > 0 {
		debug.FreeOSMemory() // a round over very much leaves as much garbage as the heap may hold
	}
}
