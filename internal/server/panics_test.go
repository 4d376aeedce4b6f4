package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPanicIsLogged: a handler that panics is a defect, which the operator sees
// at the level the service logs at; but only now and then, since whoever found
// how to cause it may do so again and again. An answer cut off on purpose is none.
func TestPanicIsLogged(t *testing.T) {
	log := &lockedBuilder{}
	s := &Server{options: Options{Logger: slog.New(slog.NewTextHandler(log, nil))}}
	web := httptest.NewUnstartedServer(nil)
	web.Config = s.webServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cut" {
			panic(http.ErrAbortHandler)
		}
		panic("the lamp is out")
	}))
	web.Start()
	defer web.Close()
	for _, path := range []string{"/cut", "/", "/", "/", "/cut"} {
		if r, err := http.Get(web.URL + path); err == nil {
			r.Body.Close()
			t.Errorf("%s: %s, and not cut off", path, r.Status)
		}
	}
	if n := strings.Count(log.String(), "the lamp is out"); n != 1 || !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "panics_test.go") {
		t.Errorf("%d lines of three panics:\n%s", n, log)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines in all:\n%s", n, log)
	}
}

// TestRefusedConnectionsAreLogged: what net/http says of the listener is for the
// operator, what it says of clients is not.
func TestRefusedConnectionsAreLogged(t *testing.T) {
	log := &lockedBuilder{}
	s := &Server{options: Options{Logger: slog.New(slog.NewTextHandler(log, nil))}}
	out := s.webServer(nil).ErrorLog
	out.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	out.Print("http: Accept error: accept tcp 127.0.0.1:1: accept4: too many open files; retrying in 5ms")
	if got := log.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "too many open files") || strings.Contains(got, "handshake") {
		t.Errorf("%q", got)
	}
}
