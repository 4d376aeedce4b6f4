package footprint

import (
	"context"
	"runtime/metrics"
	"time"
)

const (
	// look is how often Tend looks what goes on.
	look = 3 * time.Second
	// quiet is how much a service may allocate between two looks that does next to
	// nothing: it is some seventy requests a second.
	quiet = 1 << 20
	// worthwhile is how much garbage is worth a collection of its own.
	worthwhile = 8 << 20
)

// Tend gives memory back whenever a burst of work is over: Go itself would keep what
// its heap came to for minutes, and most of it for good. Every few seconds in which
// next to nothing goes on it has forget let go of what is not asked for any more,
// which returns how many bytes that was. Tend returns when ctx is done, with its error.
func Tend(ctx context.Context, forget func() int64) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	b := burst{seen: allocated()}
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if b.over(allocated(), forget) {
			_ = GiveBack() // if it fails, more stays in memory
		}
	}
}

// allocated is how many bytes the process has ever had from its heap.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// burst is what may have become garbage since memory was given back.
type burst struct {
	seen    uint64 // what had been allocated at the last look
	garbage uint64 // at most, in bytes
}

// over is told at each look what has been allocated ever. It says whether there is
// much to give back, and nothing going on. Only then does it have things forgotten:
// those that went while work goes on would lie about beside those made in their place.
func (b *burst) over(allocated uint64, forget func() int64) bool {
	since := allocated - b.seen
	b.seen = allocated
	b.garbage += since
	if since > quiet {
		return false
	}
	b.garbage += uint64(forget())
	if b.garbage < worthwhile {
		return false
	}
	b.garbage = 0
	return true
}
