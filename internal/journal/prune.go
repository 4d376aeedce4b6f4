package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Trimmer takes rows out of the journal.
type Trimmer interface {
	// Trim removes entries that are older than a time and stand at or before a
	// position, the oldest first, at most limit; passing means only those that
	// changed nothing. It returns how many it was.
	Trim(ctx context.Context, t Trim, limit int) (removed int, err error)
}

// Trim says which entries go.
type Trim struct {
	Before  time.Time
	UpTo    Position
	Passing bool // reads and refused calls alone
}

// PrunerOptions are what a [Pruner] is made from. Journal, Stands and Newest are
// required.
type PrunerOptions struct {
	Journal     Trimmer
	Stands      Stands
	Tailers     []string                                // what they have not delivered stays
	Newest      func(context.Context) (Position, error) // the last position in use
	Keep        time.Duration                           // of everything; 0 is for good
	KeepPassing time.Duration                           // of reads and refused calls; 0 is as long as everything
	Now         func() time.Time                        // nil means time.Now
	Told        func(removed int, err error)            // hears of each round that did something; nil for nobody
}

// Pruner removes what the journal need not keep.
type Pruner struct{ o PrunerOptions }

const (
	pruneInterval = time.Hour
	pruneStep     = 500                   // entries removed in one transaction
	prunePause    = 50 * time.Millisecond // between two, for others
)

// NewPruner checks the options.
func NewPruner(o PrunerOptions) (*Pruner, error) {
	if o.Journal == nil || o.Stands == nil || o.Newest == nil || o.Keep < 0 || o.KeepPassing < 0 {
		return nil, errors.New("journal: a pruner needs a journal, stands and the newest position")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Told == nil {
		o.Told = func(int, error) {}
	}
	return &Pruner{o}, nil
}

// Run prunes now and every hour until ctx ends. It returns nil.
func (p *Pruner) Run(ctx context.Context) error {
	tick := time.NewTicker(pruneInterval)
	defer tick.Stop()
	for {
		if removed, err := p.round(ctx); ctx.Err() == nil && (removed > 0 || err != nil) {
			p.o.Told(removed, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// round takes steps until one finds little.
func (p *Pruner) round(ctx context.Context) (removed int, err error) {
	for {
		n, err := p.Step(ctx)
		removed += n
		if err != nil || n < pruneStep {
			return removed, err
		}
		select {
		case <-time.After(prunePause):
		case <-ctx.Done():
			return removed, ctx.Err()
		}
	}
}

// Step removes a bounded number of entries.
func (p *Pruner) Step(ctx context.Context) (removed int, err error) {
	if p.o.Keep == 0 && p.o.KeepPassing == 0 {
		return 0, nil
	}
	upTo, err := p.consumed(ctx)
	if err != nil || upTo <= 0 {
		return 0, err
	}
	now := p.o.Now()
	trims := []Trim{
		{Before: now.Add(-cmp.Or(p.o.KeepPassing, p.o.Keep)), UpTo: upTo, Passing: true},
	}
	if p.o.Keep > 0 {
		trims = append(trims, Trim{Before: now.Add(-p.o.Keep), UpTo: upTo})
	}
	for _, t := range trims {
		n, err := p.o.Journal.Trim(ctx, t, pruneStep)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("prune the journal: %w", err)
		}
	}
	return removed, nil
}

// consumed is the last position that may go: all tailers have delivered it, and it
// is not the newest, from which SQLite takes the next.
func (p *Pruner) consumed(ctx context.Context) (Position, error) {
	newest, err := p.o.Newest(ctx)
	if err != nil {
		return 0, err
	}
	last := newest - 1
	for _, name := range p.o.Tailers {
		at, err := p.o.Stands.Stand(ctx, name)
		if err != nil {
			return 0, err
		}
		last = min(last, at.Position)
	}
	return last, nil
}
