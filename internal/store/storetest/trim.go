package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
)

// Trim is the contract of [journal.Trimmer], alone and under a pruner.
func Trim(t *testing.T, open func(t *testing.T) Stores) {
	suite(t, open, []scenario{
		{"only what is old, passing and delivered", trims},
		{"a pruner keeps what it must", prunes},
	})
}

// passages writes events that are a day apart, every second one a read, and
// returns when the first was. The accounts are there.
func (d *desk) passages(n int) time.Time {
	start := d.tick()
	for i := range n {
		e := event(fmt.Sprint("Event", i))
		e.Time = start.Add(time.Duration(i) * 24 * time.Hour)
		e.Outcome.ReadOnly = i%2 == 1
		if i%6 == 4 {
			e.Account = "" // the installation's
		}
		d.must(d.Appender.Append(ctx, []journal.Event{e}))
	}
	return start
}

// left are the numbers of the events that are left.
func (d *desk) left() (numbers []int) {
	for _, name := range d.events() {
		var n int
		if _, err := fmt.Sscanf(name, "Event%d", &n); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

func (d *desk) trim(t journal.Trim, limit, want int) {
	d.Helper()
	n, err := d.Trimmer.Trim(ctx, t, limit)
	d.must(err)
	equal(d, n, want)
}

func trims(d *desk) {
	start := d.passages(8)
	all := readJournal(d, d.Journal)
	day := func(n int) time.Time { return start.Add(time.Duration(n) * 24 * time.Hour) }
	d.trim(journal.Trim{Before: day(6), UpTo: all[4].Position, Passing: true}, 1, 1)
	equal(d, d.left(), []int{0, 2, 3, 4, 5, 6, 7})
	d.trim(journal.Trim{Before: day(6), UpTo: all[4].Position, Passing: true}, 10, 1)
	equal(d, d.left(), []int{0, 2, 4, 5, 6, 7})
	d.trim(journal.Trim{Before: day(2), UpTo: all[7].Position, Passing: true}, 10, 0)
}

func prunes(d *desk) {
	d.staff()
	start := d.passages(8)
	all := readJournal(d, d.Journal)
	position := all[len(all)-8].Position // of Event0
	now := start.Add(30 * 24 * time.Hour)
	p, err := journal.NewPruner(journal.PrunerOptions{
		Journal: d.Trimmer, Stands: d.Tailers, Tailers: []string{"a", "b"}, Keep: 26 * 24 * time.Hour, KeepPassing: 24 * time.Hour,
		Newest: func(context.Context) (journal.Position, error) { return all[len(all)-1].Position, nil }, Now: func() time.Time { return now },
	})
	d.must(err)
	step := func() {
		_, err := p.Step(ctx)
		d.must(err)
	}
	step()
	equal(d, d.left(), []int{0, 1, 2, 3, 4, 5, 6, 7}) // nobody has been given them
	d.must(d.Tailers.Move(ctx, "a", journal.Stand{Position: position + 7}))
	d.must(d.Tailers.Move(ctx, "b", journal.Stand{Position: position + 1}))
	step()
	equal(d, d.left(), []int{2, 3, 4, 5, 6, 7})
	d.must(d.Tailers.Move(ctx, "b", journal.Stand{Position: position + 7, Beat: 1}))
	step()
	equal(d, d.left(), []int{4, 6, 7}) // 7 is a read, and the newest
	now = now.Add(100 * 24 * time.Hour)
	step()
	equal(d, d.left(), []int{7})
	d.must(d.Appender.Append(ctx, []journal.Event{event("Event8")}))
	if last := readJournal(d, d.Journal); last[len(last)-1].Position <= all[len(all)-1].Position {
		d.Errorf("a position comes twice: %d", last[len(last)-1].Position)
	}
}
