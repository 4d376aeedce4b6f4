package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
)

// probe asks an open server, forgetting what it found before.
func probe(s *Server, path string) (int, string) {
	patientReadiness(s).kept = 0
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil))
	return w.Code, w.Body.String()
}

// patientReadiness gives a server's checks all the time that a busy disk may want.
func patientReadiness(s *Server) *readiness {
	s.ready.mu.Lock()
	defer s.ready.mu.Unlock()
	s.ready.within = time.Minute
	return s.ready
}

// opened is a server with a clock of the test's and a log, closed at its end.
func opened(t *testing.T, now func() time.Time, log *strings.Builder) *Server {
	t.Helper()
	s, err := Open(t.Context(), settings(t), Options{Logger: slog.New(slog.NewTextHandler(log, nil)), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestReadyTellsTheTruth(t *testing.T) {
	uploads := func(s *Server) string { return filepath.Join(s.config.Data, "uploads") }
	offset := time.Duration(0)
	for name, tt := range map[string]struct {
		breaks, mends func(s *Server) error
		says          string
	}{
		"records": {func(s *Server) error { return s.records.Close() }, nil, "the records do not answer\n"},
		"blobs": {
			func(s *Server) error { return os.Rename(uploads(s), uploads(s)+".away") },
			func(s *Server) error { return os.Rename(uploads(s)+".away", uploads(s)) },
			"blobs cannot be written\n",
		},
		"certificate": {
			func(*Server) error { offset = 100 * 365 * 24 * time.Hour; return nil },
			func(*Server) error { offset = 0; return nil },
			"there is no certificate to sign with\n",
		},
		"key": {
			func(s *Server) error {
				keys, err := s.records.AuthorityKeys().Keys(context.Background())
				for _, k := range keys {
					err = errors.Join(err, s.records.AuthorityKeys().DeleteKey(context.Background(), k.ID, journal.Event{ID: k.ID}))
				}
				return err
			},
			nil, "the issuing CA or its key cannot be used\n",
		},
		"issuing CA": {
			func(s *Server) error {
				_, _, err := s.authority.Revoke(context.Background(), active(s), authority.KeyCompromise)
				return err
			},
			func(s *Server) error {
				_, err := s.authority.Rotate(context.Background(), active(s))
				return err
			},
			"the issuing CA or its key cannot be used\n",
		},
		"stopping": {func(s *Server) error { s.stopping.Store(true); return nil }, nil, "the service is stopping\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			s := opened(t, func() time.Time { return time.Now().Add(offset) }, &log)
			defer func() { offset = 0 }()
			if code, text := probe(s, readyz); code != http.StatusOK || text != "ready\n" {
				t.Fatalf("at first: %d %q", code, text)
			}
			if err := tt.breaks(s); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if code, text := probe(s, readyz); code != http.StatusServiceUnavailable || !strings.Contains(text, tt.says) {
					t.Errorf("broken: %d %q", code, text)
				}
			}
			if strings.Count(log.String(), "because=\""+strings.TrimSpace(tt.says)) != 1 {
				t.Errorf("the log should say so once:\n%s", log.String())
			}
			if code, text := probe(s, healthz); code != http.StatusOK || text != "ok\n" {
				t.Errorf("health: %d %q", code, text)
			}
			if tt.mends == nil {
				return
			}
			if err := tt.mends(s); err != nil {
				t.Fatal(err)
			}
			if code, text := probe(s, readyz); code != http.StatusOK || !strings.Contains(log.String(), "ready again") {
				t.Errorf("mended: %d %q\n%s", code, text, log.String())
			}
		})
	}
}

// TestHangingCheckIsNotWaitedFor: a disk that hangs knows of no context, and
// must neither hang the probe nor gather goroutines.
func TestHangingCheckIsNotWaitedFor(t *testing.T) { synctest.Test(t, hangingCheck) }

func hangingCheck(t *testing.T) {
	began, release := make(chan struct{}, 10), make(chan struct{})
	p := &readiness{logger: slog.New(slog.DiscardHandler), within: readyWithin, checks: []*check{
		{failing: "it hangs", run: func(context.Context) error { began <- struct{}{}; <-release; return nil }},
		{failing: "never", run: func(context.Context) error { return nil }},
	}}
	for range 3 {
		if found := p.failing(); len(found) != 1 || found[0].failing != "it hangs" {
			t.Errorf("found %q", found)
		}
	}
	if len(began) != 1 {
		t.Errorf("the check was begun %d times while it hung", len(began))
	}
	close(release)
	synctest.Wait()
	if found := p.failing(); found != nil {
		t.Errorf("afterwards found %q", found)
	}
}

func TestReadinessIsRememberedForAMoment(t *testing.T) {
	runs := 0
	p := &readiness{logger: slog.New(slog.DiscardHandler), within: time.Minute, kept: time.Hour, checks: []*check{
		{failing: "never", run: func(context.Context) error { runs++; return nil }},
	}}
	p.failing()
	p.failing()
	if runs != 1 {
		t.Errorf("%d runs within the time an answer is kept", runs)
	}
	if readyKept > time.Second {
		t.Errorf("an answer is kept for %s", readyKept)
	}
}

func TestProbesTakeGetAndHeadOnly(t *testing.T) {
	var log strings.Builder
	s := opened(t, nil, &log)
	patientReadiness(s)
	for _, path := range []string{healthz, readyz} {
		for method, want := range map[string]int{http.MethodGet: 200, http.MethodHead: 200, http.MethodPost: 405} {
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequest(method, "http://localhost"+path, nil))
			if w.Code != want {
				t.Errorf("%s %s: %d, want %d", method, path, w.Code, want)
			}
		}
	}
}

// active is the ID of the issuing CA that is active.
func active(s *Server) string {
	cas, err := s.records.Authority().Authorities(context.Background())
	if err != nil {
		panic(err)
	}
	return cas.Active
}
