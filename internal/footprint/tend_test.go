package footprint

import (
	"context"
	"errors"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"
)

// TestBurst: memory is given back once after much was allocated or forgotten, when
// little is allocated any more, and not while nothing happens.
func TestBurst(t *testing.T) {
	const kilo, mega = 1 << 10, 1 << 20
	var b burst
	var allocated uint64
	for i, c := range []struct {
		allocates uint64
		forgets   int64
		want      bool
	}{
		{0, 0, false},
		{10 * mega, 0, false},
		{100 * mega, 0, false},
		{kilo, 0, true},
		{kilo, 0, false},
		{kilo, 30 * mega, true}, // what was kept ready lies about now
		{0, 0, false},
		{4 * mega, 0, false},
		{0, 0, false}, // not worth it
		{3 * mega, 0, false},
		{2 * mega, 20 * mega, false}, // still at work, and nothing is forgotten
		{0, 0, true},
		{0, 0, false},
	} {
		allocated += c.allocates
		forgot := false
		got := b.over(allocated, func() int64 { forgot = true; return c.forgets })
		if got != c.want || forgot != (c.allocates <= mega) {
			t.Errorf("look %d: %v, and forgot: %v", i, got, forgot)
		}
	}
	for looks := range 20 { // a trickle adds up
		allocated += mega
		if got, want := b.over(allocated, func() int64 { return 0 }), looks%8 == 7; got != want {
			t.Errorf("look %d at a trickle: %v", looks, got)
		}
	}
}

// TestTendGivesBack: what was forgotten is collected at the next look, once.
func TestTendGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		forgotten := int64(worthwhile)
		before := forcedCollections()
		go func() {
			ended <- Tend(ctx, func() int64 {
				defer func() { forgotten = 0 }()
				return forgotten
			})
		}()
		time.Sleep(3*look + 1)
		synctest.Wait()
		if got := forcedCollections() - before; got != 1 {
			t.Errorf("%d collections", got)
		}
		cancel()
		<-ended
	})
}

// forcedCollections is how many collections this process has asked for.
func forcedCollections() uint64 {
	s := []metrics.Sample{{Name: "/gc/cycles/forced:gc-cycles"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func TestTendEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Tend(ctx, func() int64 { return 0 }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
