package journal_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
)

func watch(t *testing.T, b *book, c *clock) *journal.Watch {
	t.Helper()
	w, err := journal.NewWatch(journal.WatchOptions{
		Names: []string{"t"}, Reader: b, Stands: b, MaxEntries: 10, MaxAge: time.Minute, Now: c.now,
		Newest: func(context.Context) (journal.Position, error) {
			if b.fails != nil {
				return 0, b.fails
			}
			return journal.Position(len(b.entries)), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func look(t *testing.T, w *journal.Watch, behind string) {
	t.Helper()
	if err := w.Look(context.Background()); err != nil {
		t.Fatal(err)
	}
	err := w.Check()
	if (err == nil) != (behind == "") || err != nil && (!errors.Is(err, journal.ErrBehind) || !strings.Contains(err.Error(), behind)) {
		t.Fatalf("%v, want %q; %v", err, behind, w.Lags())
	}
}

func TestWatchSeesWhoIsBehind(t *testing.T) {
	b, c, p := &book{}, &clock{at: time.Unix(1_000_000, 0)}, &pile{}
	w, made := watch(t, b, c), tailer(t, b, p, c, "a")
	if err := w.Check(); !errors.Is(err, journal.ErrBehind) {
		t.Fatalf("before the first look: %v", err)
	}
	look(t, w, "")
	step(t, made, 0) // has caught up
	write := func(n int) {
		b.write(n)
		for i := range b.entries[len(b.entries)-n:] {
			b.entries[len(b.entries)-1-i].Time = c.at
		}
	}
	write(1)
	look(t, w, "")
	c.pass(time.Minute)
	look(t, w, "")
	c.pass(time.Second)
	look(t, w, "the journal's tailer t is 1 entry and 1m1s behind")
	step(t, made, 0) // it had lost its lease, and looks again
	c.pass(lease)
	step(t, made, 1)
	look(t, w, "")
	write(10)
	look(t, w, "")
	write(1)
	look(t, w, "is 11 entries and 0s behind")
	step(t, made, 2)
	look(t, w, "")

	b.fails = errors.New("no answer")
	c.pass(2 * time.Minute)
	if err := w.Look(context.Background()); !errors.Is(err, b.fails) || !errors.Is(w.Check(), journal.ErrBehind) {
		t.Fatalf("what is not known is good: %v, %v", err, w.Check())
	}
}

// TestNewTailerMayCatchUp: signing goes on while a sink that was added works
// through years of journal, and stops if it does not get on.
func TestNewTailerMayCatchUp(t *testing.T) {
	b, c, p := &book{}, &clock{at: time.Unix(1_000_000, 0)}, &pile{}
	b.write(100)
	w, made := watch(t, b, c), tailer(t, b, p, c, "a")
	look(t, w, "behind") // nobody runs it
	step(t, made, 2)
	look(t, w, "")
	c.pass(time.Minute)
	look(t, w, "")
	c.pass(time.Second)
	look(t, w, "behind")
}
