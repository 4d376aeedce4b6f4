package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	readyWithin = 2 * time.Second // for a check to answer
	readyKept   = time.Second     // for what was found
)

// check is one thing that must be so for the service to do its work.
type check struct {
	failing string // what to say when it is not: it is told to anybody
	tells   bool   // whether the error says more that may be told
	run     func(context.Context) error
	running atomic.Bool
}

// readiness tells whether the service can do its work, by trying.
type readiness struct {
	checks []*check
	logger *slog.Logger
	within time.Duration
	kept   time.Duration

	mu    sync.Mutex // held while it is being found out
	at    time.Time
	found []finding // what is failing
}

// finding is a check that fails.
type finding struct{ failing, more string }

// String is what is told to whoever asks.
func (f finding) String() string {
	if f.more == "" {
		return f.failing
	}
	return f.failing + ": " + f.more
}

// newReadiness makes the checks: that the records answer, that blobs can be
// written, that the key which certifies signing keys can be used, and that there
// is a certificate to sign with, or one can be had.
func (s *Server) newReadiness() *readiness {
	return &readiness{logger: s.options.Logger, within: readyWithin, kept: readyKept, checks: []*check{
		{failing: "the service is stopping", run: s.running},
		{failing: "the records do not answer", run: s.records.Ping},
		{failing: "blobs cannot be written", run: func(context.Context) error { return s.blobs.Check() }},
		{failing: "the issuing CA or its key cannot be used", run: s.authority.CheckIssuing},
		{failing: "there is no certificate to sign with", run: func(ctx context.Context) error {
			_, err := s.authority.Leaf(ctx)
			return err
		}},
		{failing: "the audit record is not kept up", run: s.auditKeepsUp, tells: true},
	}}
}

// running fails once the service was told to stop.
func (s *Server) running(context.Context) error {
	if s.stopping.Load() {
		return errors.New("it was told to stop")
	}
	return nil
}

// ServeHTTP answers 200, or 503 with what is failing, one to a line.
func (p *readiness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !probing(w, r) {
		return
	}
	failing := p.failing()
	if len(failing) == 0 {
		io.WriteString(w, "ready\n")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	for _, f := range failing {
		io.WriteString(w, f.String()+"\n")
	}
}

// failing finds out what is failing, or remembers it for a moment: a probe costs
// a transaction and a file, and anybody may send it.
func (p *readiness) failing() []finding {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() || time.Since(p.at) >= p.kept {
		was := p.found
		p.found = p.try(was)
		p.at = time.Now()
		if was != nil && p.found == nil {
			p.logger.Info("ready again")
		}
	}
	return p.found
}

// try runs all checks at once, and logs what has begun to fail.
func (p *readiness) try(was []finding) (failing []finding) {
	ctx, cancel := context.WithTimeout(context.Background(), p.within)
	defer cancel()
	results := make([]error, len(p.checks))
	var all sync.WaitGroup
	for i, c := range p.checks {
		all.Go(func() { results[i] = c.try(ctx) })
	}
	all.Wait()
	for i, c := range p.checks {
		if results[i] != nil {
			failing = append(failing, c.finding(results[i]))
			if !slices.ContainsFunc(was, func(f finding) bool { return f.failing == c.failing }) {
				p.logger.Error("not ready", "because", c.failing, "error", results[i])
			}
		}
	}
	return failing
}

// finding is what to say of the check's error.
func (c *check) finding(err error) finding {
	if c.tells {
		return finding{c.failing, err.Error()}
	}
	return finding{failing: c.failing}
}

var errNoAnswer = errors.New("no answer in time")

// try runs the check, but waits only as long as ctx says: a disk that hangs does
// not know of contexts. While a run hangs, no other is started.
func (c *check) try(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return errNoAnswer
	}
	done := make(chan error, 1)
	go func() {
		err := c.run(ctx)
		c.running.Store(false) // before anybody can ask again
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errNoAnswer
	}
}

// healthy says that the process serves. Whether it can do its work is readiness,
// which is another question.
func healthy(w http.ResponseWriter, r *http.Request) {
	if probing(w, r) {
		io.WriteString(w, "ok\n")
	}
}

// probing begins the answer to a probe, and refuses what is none.
func probing(w http.ResponseWriter, r *http.Request) bool {
	header := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "GET this path to learn how the service is.", http.StatusMethodNotAllowed)
		return false
	}
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	return true
}
