package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/envelope"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/translog"
)

// runAt serves with another time.
func runAt(t *testing.T, c config.Config, now func() time.Time) (s *Server, stop func()) {
	t.Helper()
	s, err := Open(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	var ended bool
	stop = func() {
		if cancel(); ended {
			return
		}
		ended = true
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return s, stop
}

// until waits for something that the service does by itself.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 1200 { // a minute
		if is() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("it never came: %s", what)
}

// TestLogIsWholeWithoutEndedJobs: a service removes by itself the jobs of
// signatures that ended long ago, and its log is still held against what is left.
func TestLogIsWholeWithoutEndedJobs(t *testing.T) {
	ctx, c := t.Context(), settings(t)
	past := time.Now().AddDate(0, -8, 0)
	key := signing.ProfileKey{Account: "111122223333", Name: "short"}
	s, stop := runAt(t, c, func() time.Time { return past })
	if _, err := s.signing.PutProfile(ctx, signing.ProfileSpec{ProfileKey: key, Platform: signing.NotationPlatform, Validity: signing.ValidityPeriod{Value: 1, Unit: signing.Days}}); err != nil {
		t.Fatal(err)
	}
	sign := func(s *Server) signing.JobKey {
		t.Helper()
		made, err := s.signing.Sign(ctx, signing.SignRequest{Caller: signing.Caller{Account: key.Account}, Profile: key, Format: envelope.PayloadMediaType,
			Payload: []byte(`{"targetArtifact":{"mediaType":"a/b","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1}}`)})
		if err != nil {
			t.Fatal(err)
		}
		return made.Job.JobKey
	}
	logged := func(s *Server, n int64) {
		t.Helper()
		until(t, "the entries", func() bool {
			head, err := s.records.Translog().Head(ctx)
			return err == nil && head.Size == n
		})
	}
	old := sign(s)
	logged(s, 1)
	stop()

	s, _ = runAt(t, c, time.Now)
	until(t, "the removal", func() bool {
		_, err := s.records.Jobs().Job(ctx, old)
		return errors.Is(err, signing.ErrJobNotFound)
	})
	sign(s)
	logged(s, 2)
	check := func(kept time.Time) error {
		stand, err := s.records.Tailers().Stand(ctx, translog.Tailer)
		if err != nil {
			t.Fatal(err)
		}
		head, err := s.records.Translog().Head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		l := translog.Ledger{Jobs: s.records.LoggedJobs(), Journal: s.records.Journal(), Read: signing.LogRecordOf, Delivered: stand.Position, Kept: kept}
		if err := l.CheckAgainst(ctx, s.records.Translog()); err != nil {
			return err
		}
		return translog.Check(ctx, s.records.Translog(), []translog.Checkpoint{{Size: head.Size, Root: head.Root}}, l.Entry(ctx))
	}
	if err := check(signing.GoneBefore(time.Now())); err != nil {
		t.Error(err)
	}
	if err := check(past); !errors.Is(err, translog.ErrBroken) || !strings.Contains(err.Error(), old.ID) {
		t.Errorf("a job that should be there: %v", err)
	}
}
