package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
)

// Tailers is the contract of [journal.Stands], alone and under tailers.
func Tailers(t *testing.T, open func(t *testing.T) Stores) {
	suite(t, open, []scenario{
		{"stand and move", tailerMoves},
		{"one of many moves", tailerRace},
		{"everything once, in order", tailerDelivers},
		{"tailers that die at any step", tailersDie},
	})
}

func tailerMoves(d *desk) {
	at, err := d.Tailers.Stand(ctx, "file")
	d.must(err)
	equal(d, at, journal.Stand{})
	d.want(d.Tailers.Move(ctx, "file", journal.Stand{Beat: 1}), journal.ErrMoved)
	next := journal.Stand{Position: 7, Holder: "a"}
	d.must(d.Tailers.Move(ctx, "file", next))
	d.want(d.Tailers.Move(ctx, "file", next), journal.ErrMoved)
	at, err = d.Tailers.Stand(ctx, "file")
	d.must(err)
	equal(d, at, journal.Stand{Position: 7, Holder: "a", Beat: 1})
	d.must(d.Tailers.Move(ctx, "file", journal.Stand{Position: 9, Holder: "", Beat: 1, CaughtUp: true}))
	at, err = d.Tailers.Stand(ctx, "file")
	d.must(err)
	equal(d, at, journal.Stand{Position: 9, Beat: 2, CaughtUp: true})
	d.want(d.Tailers.Move(ctx, "file", journal.Stand{Position: 10, Beat: 1}), journal.ErrMoved)
	at, err = d.Tailers.Stand(ctx, "syslog")
	d.must(err)
	equal(d, at, journal.Stand{})
}

func tailerRace(d *desk) {
	for beat := range int64(5) {
		errs := atOnce(8, func(i int) error {
			return d.Tailers.Move(ctx, "log", journal.Stand{Holder: fmt.Sprint(i), Beat: beat})
		})
		lost := 0
		for _, err := range errs {
			if errors.Is(err, journal.ErrMoved) {
				lost++
			} else {
				d.must(err)
			}
		}
		equal(d, lost, 7)
	}
}

// shelf is a sink that can be made to fail after it has kept what it was given.
type shelf struct {
	mu     sync.Mutex
	kept   []journal.Entry
	fails  error
	forget bool // keeps the entries, and answers with the error
}

func (s *shelf) Deliver(_ context.Context, entries []journal.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails == nil || s.forget {
		s.kept = append(s.kept, entries...)
	}
	return s.fails
}

func (s *shelf) ids() (ids []string) {
	for _, e := range s.kept {
		ids = append(ids, e.ID)
	}
	return ids
}

func (d *desk) tailer(sink journal.Sink, holder string, lease time.Duration) *journal.Tailer {
	t, err := journal.NewTailer(journal.TailerOptions{
		Name: "shelf", Reader: d.Journal, Stands: d.Tailers, Sink: sink, Holder: holder, Lease: lease, Batch: 3,
		Now: func() time.Time { return d.now },
	})
	d.must(err)
	return t
}

// stepAll steps until nothing is delivered any more.
func (d *desk) stepAll(t *journal.Tailer) error {
	for {
		if n, err := t.Step(ctx); n == 0 || err != nil {
			return err
		}
	}
}

func (d *desk) journalIDs() (ids []string) {
	for _, e := range readJournal(d, d.Journal) {
		ids = append(ids, e.ID)
	}
	return ids
}

func tailerDelivers(d *desk) {
	s := &shelf{}
	t := d.tailer(s, "", 0)
	d.must(d.stepAll(t))
	for i := range 8 {
		d.must(d.write(event(fmt.Sprint("Event", i))))
	}
	d.must(d.stepAll(t))
	equal(d, s.ids(), d.journalIDs())

	d.must(d.write(event("More")))
	s.fails = errRefused
	_, err := t.Step(ctx)
	d.want(err, errRefused)
	s.fails = nil
	d.must(d.stepAll(t))
	equal(d, s.ids(), d.journalIDs())

	d.must(d.stepAll(d.tailer(s, "", 0))) // as after a restart
	equal(d, s.ids(), d.journalIDs())
	at, err := d.Tailers.Stand(ctx, "shelf")
	d.must(err)
	if !at.CaughtUp || at.Position == 0 {
		d.Fatalf("the stand is %+v", at)
	}
}

// tailersDie: tailers of several replicas are dropped amid their work again and
// again, sometimes after the sink has kept what its tailer never learnt of. All
// entries arrive, the first time in order.
func tailersDie(d *desk) {
	const lease = 10 * time.Second
	s := &shelf{}
	tailers := []*journal.Tailer{d.tailer(s, "a", lease), d.tailer(s, "b", lease)}
	for i := range 40 {
		d.must(d.write(event(fmt.Sprint("Event", i))))
		s.fails, s.forget = nil, i%7 == 3
		if s.forget {
			s.fails = errRefused
		}
		for _, t := range tailers {
			if _, err := t.Step(ctx); err != nil && !errors.Is(err, errRefused) {
				d.Fatal(err)
			}
		}
		if i%5 == 4 {
			tailers[i%2] = d.tailer(s, string(rune('a'+i%2)), lease)
		}
		d.tick()
	}
	s.fails = nil
	for range 3 {
		d.now = d.now.Add(lease)
		for _, t := range tailers {
			d.must(d.stepAll(t))
		}
	}
	var first []string
	for _, id := range s.ids() {
		if !slices.Contains(first, id) {
			first = append(first, id)
		}
	}
	equal(d, first, d.journalIDs())
}
