package journal

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
)

// ErrBehind means that a tailer does not keep up: what is done now would not be
// seen where it should be.
var ErrBehind = fault.New(fault.Unavailable, "nothing is signed while the audit record cannot be kept up; /readyz of the service says what is behind. Try again later")

// Lag is how far a tailer is behind the journal.
type Lag struct {
	Name    string
	Entries int64         // that it has yet to deliver, about: positions may be missing
	Age     time.Duration // of the oldest of them
	Behind  bool          // more than is permitted
}

// String says how far, for a person.
func (l Lag) String() string {
	unit := "entries"
	if l.Entries == 1 {
		unit = "entry"
	}
	return fmt.Sprintf("the journal's tailer %s is %d %s and %s behind", l.Name, l.Entries, unit, l.Age.Round(time.Second))
}

// WatchOptions are what a [Watch] is made from. All but Now, Poll and Told are
// required.
type WatchOptions struct {
	Names      []string // of the tailers
	Reader     Reader
	Stands     Stands
	Newest     func(context.Context) (Position, error) // the last position in use
	MaxEntries int64                                   // that a tailer may have yet to deliver
	MaxAge     time.Duration                           // of the oldest of them
	Poll       time.Duration                           // between looks; 0 means one second
	Now        func() time.Time                        // nil means time.Now
	Told       func(error)                             // hears why it could not look; nil for nobody
}

// Watch knows whether the tailers keep up, on whichever replica they run. It asks
// the database, so a sink that hangs cannot keep it from noticing.
type Watch struct {
	o     WatchOptions
	wake  chan struct{}
	moves map[string]moved
	seen  atomic.Pointer[view]
}

// moved is when a tailer was seen to have moved last.
type moved struct {
	to Position
	at time.Time
}

// view is what a look has found.
type view struct {
	at   time.Time
	lags []Lag
}

// NewWatch checks the options.
func NewWatch(o WatchOptions) (*Watch, error) {
	if o.Reader == nil || o.Stands == nil || o.Newest == nil || o.MaxEntries < 1 || o.MaxAge <= 0 {
		return nil, errors.New("journal: a watch needs a reader, stands, the newest position and bounds")
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Told == nil {
		o.Told = func(error) {}
	}
	return &Watch{o: o, wake: make(chan struct{}, 1), moves: map[string]moved{}}, nil
}

// Run looks again and again until ctx ends. It returns nil.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTicker(w.o.Poll)
	defer tick.Stop()
	for {
		if err := w.Look(ctx); err != nil && ctx.Err() == nil {
			w.o.Told(err)
		}
		select {
		case <-tick.C:
		case <-w.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// Wake has Run look now, when there is reason to hope: a tailer that was behind
// has delivered something.
func (w *Watch) Wake() {
	if w.Check() == nil {
		return
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Look finds out how far each tailer is behind.
func (w *Watch) Look(ctx context.Context) error {
	found := view{at: w.o.Now()}
	for _, name := range w.o.Names {
		lag, err := w.lag(ctx, name)
		if err != nil {
			return fmt.Errorf("find how far the tailer %s is behind: %w", name, err)
		}
		found.lags = append(found.lags, lag)
	}
	w.seen.Store(&found)
	return nil
}

func (w *Watch) lag(ctx context.Context, name string) (Lag, error) {
	at, err := w.o.Stands.Stand(ctx, name)
	if err != nil {
		return Lag{}, err
	}
	newest, err := w.o.Newest(ctx)
	if err != nil {
		return Lag{}, err
	}
	l := Lag{Name: name}
	if newest > at.Position {
		next, err := w.o.Reader.Read(ctx, at.Position, 1)
		if err != nil {
			return Lag{}, err
		}
		if len(next) > 0 { // else what is there has yet to be committed
			l.Entries, l.Age = int64(newest-next[0].Position)+1, max(0, w.o.Now().Sub(next[0].Time))
		}
	}
	l.Behind = (l.Entries > w.o.MaxEntries || l.Age > w.o.MaxAge) && !w.catchingUp(name, at)
	return l, nil
}

// catchingUp reports whether a tailer that is new works through what was there
// before it. Nothing waits for that, as long as it gets on.
func (w *Watch) catchingUp(name string, at Stand) bool {
	now := w.o.Now()
	last, known := w.moves[name]
	if !known || last.to != at.Position {
		last = moved{at.Position, now}
		w.moves[name] = last
	}
	return !at.CaughtUp && at.Beat > 0 && now.Sub(last.at) <= w.o.MaxAge
}

// Lags is what the last look has found; nil before the first.
func (w *Watch) Lags() []Lag {
	if v := w.seen.Load(); v != nil {
		return v.lags
	}
	return nil
}

// Check returns nil while all tailers keep up, as far as the last look knows. Its
// error is an [ErrBehind], and says to whoever runs the service which of them do
// not; what a caller may know is ErrBehind itself.
func (w *Watch) Check() error {
	v := w.seen.Load()
	if v == nil || w.o.Now().Sub(v.at) > w.o.MaxAge+w.o.Poll {
		return fault.Becausef(ErrBehind, "it is not known whether the journal's tailers keep up")
	}
	for _, l := range v.lags {
		if l.Behind {
			return fault.Becausef(ErrBehind, "%s", l)
		}
	}
	return nil
}
