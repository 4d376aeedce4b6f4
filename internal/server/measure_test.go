package server

import (
	"runtime"
	"testing"

	"github.com/sealwright/sealwright/internal/registry"
)

// TestRoundGivesBackMemory: a round of the collection ends with the heap collected.
func TestRoundGivesBackMemory(t *testing.T) {
	s, _ := run(t, settings(t))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s.measureCollected(registry.Collected{Rounds: 1})
	runtime.ReadMemStats(&after)
	if after.NumForcedGC == before.NumForcedGC {
		t.Error("the heap was not collected")
	}
}
