package authority_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	corex509 "github.com/notaryproject/notation-core-go/x509"

	"github.com/sealwright/sealwright/internal/authority"
)

func TestStepReplacesAtHalfLife(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	step := func() {
		t.Helper()
		if err := a.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	step()
	first := leafOf(t, a)
	w.clock.advance(authority.DefaultLeafValidity/2 - time.Minute)
	step()
	if leafOf(t, a).ID != first.ID {
		t.Error("replaced before half its life")
	}
	w.clock.advance(2 * time.Minute)
	if leafOf(t, a).ID != first.ID {
		t.Error("a request replaced it although the background loop is not late")
	}
	step()
	if leafOf(t, a).ID == first.ID {
		t.Error("not replaced at half its life")
	}
}

// TestLeafWithoutRun moves the clock far, with nobody stepping: each leaf that
// comes back must be good at that moment.
func TestLeafWithoutRun(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	for _, forward := range []time.Duration{0, time.Hour, 40 * time.Hour, 15 * time.Hour, 71 * time.Hour, 1000 * time.Hour, -20 * time.Hour} {
		w.clock.advance(forward)
		at := w.clock.now()
		if err := corex509.ValidateCodeSigningCertChain(parse(t, leafOf(t, a).Chain()), &at); err != nil {
			t.Errorf("after %v more: %v", forward, err)
		}
	}
}

// TestReplacingIsOnce has many requests find the leaf late at the same time.
func TestReplacingIsOnce(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	first := leafOf(t, a)
	w.clock.advance(authority.DefaultLeafValidity)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			leaf, err := a.Leaf(t.Context())
			if err != nil || leaf.ID == first.ID {
				t.Errorf("leaf %v, %v", leaf, err)
				return
			}
			if _, err := leaf.Sign(make([]byte, 48)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	leaves, err := w.store.Certificates(t.Context(), authority.Leaf)
	if err != nil || len(leaves) != 2 {
		t.Errorf("%d leaves were issued, %v", len(leaves), err)
	}
}

func TestStoreIsAway(t *testing.T) {
	w := newWorld(t)
	broken := &brokenStore{Store: w.store}
	w.store = broken
	a := w.started(t)
	first := leafOf(t, a)
	broken.broken.Store(&errBroken)
	w.clock.advance(authority.DefaultLeafValidity * 7 / 8)
	if leafOf(t, a).ID != first.ID {
		t.Error("another leaf, though it could not be recorded")
	}
	if err := a.Step(t.Context()); !errors.Is(err, errBroken) {
		t.Errorf("step: %v", err)
	}
	w.clock.advance(authority.DefaultLeafValidity / 8)
	if leaf, err := a.Leaf(t.Context()); !errors.Is(err, errBroken) {
		t.Errorf("past its end: %v, %v", leaf, err)
	}
	broken.broken.Store(nil)
	if leafOf(t, a).ID == first.ID {
		t.Error("not replaced once the store is back")
	}
}

func TestDiscard(t *testing.T) {
	a := newWorld(t).started(t)
	first := leafOf(t, a)
	a.Discard("another")
	if leafOf(t, a) != first {
		t.Error("discarded under another's name")
	}
	a.Discard(first.ID)
	if leafOf(t, a).ID == first.ID {
		t.Error("not discarded")
	}
}

// TestIssuingCAEnds walks over the end of the issuing CA.
func TestIssuingCAEnds(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	issuing := parse(t, leafOf(t, a).Chain())[1]
	w.clock.advance(issuing.NotAfter.Add(-time.Hour).Sub(w.clock.now()))
	leaf := leafOf(t, a)
	if !leaf.NotAfter.Equal(issuing.NotAfter) {
		t.Errorf("the leaf ends %v, the issuing CA %v", leaf.NotAfter, issuing.NotAfter)
	}
	at := w.clock.now()
	if err := corex509.ValidateCodeSigningCertChain(parse(t, leaf.Chain()), &at); err != nil {
		t.Error(err)
	}
	w.clock.advance(time.Hour)
	if _, err := a.Leaf(t.Context()); !errors.Is(err, authority.ErrIssuingCAEnded) {
		t.Errorf("at its end: %v", err)
	}
	w.clock.advance(issuing.NotBefore.Add(-time.Second).Sub(w.clock.now()))
	if _, err := a.Leaf(t.Context()); !errors.Is(err, authority.ErrIssuingCAEnded) {
		t.Errorf("before its beginning: %v", err)
	}
}

func TestRunStops(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	for { // Run issues the first leaf at once
		if leaves, err := w.store.Certificates(t.Context(), authority.Leaf); err != nil || len(leaves) == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
}
