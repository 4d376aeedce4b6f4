package registry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/registry"
)

const beat = 20 * time.Second

// leads lets a place make a step of Run, and checks whether it leads then.
func (p *place) leads(want bool) {
	p.t.Helper()
	must(p.t, p.Lead(p.t.Context()))
	if p.Leads() != want {
		p.t.Fatalf("leads: %t", !want)
	}
}

// TestOneCollects: of two processes one makes rounds. When it is gone, the other
// does, in bounded time, and keeps to it when the first comes back.
func TestOneCollects(t *testing.T) { onEach(t, oneCollects) }

func oneCollects(t *testing.T, fresh func(testing.TB) site) {
	a := openPlace(t, fresh(t), never)
	b := openPlace(t, a.site, never)
	for range 1 + registry.DefaultCollectInterval/beat {
		a.leads(true)
		b.leads(false)
		a.wait(beat)
	}
	if a.rounds.Load() != 2 || b.rounds.Load() != 0 {
		t.Errorf("%d and %d rounds in an interval", a.rounds.Load(), b.rounds.Load())
	}
	beats := 0
	for ; !b.Leads() && beats < 10; beats++ { // a is no more
		must(t, b.Lead(t.Context()))
		a.wait(beat)
	}
	if beats < 3 || beats > 4 || b.rounds.Load() != 1 {
		t.Errorf("the other leads after %d beats, and made %d rounds", beats, b.rounds.Load())
	}
	a.leads(false)
	b.leads(true)
}

// TestLeaderIsReplacedInARound: who was held up for so long that another leads ends
// its round.
func TestLeaderIsReplacedInARound(t *testing.T) {
	a := openPlace(t, onSQLite(t), never)
	b := openPlace(t, a.site, never)
	a.hook = func(step string) error {
		if step == "before Sweep" {
			b.leads(false)
			a.wait(4 * beat)
			b.leads(true)
		}
		return nil
	}
	a.leads(false)
	if a.rounds.Load() != 0 || b.rounds.Load() != 1 {
		t.Errorf("%d and %d rounds", a.rounds.Load(), b.rounds.Load())
	}
}

// TestLeaderWhoseAnswersAreLost still leads once it hears again: it knows what it
// said, heard or not.
func TestLeaderWhoseAnswersAreLost(t *testing.T) {
	for _, at := range []string{"before SwapBeat", "after SwapBeat"} {
		lost := errors.New("lost")
		a := openPlace(t, onSQLite(t), never)
		a.leads(true)
		a.hook = func(step string) error {
			if step == at {
				return lost
			}
			return nil
		}
		a.wait(beat)
		if err := a.Lead(t.Context()); !errors.Is(err, lost) || a.Leads() {
			t.Errorf("%s: %v, leads: %t", at, err, a.Leads())
		}
		a.hook = never
		a.leads(true)
	}
}

// TestLeaderParts: when a process stops, the next leads at once.
func TestLeaderParts(t *testing.T) { onEach(t, leaderParts) }

func leaderParts(t *testing.T, fresh func(testing.TB) site) {
	a := openPlace(t, fresh(t), never)
	b := openPlace(t, a.site, never)
	ctx, stop := context.WithCancel(t.Context())
	a.hook = func(step string) error {
		if step == "before Sweep" { // it leads
			stop()
		}
		return nil
	}
	must(t, a.Run(ctx, func(err error) { t.Error(err) }))
	if a.Leads() {
		t.Error("it leads on")
	}
	b.leads(true)
}

// TestStoresApart: processes that share records, and have blobs of their own, collect
// their own.
func TestStoresApart(t *testing.T) {
	a := openPlace(t, onSQLite(t), never)
	apart := newSite(a.database, t.TempDir())
	a.leads(true)
	openPlace(t, apart, never).leads(true)
	a.leads(true)
}
