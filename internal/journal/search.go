package journal

import (
	"context"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
)

// Filter chooses events of one account. What is zero does not narrow.
type Filter struct {
	Account   arn.AccountID // whose events; "" is those that belong to the whole installation
	From, To  time.Time     // inclusive
	ID        string
	RequestID string
	Name      string // eventName
	Source    string // eventSource
	Principal string // ARN
	AccessKey string // its ID
	Resource  string // ARN
	ErrorCode string
	Failed    *bool
	ReadOnly  *bool
	Before    Cursor // older than this one
	Limit     int    // required
}

// Cursor is a place in a list of events, the newest first. The zero Cursor is the
// beginning.
type Cursor struct {
	Time     time.Time
	Position Position
}

// Place is where an entry stands in such a list.
func (e Entry) Place() Cursor { return Cursor{e.Time, e.Position} }

// Searcher finds events.
type Searcher interface {
	// Search returns the newest events that a filter chooses, the newest first, at
	// most f.Limit.
	Search(ctx context.Context, f Filter) ([]Entry, error)
}

// ErrTimeRange means that a filter ends before it begins.
var ErrTimeRange = fault.New(fault.Invalid, "the time range ends before it begins")

// Check says whether a filter makes sense.
func (f Filter) Check() error {
	if !f.From.IsZero() && !f.To.IsZero() && f.To.Before(f.From) {
		return ErrTimeRange
	}
	return nil
}
