package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Sink takes entries to where they are kept: a file, a log server, a
// transparency log.
type Sink interface {
	// Deliver keeps entries, which follow each other, and returns nil once they are
	// as durable as the sink can make them. After an error all of them come again,
	// in the same order, perhaps with more after them; so do those whose position
	// could not be stored. An entry's ID tells that it has been there before.
	Deliver(ctx context.Context, entries []Entry) error
}

// Knower is a [Sink] that can tell what it has kept. Its tailer then goes on
// behind that, although a crash came before the position was stored.
type Knower interface {
	Sink
	// Last returns the position and the ID of the last entry kept, 0 for none.
	Last(ctx context.Context) (Position, string, error)
}

// Stand is where a tailer stands, as the database has it.
type Stand struct {
	Position Position // everything up to it has been delivered
	Holder   string   // who runs the tailer; "" is nobody
	Beat     int64    // one more at each change; 0 before the first
	CaughtUp bool     // there was nothing left to deliver, at least once
}

// ErrMoved means that a tailer's stand is another than was thought: somebody
// else runs it now.
var ErrMoved = errors.New("journal: the tailer is run by another")

// Stands keeps where tailers stand.
type Stands interface {
	// Stand returns where a tailer stands: the zero Stand if it never ran.
	Stand(ctx context.Context, name string) (Stand, error)
	// Move makes next the stand of a tailer whose beat is still the one in
	// next.Beat, and counts it up. Else it fails with [ErrMoved]. Of several who
	// move from one beat, one succeeds. On return the move is durable.
	Move(ctx context.Context, name string, next Stand) error
}

// TailerOptions are what a [Tailer] is made from. Name, Reader, Stands and Sink
// are required.
type TailerOptions struct {
	Name   string // of the tailer, under which its stand is kept
	Reader Reader
	Stands Stands
	Sink   Sink
	// Holder is who runs the tailer: the same at each start of one process, so that
	// it takes up again at once after a crash, and no other's.
	Holder string
	// Lease is how long one who runs the tailer may not be heard of before another
	// takes over. Nobody's clock is compared with another's. Zero means that nobody
	// else can run it.
	Lease time.Duration
	Batch int              // entries delivered at once, at most; 0 means 1000
	Pause time.Duration    // between steps that find little, so that they find more; 0 means 100 ms
	Yield time.Duration    // between steps that find a whole batch, for others, unless that leaves it behind; 0 means none
	Poll  time.Duration    // until it looks again when nothing wakes it; 0 means 1 s
	Wake  <-chan struct{}  // gets a value when there may be more; nil: polling only
	Now   func() time.Time // nil means time.Now
	// Told hears how each step went: the entries delivered, or why not. It must
	// return at once. nil means that nobody wants to know.
	Told func(delivered int, err error)
}

// Tailer reads the journal in order and delivers it to a sink, at least once,
// from where its stand says. Of the tailers of one name exactly one is active,
// but for one that lost its lease without noticing: what it still delivers comes
// twice, and its stand does not move. A Tailer is used by one goroutine.
type Tailer struct {
	o     TailerOptions
	stand Stand
	held  bool
	heard time.Time // when the stand was moved, or seen to have moved, last
	began bool      // whether the stand was read before
}

// NewTailer checks the options.
func NewTailer(o TailerOptions) (*Tailer, error) {
	if o.Name == "" || o.Reader == nil || o.Stands == nil || o.Sink == nil || o.Holder == "" && o.Lease > 0 {
		return nil, errors.New("journal: a tailer needs a name, a reader, stands and a sink, and with a lease a holder")
	}
	o.Batch = cmp.Or(o.Batch, 1000)
	o.Pause = cmp.Or(o.Pause, 100*time.Millisecond)
	o.Poll = cmp.Or(o.Poll, time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Told == nil {
		o.Told = func(int, error) {}
	}
	return &Tailer{o: o}, nil
}

// mostYields is how often in a row a tailer yields. One that has found as many whole
// batches does not keep up that way, and who waits for it waits for longer.
const mostYields = 25

// maxBackoff is the longest pause after steps that failed.
const maxBackoff = 5 * time.Second

// Run delivers until ctx ends, then lets another take over at once. It returns
// nil: a step that fails is told of and tried again.
func (t *Tailer) Run(ctx context.Context) error {
	defer t.release(ctx)
	failures, yields := 0, 0
	for ctx.Err() == nil {
		n, err := t.Step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		t.o.Told(n, err)
		switch {
		case err != nil:
			failures++
			t.sleep(ctx, min(t.o.Pause<<min(failures, 10), maxBackoff))
		case n < t.o.Batch:
			failures, yields = 0, 0
			t.rest(ctx, n)
		case yields < mostYields:
			failures, yields = 0, yields+1
			t.sleep(ctx, t.o.Yield)
		default:
			failures = 0
		}
	}
	return nil
}

// rest waits for more: a pause after some, until woken after none.
func (t *Tailer) rest(ctx context.Context, delivered int) {
	if delivered == 0 {
		wait := time.NewTimer(t.o.Poll)
		defer wait.Stop()
		select {
		case <-t.o.Wake:
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	t.sleep(ctx, t.o.Pause)
}

func (t *Tailer) sleep(ctx context.Context, d time.Duration) {
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

// Step delivers what comes next, at most one batch, and returns how many entries
// that was: none when there are none, or when another runs the tailer.
func (t *Tailer) Step(ctx context.Context) (delivered int, err error) {
	if err := t.hold(ctx); err != nil || !t.held {
		return 0, err
	}
	entries, err := t.o.Reader.Read(ctx, t.stand.Position, t.o.Batch)
	if err != nil {
		return 0, fmt.Errorf("read the journal: %w", err)
	}
	next := t.stand
	next.CaughtUp = next.CaughtUp || len(entries) < t.o.Batch
	if len(entries) == 0 {
		return 0, t.idle(ctx, next)
	}
	if err := t.o.Sink.Deliver(ctx, entries); err != nil {
		return 0, err
	}
	next.Position = entries[len(entries)-1].Position
	return len(entries), t.move(ctx, next)
}

// idle lets be heard of the tailer when there is nothing to deliver.
func (t *Tailer) idle(ctx context.Context, next Stand) error {
	if next != t.stand || t.o.Lease > 0 && t.o.Now().Sub(t.heard) >= t.o.Lease/4 {
		return t.move(ctx, next)
	}
	return nil
}

// hold sees to it that this tailer is the one that runs, if it may be. One that
// has not moved for half a lease, because its sink fails, gives way.
func (t *Tailer) hold(ctx context.Context) error {
	if t.held && t.o.Lease > 0 && t.o.Now().Sub(t.heard) >= t.o.Lease/2 {
		t.held = false
		t.heard = t.o.Now()
	}
	if t.held {
		return nil
	}
	found, err := t.o.Stands.Stand(ctx, t.o.Name)
	if err != nil {
		return fmt.Errorf("find where the tailer stands: %w", err)
	}
	if !t.began || found.Beat != t.stand.Beat {
		t.heard = t.o.Now()
	}
	mine := t.o.Lease == 0 || found.Holder == "" || !t.began && found.Holder == t.o.Holder
	t.began, t.stand = true, found
	if mine || t.o.Now().Sub(t.heard) >= t.o.Lease {
		return t.takeOver(ctx, found)
	}
	return nil
}

// takeOver makes this tailer the one that runs, from where the sink is if that
// knows more than the stand.
func (t *Tailer) takeOver(ctx context.Context, from Stand) error {
	from.Holder = t.o.Holder
	known, err := t.known(ctx)
	if err != nil {
		return fmt.Errorf("find what was delivered last: %w", err)
	}
	from.Position = max(from.Position, known)
	err = t.move(ctx, from)
	if errors.Is(err, ErrMoved) {
		return nil // another was quicker
	}
	t.held = err == nil
	return err
}

// known is the position of the last entry that the sink has. What it has of
// another journal than this one, such as the one before an old backup was
// restored, does not count: entries would be left out.
func (t *Tailer) known(ctx context.Context) (Position, error) {
	sink, ok := t.o.Sink.(Knower)
	if !ok {
		return 0, nil
	}
	last, id, err := sink.Last(ctx)
	if err != nil || last == 0 {
		return 0, err
	}
	entries, err := t.o.Reader.Read(ctx, last-1, 1)
	if err != nil || len(entries) == 0 || entries[0].Position != last || entries[0].ID != id {
		return 0, err
	}
	return last, nil
}

func (t *Tailer) move(ctx context.Context, next Stand) error {
	err := t.o.Stands.Move(ctx, t.o.Name, next)
	if err != nil {
		t.held = false // also when the outcome is not known: it is looked up
		t.began = t.began && errors.Is(err, ErrMoved)
		return fmt.Errorf("store where the tailer stands: %w", err)
	}
	next.Beat++
	t.stand, t.heard = next, t.o.Now()
	return nil
}

// releaseWithin is how long letting go may take.
const releaseWithin = 2 * time.Second

// release lets another take over without waiting for the lease to end.
func (t *Tailer) release(ctx context.Context) {
	if !t.held || t.o.Lease == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWithin)
	defer cancel()
	free := t.stand
	free.Holder = ""
	t.move(ctx, free) // if it fails, the lease ends by itself
	t.held = false
}
