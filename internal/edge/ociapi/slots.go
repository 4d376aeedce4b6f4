package ociapi

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
)

// errTooManyUploads is answered with 429, which clients take as "later".
var errTooManyUploads = fault.New(fault.Throttled, "too many uploads arrive at once: try again in a moment")

// Slots bounds how many uploads' bodies arrive at once, and with that the memory
// they take. An upload that nothing is sent to takes no slot. It is safe for
// concurrent use; a nil one bounds nothing.
type Slots struct {
	taken   chan struct{}
	wait    time.Duration
	refused atomic.Uint64
}

// NewSlots makes n slots. Who comes when none is free waits for one, but no
// longer than wait: a short burst is slowed, not refused.
func NewSlots(n int, wait time.Duration) *Slots {
	return &Slots{taken: make(chan struct{}, n), wait: wait}
}

// Taken is how many uploads arrive now.
func (s *Slots) Taken() int { return len(s.taken) }

// Limit is how many may.
func (s *Slots) Limit() int { return cap(s.taken) }

// Refused is how many have waited in vain.
func (s *Slots) Refused() uint64 { return s.refused.Load() }

// take returns how to give the slot back, or errTooManyUploads.
func (s *Slots) take(ctx context.Context) (release func(), err error) {
	if s == nil {
		return func() {}, nil
	}
	release = func() { <-s.taken }
	select {
	case s.taken <- struct{}{}:
		return release, nil
	default:
	}
	timer := time.NewTimer(s.wait)
	defer timer.Stop()
	select {
	case s.taken <- struct{}{}:
		return release, nil
	case <-timer.C:
		s.refused.Add(1)
		return nil, errTooManyUploads
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
