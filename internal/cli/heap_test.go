package cli

import (
	"math"
	"runtime/debug"
	"testing"
)

// TestLetHeapGrow: memory has a soft limit, which the cache of reads comes on top of
// and the environment overrules.
func TestLetHeapGrow(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "1GiB")
	letHeapGrow(4 << 30)
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("the limit of the environment was replaced by %d", got)
	}
	t.Setenv("GOMEMLIMIT", "")
	letHeapGrow(4 << 30)
	if got := debug.SetMemoryLimit(-1); got != 4<<30+640<<20 {
		t.Errorf("limit: %d", got)
	}
	if got := debug.SetGCPercent(100); got != heapGrowth {
		t.Errorf("growth: %d", got)
	}
}
