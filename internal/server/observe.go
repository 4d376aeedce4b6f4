package server

import (
	"net/http"
	"time"

	"github.com/sealwright/sealwright/internal/metrics"
)

// unrouted is the operation of a request that comes to none.
const unrouted = "other"

// observed has every request counted and written into the access log.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{ResponseWriter: w, begun: time.Now(), operation: unrouted}
		if r.ContentLength != 0 {
			r = x.countBody(r)
		}
		s.metrics.RequestBegun()
		finished := false
		defer func() { s.ended(x, r, !finished) }() // also when a handler cuts the answer off by a panic
		next.ServeHTTP(x, r)
		finished = true
	})
}

// ended tells of an exchange that is over.
func (s *Server) ended(x *exchange, r *http.Request, aborted bool) {
	x.begin()
	if r.Method == http.MethodHead {
		x.sent = 0 // whatever the handler wrote
	}
	took := time.Since(x.begun)
	s.metrics.RequestEnded(metrics.Request{
		Operation: x.operation, Status: x.status, Aborted: aborted, Received: x.body.read, Sent: x.sent, Took: took,
	})
	if x.operation == signPayloadOperation && x.status == http.StatusForbidden && x.principal != "" {
		s.signings.Denied(series(x.principal))
	}
	s.accessLog.write(x, r, aborted, took)
}
