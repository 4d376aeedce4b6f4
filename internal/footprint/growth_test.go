package footprint

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// TestGrow: memory has a soft limit, which the cache of reads comes on top of
// and the environment overrules.
func TestGrow(t *testing.T) {
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })
	t.Setenv("GOGC", "100")
	t.Setenv("GOMEMLIMIT", "1GiB")
	Grow(4 << 30)
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("the limit of the environment was replaced by %d", got)
	}
	if got := goPercent(); got != math.MaxUint64 {
		t.Errorf("the percentage of the environment was replaced by %d", got)
	}
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	Grow(4 << 30)
	if got := debug.SetMemoryLimit(-1); got != 4<<30+640<<20 {
		t.Errorf("limit: %d", got)
	}
	kept := make([]byte, 256<<20) // which would allow for a gigabyte of garbage
	for begun := time.Now(); goPercent() >= 100; {
		runtime.GC() // what follows it does so on a goroutine of its own
		if time.Since(begun) > time.Minute {
			t.Fatalf("%d%% of 256 MiB without pointers may be garbage", goPercent())
		}
	}
	runtime.KeepAlive(kept)
}

// goPercent is Go's percentage.
func goPercent() uint64 {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// TestShareOfGarbage: what has no pointers allows for no garbage, as what has some
// does, and a little is always allowed.
func TestShareOfGarbage(t *testing.T) {
	const mega = 1 << 20
	for _, c := range []struct {
		found
		want int
	}{
		{found{live: 20 * mega, scanned: 20 * mega}, heapGrowth},
		{found{live: 100 * mega, scanned: 10 * mega}, heapGrowth / 10},
		{found{live: 95 * mega, scanned: 5 * mega, roots: 5 * mega}, heapGrowth / 10},
		{found{live: 8 * mega, scanned: 8 * mega}, 400},
		{found{live: 32 * mega, scanned: 2 * mega}, 25},
		{found{live: 1 << 40, scanned: mega}, 1},
		{found{live: 0, scanned: mega}, mostGrowth}, // before the first collection
		{found{}, mostGrowth},
	} {
		if got := c.growth(); got != c.want {
			t.Errorf("%+v: %d, want %d", c.found, got, c.want)
		}
	}
}
