package journal

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
)

// Appender adds to the journal what no other transaction does.
type Appender interface {
	// Append adds all events in order, or none. On return they are durable.
	Append(ctx context.Context, events []Event) error
}

// RecorderOptions are what a [Recorder] is made from. Journal and About are
// required.
type RecorderOptions struct {
	Journal Appender
	About   Subject // whose journal has what belongs to no account, and tells of losses
	Reads   bool    // whether reads of what is managed are recorded
	Data    bool    // whether reads of data are, too: pulls, and revocation checks
	Rate    int     // events of a kind that are recorded in a second, over ten of them; 0 means 100
	Queue   int     // events that wait to be written, at most; 0 means 4096
	Now     func() time.Time
	// Told hears of events that were lost since it was told last, and of batches
	// that could not be written; nil for nobody.
	Told func(lost Lost, err error)
}

// Lost counts events that were not recorded.
type Lost struct {
	Refusals uint64 `json:"refusals"`
	Reads    uint64 `json:"reads"`
}

// Recorder writes what changes nothing into the journal, refused calls and reads,
// in batches and in nobody's way. What comes faster than it may be written is
// counted, and the count is written. It is safe for concurrent use.
type Recorder struct {
	o               RecorderOptions
	queue           chan *Event // room for pointers alone: what is empty is looked through, too
	refusals, reads bucket
	strangers       bucket           // refusals of nobody known, who must not keep out the others'
	lost            [2]atomic.Uint64 // refusals, reads
	written         Lost             // of lost, what the journal tells
	toldAt          time.Time
	flushing        sync.Mutex
	pending         []Event // taken from the queue, and not written
}

const (
	recorderBatch = 128
	recorderPause = 500 * time.Millisecond // in which a batch gathers
	lossPause     = 10 * time.Second       // from one row that tells of losses to the next
	burst         = 10                     // seconds' worth of events that may come at once
)

// NewRecorder checks the options.
func NewRecorder(o RecorderOptions) (*Recorder, error) {
	if o.Journal == nil || o.About.Account == "" {
		return nil, errors.New("journal: a recorder needs a journal and an account")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Told == nil {
		o.Told = func(Lost, error) {}
	}
	rate := float64(cmp.Or(o.Rate, 100))
	r := &Recorder{o: o, queue: make(chan *Event, cmp.Or(o.Queue, 4096))}
	for _, b := range []*bucket{&r.refusals, &r.strangers, &r.reads} {
		b.rate, b.left = rate, rate*burst
	}
	return r, nil
}

// bucket lets so many through in a second.
type bucket struct {
	mu   sync.Mutex
	rate float64
	left float64
	at   time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.at); passed > 0 {
		if !b.at.IsZero() {
			b.left = min(b.left+passed.Seconds()*b.rate, b.rate*burst)
		}
		b.at = now
	}
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// Wants reports whether reads are recorded: of data, or of what is managed.
// Whoever would make an event of one asks first.
func (r *Recorder) Wants(data bool) bool {
	if data {
		return r.o.Data
	}
	return r.o.Reads
}

// The most of a text that is kept, in bytes.
const (
	maxMessage  = 1024
	maxResource = 2048
	maxKeyID    = 128
)

// Note has an event recorded, soon, if there is room. It does not wait. Of texts
// that come from the caller it keeps the beginning, as far as that can be stored.
func (r *Recorder) Note(e Event) {
	e.Account = cmp.Or(e.Account, r.o.About.Account)
	e.Outcome.ErrorMessage = storable(e.Outcome.ErrorMessage, maxMessage)
	e.Outcome.Reason = storable(e.Outcome.Reason, maxMessage)
	e.Resource = storable(e.Resource, maxResource)
	e.Actor.AccessKeyID = storable(e.Actor.AccessKeyID, maxKeyID)
	kind, counter := &r.refusals, &r.lost[0]
	switch {
	case !e.Outcome.Failed():
		kind, counter = &r.reads, &r.lost[1]
	case e.Actor.Principal == "" || e.Actor.Principal == Anonymous:
		kind = &r.strangers
	}
	if !kind.take(r.o.Now()) {
		counter.Add(1)
		return
	}
	noted := e
	select {
	case r.queue <- &noted:
	default:
		counter.Add(1)
	}
}

// storable is the beginning of a text, without what databases do not take.
func storable(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?")
}

// Lost counts the events that were not recorded so far.
func (r *Recorder) Lost() Lost { return Lost{r.lost[0].Load(), r.lost[1].Load()} }

// Run writes what is noted until ctx ends. It returns nil. What is noted later is
// written by [Recorder.Flush].
func (r *Recorder) Run(ctx context.Context) error {
	for {
		if !r.wait(ctx) {
			return nil
		}
		if err := r.Flush(ctx); err != nil && ctx.Err() == nil {
			r.o.Told(Lost{}, err)
		}
	}
}

// wait returns when a batch has gathered, or false when ctx ends.
func (r *Recorder) wait(ctx context.Context) bool {
	pause := time.NewTimer(recorderPause)
	defer pause.Stop()
	select {
	case <-pause.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Flush writes all that has been noted, and how much was lost. A batch that could
// not be written now is kept and tried again by the next Flush; one that the
// journal will never take is counted as lost.
func (r *Recorder) Flush(ctx context.Context) error {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	for {
		r.gather()
		lost := r.Lost()
		batch := r.pending
		if r.tells(lost) {
			batch = append(batch, r.loss(lost))
		} else {
			lost = r.written
		}
		if len(batch) == 0 {
			return nil
		}
		err := r.o.Journal.Append(ctx, batch)
		if err != nil && (fault.KindOf(err) == fault.Unavailable || ctx.Err() != nil) {
			return err
		}
		if err != nil {
			r.countLost(r.pending)
			r.pending = nil
			return err
		}
		r.told(lost)
		r.pending = nil
	}
}

// gather fills the pending batch from the queue.
func (r *Recorder) gather() {
	for len(r.pending) < recorderBatch {
		select {
		case e := <-r.queue:
			r.pending = append(r.pending, *e)
		default:
			return
		}
	}
}

// tells reports whether it is time to tell of losses, because there are new ones.
func (r *Recorder) tells(lost Lost) bool {
	return lost != r.written && (r.toldAt.IsZero() || r.o.Now().Sub(r.toldAt) >= lossPause)
}

// loss is an event that tells of what was lost since the one before.
func (r *Recorder) loss(lost Lost) Event {
	return New(context.Background(), r.o.Now(), SourceSealwright, "EventsLost", r.o.About, r.fresh(lost))
}

func (r *Recorder) fresh(lost Lost) Lost {
	return Lost{lost.Refusals - r.written.Refusals, lost.Reads - r.written.Reads}
}

// told remembers what the journal tells of losses.
func (r *Recorder) told(lost Lost) {
	if lost == r.written {
		return
	}
	r.o.Told(r.fresh(lost), nil)
	r.written, r.toldAt = lost, r.o.Now()
}

func (r *Recorder) countLost(events []Event) {
	for _, e := range events {
		if e.Outcome.Failed() {
			r.lost[0].Add(1)
		} else {
			r.lost[1].Add(1)
		}
	}
}
