// Package leader lets one process at a time do a task, of those that share the
// records.
//
// The leader says so by a beat, another number every BeatEvery; who sees the same
// beat for patience by its own clock takes over. No two clocks are compared. Two
// may believe to lead for a moment: so a task must be one that may run twice at
// once, as a waste and not a danger. See docs/decisions/0092-one-collector.md.
package leader

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"
)

// BeatEvery is how often the leader says so: whoever asks less often loses the task
// to another.
const BeatEvery = 20 * time.Second

const (
	patience = 3 * BeatEvery
	// partingTime bounds how long a leader that stops takes to say so.
	partingTime = time.Second
)

// Beat is what a leader says: never the same twice. 0 means that nobody leads.
type Beat uint64

// Store keeps the beats of tasks.
type Store interface {
	// Beat returns the beat of a task.
	Beat(ctx context.Context, task string) (Beat, error)
	// SwapBeat replaces was by next; swapped is false, and nothing changes, when the
	// beat is another one.
	SwapBeat(ctx context.Context, task string, was, next Beat) (swapped bool, err error)
}

// Leader is this process's part in the leadership of a task. One goroutine uses it
// at a time, but for [Leader.Leads].
type Leader struct {
	store Store // nil: there are no others
	task  string
	now   func() time.Time

	leads atomic.Bool
	seen  Beat      // what stood in the records last
	since time.Time // and when we first saw it
	said  [2]Beat   // what we said last, heard or not
}

// New makes a part in the leadership of a task, which it does not take yet. A nil
// store means that there are no other processes.
func New(store Store, task string, now func() time.Time) *Leader {
	return &Leader{store: store, task: task, now: now}
}

// Leads reports whether this process led when it last asked.
func (l *Leader) Leads() bool { return l.leads.Load() }

// Keep renews the leadership when it is time, or takes it when nobody has it.
func (l *Leader) Keep(ctx context.Context) (leads bool, err error) {
	now := l.now()
	switch {
	case l.leads.Load() && (l.store == nil || now.Sub(l.since) < BeatEvery):
		return true, nil
	case l.store == nil:
		leads = true
	default:
		leads, err = l.contend(ctx, now)
	}
	l.leads.Store(leads)
	return leads, err
}

// contend asks who leads and, if that is this process or nobody, says that it does.
func (l *Leader) contend(ctx context.Context, now time.Time) (bool, error) {
	stands, err := l.store.Beat(ctx, l.task)
	if err != nil {
		return false, err
	}
	if stands != l.seen {
		l.seen, l.since = stands, now
	}
	ours := slices.Contains(l.said[:], stands) // nobody has replaced it
	if stands != 0 && !ours && now.Sub(l.since) < patience {
		return false, nil
	}
	return l.say(ctx, stands, newBeat())
}

// newBeat makes a positive number of 63 bits that nobody has said before.
func newBeat() Beat {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return Beat(binary.BigEndian.Uint64(b[:])>>1 | 1)
}

// say replaces the beat that stands.
func (l *Leader) say(ctx context.Context, stands, next Beat) (bool, error) {
	l.said = [2]Beat{l.said[1], next}
	swapped, err := l.store.SwapBeat(ctx, l.task, stands, next)
	if swapped {
		l.seen, l.since = next, l.now()
	}
	return swapped, err
}

// Part lets another lead at once. When it cannot say so, others find out.
func (l *Leader) Part(ctx context.Context) {
	if l.store == nil || !l.leads.Swap(false) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingTime)
	defer cancel()
	_, _ = l.say(ctx, l.seen, 0)
}
