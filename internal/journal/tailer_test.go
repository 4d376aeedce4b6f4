package journal_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
)

// book is a journal and its tailers' stands in memory.
type book struct {
	mu      sync.Mutex
	entries []journal.Entry
	stands  map[string]journal.Stand
	fails   error // of Move
}

func (b *book) write(n int) {
	for range n {
		p := journal.Position(len(b.entries) + 1)
		b.entries = append(b.entries, journal.Entry{Position: p, Event: journal.Event{ID: fmt.Sprint("id", p)}})
	}
}

func (b *book) Read(_ context.Context, after journal.Position, limit int) ([]journal.Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rest := b.entries[min(int(after), len(b.entries)):]
	return rest[:min(limit, len(rest))], nil
}

func (b *book) Stand(_ context.Context, name string) (journal.Stand, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stands[name], nil
}

func (b *book) Move(_ context.Context, name string, next journal.Stand) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails != nil {
		return b.fails
	}
	if b.stands[name].Beat != next.Beat {
		return journal.ErrMoved
	}
	if b.stands == nil {
		b.stands = map[string]journal.Stand{}
	}
	next.Beat++
	b.stands[name] = next
	return nil
}

// pile is a sink; what it says it has is said by last.
type pile struct {
	got   []journal.Position
	fails error
	last  journal.Entry
}

func (p *pile) Deliver(_ context.Context, entries []journal.Entry) error {
	if p.fails != nil {
		return p.fails
	}
	for _, e := range entries {
		p.got = append(p.got, e.Position)
	}
	return nil
}

func (p *pile) Last(context.Context) (journal.Position, string, error) {
	return p.last.Position, p.last.ID, nil
}

// clock is told the time.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

const lease = 10 * time.Second

func tailer(t *testing.T, b *book, s journal.Sink, c *clock, holder string) *journal.Tailer {
	t.Helper()
	made, err := journal.NewTailer(journal.TailerOptions{Name: "t", Reader: b, Stands: b, Sink: s, Holder: holder, Lease: lease, Batch: 2, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func step(t *testing.T, tailer *journal.Tailer, want int) {
	t.Helper()
	if n, err := tailer.Step(context.Background()); err != nil || n != want {
		t.Fatalf("delivered %d, %v; want %d", n, err, want)
	}
}

func TestOneTailerIsActive(t *testing.T) {
	b, c := &book{}, &clock{at: time.Unix(1, 0)}
	pa, pb := &pile{}, &pile{}
	b.write(5)
	ta, tb := tailer(t, b, pa, c, "a"), tailer(t, b, pb, c, "b")
	step(t, ta, 2)
	step(t, tb, 0)
	for range 10 { // a is idle, and is heard of
		c.pass(lease / 3)
		ta.Step(context.Background())
		step(t, tb, 0)
	}
	b.write(1)
	c.pass(lease - 1) // a dies
	step(t, tb, 0)
	c.pass(1)
	step(t, tb, 1)
	step(t, ta, 0) // and comes back
	if want := []journal.Position{1, 2, 3, 4, 5}; !reflect.DeepEqual(pa.got, want) || !reflect.DeepEqual(pb.got, []journal.Position{6}) {
		t.Errorf("a delivered %v, b %v", pa.got, pb.got)
	}
}

// TestWhoComesBackGoesOn: after a crash the same holder does not wait for its own
// lease to end.
func TestWhoComesBackGoesOn(t *testing.T) {
	b, c, p := &book{}, &clock{at: time.Unix(1, 0)}, &pile{}
	b.write(4)
	step(t, tailer(t, b, p, c, "a"), 2)
	step(t, tailer(t, b, p, c, "a"), 2)
}

// TestFailingSinkGivesWay: a replica whose disk is full leaves the work to one
// that can do it, and takes it up when that one is gone.
func TestFailingSinkGivesWay(t *testing.T) {
	b, c := &book{}, &clock{at: time.Unix(1, 0)}
	full := errors.New("disk full")
	pa, pb := &pile{fails: full}, &pile{}
	b.write(1)
	ta, tb := tailer(t, b, pa, c, "a"), tailer(t, b, pb, c, "b")
	for range 12 {
		if _, err := ta.Step(context.Background()); err != nil && !errors.Is(err, full) {
			t.Fatal(err)
		}
		if _, err := tb.Step(context.Background()); err != nil {
			t.Fatal(err)
		}
		c.pass(time.Second)
	}
	if !slices.Equal(pb.got, []journal.Position{1}) {
		t.Fatalf("b delivered %v", pb.got)
	}
	pa.fails = nil
	b.write(1)
	step(t, ta, 0)
	c.pass(lease)
	step(t, ta, 1)
}

// TestSinkKnowsBetter: what a sink has kept is not delivered again, if it is of
// this journal.
func TestSinkKnowsBetter(t *testing.T) {
	c := &clock{at: time.Unix(1, 0)}
	for name, tt := range map[string]struct {
		last journal.Entry
		want []journal.Position
	}{
		"the same":            {journal.Entry{Position: 2, Event: journal.Event{ID: "id2"}}, []journal.Position{3}},
		"another's":           {journal.Entry{Position: 2, Event: journal.Event{ID: "other"}}, []journal.Position{1, 2, 3}},
		"beyond this journal": {journal.Entry{Position: 9, Event: journal.Event{ID: "id9"}}, []journal.Position{1, 2, 3}},
		"nothing":             {journal.Entry{}, []journal.Position{1, 2, 3}},
	} {
		b, p := &book{}, &pile{last: tt.last}
		b.write(3)
		made := tailer(t, b, p, c, "a")
		for range 2 {
			if _, err := made.Step(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(p.got, tt.want) {
			t.Errorf("%s: delivered %v, want %v", name, p.got, tt.want)
		}
	}
}

// TestUnknownMoveIsLookedUp: when storing the position fails, the entries come
// again, and nothing is left out.
func TestUnknownMoveIsLookedUp(t *testing.T) {
	b, c, p := &book{}, &clock{at: time.Unix(1, 0)}, &pile{}
	made := tailer(t, b, p, c, "a")
	step(t, made, 0)
	b.write(2)
	b.fails = errors.New("no answer")
	if _, err := made.Step(context.Background()); !errors.Is(err, b.fails) {
		t.Fatal(err)
	}
	b.fails = nil
	step(t, made, 2)
	if want := []journal.Position{1, 2, 1, 2}; !slices.Equal(p.got, want) {
		t.Errorf("delivered %v, want %v", p.got, want)
	}
}

// TestRunLetsGo: a tailer that is stopped in peace is taken over at once.
func TestRunLetsGo(t *testing.T) {
	b, c, p := &book{}, &clock{at: time.Unix(1, 0)}, &pile{}
	b.write(5)
	ctx, stop := context.WithCancel(context.Background())
	got := 0
	made, err := journal.NewTailer(journal.TailerOptions{
		Name: "t", Reader: b, Stands: b, Sink: p, Holder: "a", Lease: lease, Batch: 2, Pause: time.Millisecond, Now: c.now,
		Told: func(n int, err error) {
			if got += n; err != nil || got == 5 {
				stop()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Run(ctx); err != nil || got != 5 {
		t.Fatal(got, err)
	}
	b.write(1)
	step(t, tailer(t, b, p, c, "b"), 1)
}

// TestRunYields: between whole batches a tailer lets others go on, unless that leaves
// it behind, and what is left is delivered all the same.
func TestRunYields(t *testing.T) {
	const batches = 40
	took := yielding(t, 10*batches+5)
	for n, at := range took {
		if want := time.Duration(min(n, 25)) * time.Minute; at != want {
			t.Errorf("step %d after %v, want %v", n, at, want)
		}
	}
	if len(took) != batches+1 {
		t.Errorf("%d steps", len(took))
	}
}

// yielding delivers entries, ten at once and with a minute between whole batches, and
// returns when each step was over.
func yielding(t *testing.T, entries int) (took []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b, begun := &book{}, time.Now()
		b.write(entries)
		tailer, err := journal.NewTailer(journal.TailerOptions{
			Name: "file", Reader: b, Stands: b, Sink: &pile{}, Batch: 10, Yield: time.Minute,
			Told: func(n int, err error) {
				took = append(took, time.Since(begun))
				if n < 10 || err != nil {
					cancel()
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := tailer.Run(ctx); err != nil {
			t.Fatal(err)
		}
	})
	return took
}
