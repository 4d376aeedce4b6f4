package awshttp

import (
	"context"

	"github.com/sealwright/sealwright/internal/fault"
)

// What requests hold in memory is bounded, however many there are and however
// slowly they come: a body of more than largeBody bytes waits for its turn.
const (
	largeBody = 1 << 20
	bodyRoom  = 128 << 20 // of all large bodies together
)

// errCrowded is the error of a large request for which there is no room.
var errCrowded = fault.New(fault.Throttled, "Too many large requests are being read at once. Try again.")

// takeRoom waits for room for a body of at most limit bytes.
func (x *exchange) takeRoom(ctx context.Context, limit int64) error {
	size := limit
	if n := x.r.ContentLength; n >= 0 {
		size = n
	}
	if size <= largeBody {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, x.h.options.Patience)
	defer cancel()
	if !x.h.room.TryAcquire(size) && x.h.room.Acquire(ctx, size) != nil {
		return errCrowded
	}
	x.room = size
	return nil
}

// leaveRoom gives back what takeRoom took.
func (x *exchange) leaveRoom() { x.h.room.Release(x.room) }
