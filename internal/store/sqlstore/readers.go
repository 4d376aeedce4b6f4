package sqlstore

import (
	"context"
	"database/sql"
	"sync"
)

// readers are the sessions of SQLite that read. The one that was given back last
// is taken first: each keeps pages and statements of its own, so what one reader
// can do, such as a walk in the background, fills one session's memory and finds
// it warm, instead of everybody's.
type readers struct {
	free chan struct{} // one for each in idle; closed when there will be no more

	mu   sync.Mutex
	idle []*session // a stack
}

// newReaders makes n sessions, which connect when they are used.
func newReaders(pool *sql.DB, n int) *readers {
	r := &readers{free: make(chan struct{}, n)}
	for range n {
		r.give(&session{pool: pool})
	}
	return r
}

// take waits for a session. [ErrClosed].
func (r *readers) take(ctx context.Context) (*session, error) {
	select {
	case _, open := <-r.free:
		if !open {
			return nil, ErrClosed
		}
		return r.pop(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *readers) pop() *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.idle) - 1
	s := r.idle[last]
	r.idle = r.idle[:last]
	return s
}

// give gives a session back.
func (r *readers) give(s *session) {
	r.mu.Lock()
	r.idle = append(r.idle, s)
	r.mu.Unlock()
	r.free <- struct{}{}
}

// busy is how many sessions are taken.
func (r *readers) busy() int { return cap(r.free) - len(r.free) }

// close waits for all sessions and closes their connections.
func (r *readers) close() {
	for range cap(r.free) {
		<-r.free
		r.pop().discard()
	}
	close(r.free)
}
