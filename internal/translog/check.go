package translog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
)

// ErrBroken means that a log is not what it was, or not what it should be.
var ErrBroken = errors.New("the transparency log is broken")

func brokenf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrBroken}, args...)...)
}

// Source is a log to be checked: a [Store], or one that is read over the network.
type Source interface {
	Tiles(ctx context.Context, ids ...TileID) ([]Tile, error)
	Records(ctx context.Context, from int64, limit int) ([]Record, error)
}

// Check reads a whole log and reports whether it is what each of the checkpoints
// says: that its entries give their roots, and that its tiles are those of its
// entries. each hears all records in order, and may refuse one; nil hears nothing.
// Errors that wrap [ErrBroken] say what is wrong; others, that it could not be
// found out.
func Check(ctx context.Context, log Source, checkpoints []Checkpoint, each func(number int64, r Record) error) error {
	checkpoints = slices.SortedFunc(slices.Values(checkpoints), func(a, b Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	c := checker{log: log, each: each}
	for _, next := range checkpoints {
		if err := c.readTo(ctx, next.Size); err != nil {
			return err
		}
		if c.root != next.Root && next.Size > 0 {
			return brokenf("its first %d entries are not those that the checkpoint of that size was made of: one was removed, changed, added or moved since", next.Size)
		}
	}
	return nil
}

// checker grows a tree of its own from a log's entries.
type checker struct {
	log  Source
	each func(int64, Record) error
	size int64
	edge []Tile
	root Hash
}

// checkBatch is how many entries are read at once: whole tiles.
const checkBatch = 16 * TileWidth

func (c *checker) readTo(ctx context.Context, size int64) error {
	for c.size < size {
		if err := c.step(ctx, int(min(checkBatch-c.size%TileWidth, size-c.size))); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) step(ctx context.Context, want int) error {
	records, err := c.log.Records(ctx, c.size, want)
	if err != nil {
		return err
	}
	entries := make([]Hash, len(records))
	for i, r := range records {
		if c.each != nil {
			if err := c.each(c.size+int64(i), r); err != nil {
				return err
			}
		}
		entries[i] = r.Entry
	}
	g, err := grow(c.size, c.edge, entries)
	if err != nil {
		return err
	}
	if err := c.compare(ctx, g.Tiles); err != nil {
		return err
	}
	c.edge = edgeAfter(g, c.edge)
	c.size, c.root = g.Size, g.Root
	if len(records) < want {
		return brokenf("entry %d is missing", c.size)
	}
	return nil
}

// edgeAfter are the unfull tiles after a growth.
func edgeAfter(g Growth, before []Tile) (edge []Tile) {
	for _, id := range EdgeOf(g.Size) {
		for _, t := range slices.Concat(before, g.Tiles) {
			if t.TileID == id {
				edge = append(slices.DeleteFunc(edge, func(old Tile) bool { return old.TileID == id }), t)
			}
		}
	}
	return edge
}

// compare holds the log's tiles against those that its entries give.
func (c *checker) compare(ctx context.Context, tiles []Tile) error {
	for _, t := range tiles {
		stored, err := c.log.Tiles(ctx, t.TileID)
		if errors.Is(err, ErrNoTile) || err == nil && len(stored[0].Hashes) < len(t.Hashes) {
			return brokenf("tile %d of level %d is missing or too short", t.N, t.Level)
		}
		if err != nil {
			return err
		}
		for i := 0; i < len(t.Hashes); i += HashSize {
			if !bytes.Equal(t.Hashes[i:i+HashSize], stored[0].Hashes[i:i+HashSize]) {
				return differs(t.TileID, i/HashSize)
			}
		}
	}
	return nil
}

// differs says which entries a hash is of that is not what the entries give.
func differs(t TileID, i int) error {
	width := int64(1) << (TileHeight * t.Level)
	first := (t.N*TileWidth + int64(i)) * width
	if width == 1 {
		return brokenf("entry %d is not the one that the tree was made of", first)
	}
	return brokenf("entries %d to %d are not those that the tree was made of", first, first+width-1)
}

// Ledger is what a log is held against: the signing jobs, and the journal that
// tells in which order they were made.
type Ledger struct {
	Jobs    Jobs
	Journal journal.Reader
	Read    func(journal.Entry) (Record, bool, error) // as in [Options]
	// Delivered is how far the journal was delivered to the log, by its tailer's
	// stand. What comes after it is not missing.
	Delivered journal.Position
	// Kept is a time: jobs whose signatures ended before it may be gone.
	Kept time.Time
}

// Jobs are the signing jobs.
type Jobs interface {
	// Record returns the record that a job should have, and false if there is no
	// such job.
	Record(ctx context.Context, account arn.AccountID, job string) (Record, bool, error)
	// Unlogged returns at most limit records of jobs that have none in the log.
	Unlogged(ctx context.Context, limit int) ([]Record, error)
}

// maxPending bounds how many jobs may wait for their entries when a log is held
// against them.
const maxPending = 100_000

// CheckAgainst holds a log against the jobs, one to one, and against the journal's
// order. What the entries say is for [Check], with [Ledger.Entry].
func (b Ledger) CheckAgainst(ctx context.Context, log Store) error {
	strays, err := b.Jobs.Unlogged(ctx, maxPending)
	if err != nil {
		return err
	}
	pending, err := b.order(ctx, log) // after: the journal then has all strays
	if err != nil {
		return err
	}
	for _, r := range strays {
		if !pending[r.Job] {
			return brokenf("job %s of account %s has no entry", r.Job, r.Account)
		}
	}
	if len(strays) == maxPending {
		return fmt.Errorf("%d jobs or more have yet to be entered: check again when the log has caught up", maxPending)
	}
	return nil
}

// order walks the journal: each signature it tells of has the number after the one
// before, and is what the log has. It returns the jobs that were not delivered yet.
func (b Ledger) order(ctx context.Context, log Store) (pending map[string]bool, err error) {
	pending = map[string]bool{}
	var after journal.Position
	walk := follower{log: log, next: -1}
	for {
		entries, err := b.Journal.Read(ctx, after, 1000)
		if err != nil || len(entries) == 0 {
			return pending, err
		}
		for _, e := range entries {
			r, ok, err := b.Read(e)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			if e.Position > b.Delivered {
				pending[r.Job] = true
			} else if err := walk.follow(ctx, r); err != nil {
				return nil, err
			}
		}
		after = entries[len(entries)-1].Position
	}
}

// follower goes through a log's records in the journal's order.
type follower struct {
	log  Store
	next int64    // number of the record that should come; -1: not known yet
	page []Record // of the log, from next on
}

// follow checks that a record of the journal is the next of the log. When the
// signature ended is part of it: by that, jobs may be gone.
func (f *follower) follow(ctx context.Context, r Record) error {
	if len(f.page) == 0 || f.page[0].Account != r.Account || f.page[0].Job != r.Job {
		if err := f.find(ctx, r); err != nil {
			return err
		}
	}
	has := f.page[0]
	if has.Entry != r.Entry || !has.ExpiresAt.Equal(r.ExpiresAt) {
		return brokenf("entry %d is not what job %s of account %s was, by the journal: one of them was changed", f.next, r.Job, r.Account)
	}
	f.next, f.page = f.next+1, f.page[1:]
	return nil
}

// find reads on from where a record is, which must be where it should be.
func (f *follower) find(ctx context.Context, r Record) error {
	n, err := f.log.Number(ctx, r.Account, r.Job)
	switch {
	case errors.Is(err, ErrNotLogged):
		return brokenf("job %s of account %s has no entry, though the journal has it", r.Job, r.Account)
	case err != nil:
		return err
	case f.next >= 0 && n != f.next:
		return brokenf("job %s has entry %d, and by the journal's order should have entry %d", r.Job, n, f.next)
	}
	f.next = n
	if f.page, err = f.log.Records(ctx, n, checkBatch); err == nil && len(f.page) == 0 {
		err = brokenf("entry %d is missing", n)
	}
	return err
}

// Entry holds one record against its job.
func (b Ledger) Entry(ctx context.Context) func(number int64, r Record) error {
	return func(number int64, r Record) error {
		should, ok, err := b.Jobs.Record(ctx, r.Account, r.Job)
		switch {
		case err != nil:
			return err
		case !ok && r.ExpiresAt.Before(b.Kept):
			return nil // its time is over
		case !ok:
			return brokenf("entry %d is of job %s of account %s, which is not on record", number, r.Job, r.Account)
		case should.Entry != r.Entry:
			return brokenf("entry %d is not what job %s of account %s says: one of them was changed", number, r.Job, r.Account)
		}
		return nil
	}
}
