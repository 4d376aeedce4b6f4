package server

import (
	"net/http"
	"time"
)

// bodyPatience is how long a request's body may take to arrive.
const bodyPatience = 30 * time.Second

// timeBodies gives every body its time, whoever reads it or nobody: the HTTP
// server itself reads what little a refused request has left, and would wait for
// it without end, as would whoever reads a body that never comes. The registry
// moves the deadline along while an upload arrives. Between requests the server
// sets its own.
func timeBodies(patience time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			http.NewResponseController(w).SetReadDeadline(time.Now().Add(patience)) // not supported only by recorders of tests
		}
		next.ServeHTTP(w, r)
	})
}
