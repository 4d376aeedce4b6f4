package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// maxBatch is how many requests one transaction holds at most.
const maxBatch = 256

// writer is SQLite's one writer: a convoy whose leader runs all requests that have
// queued in one transaction, a savepoint each, and has each of them answered after
// the commit. So the price of making a commit durable is shared.
type writer struct {
	session  *session
	observer func(Write) // set before the first request
	convoy   *convoy[func(querier) error]
}

// request is a closure to be run in a transaction.
type request = rider[func(querier) error]

var errExited = errors.New("a transaction's function ended its goroutine")

func newWriter(s *session) *writer {
	w := &writer{session: s, observer: func(Write) {}}
	w.convoy = newConvoy(maxBatch, w.commit)
	return w
}

// write has fn run and waits for its answer.
func (w *writer) write(ctx context.Context, fn func(querier) error) error {
	return raise(w.convoy.ride(ctx, fn))
}

// raise panics in the caller's goroutine if its closure panicked in another.
func raise(err error) error {
	if p, ok := err.(*panicked); ok {
		panic(p)
	}
	return err
}

// close waits until what has queued is done.
func (w *writer) close() {
	w.convoy.close()
	w.session.discard()
}

// commit runs a batch and decides what each of it is answered. Errors of single requests wait for
// the commit too, because they may have been decided upon what others in the
// batch wrote; if the commit fails, that is everybody's answer.
func (w *writer) commit(batch []*request) {
	fatal, told, begun := errExited, Write{Requests: len(batch)}, time.Now()
	defer func() {
		if fatal != nil {
			w.rollback()
		}
		told.Took = time.Since(begun)
		w.observer(told)
		for _, r := range batch {
			if fatal != nil && !isPanic(r.err) {
				r.err = fatal
			}
		}
	}()
	fatal = w.transaction(batch, &told)
}

// transaction runs the batch. Its error is that of the transaction as a whole.
func (w *writer) transaction(batch []*request, told *Write) error {
	if _, err := w.session.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	for _, r := range batch {
		if err := w.each(r, len(batch) == 1); err != nil {
			return err
		}
	}
	decided := time.Now()
	if _, err := w.session.exec("COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	told.Commit, told.Committed = time.Since(decided), true
	return nil
}

// each runs one request. Its own error undoes it alone. When it is alone in its
// batch, or when SQLite has rolled back everything (as it does when the disk is
// full), the whole transaction fails with that error.
func (w *writer) each(r *request, alone bool) error {
	if r.err = r.ctx.Err(); r.err != nil {
		return nil
	}
	if alone {
		r.err = call(r.wants, w.session)
		return r.err
	}
	if _, err := w.session.exec("SAVEPOINT request"); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	r.err = call(r.wants, w.session)
	if r.err != nil {
		if _, err := w.session.exec("ROLLBACK TO request"); err != nil {
			return fmt.Errorf("the transaction was lost: %w", r.err)
		}
	}
	if _, err := w.session.exec("RELEASE request"); err != nil {
		return fmt.Errorf("the transaction was lost: %w", err)
	}
	return nil
}

// rollback leaves the session without a transaction, whatever state it was in.
func (w *writer) rollback() {
	if _, err := w.session.exec("ROLLBACK"); err != nil {
		w.session.discard()
	}
}

// call runs fn and makes an error of its panic.
func call(fn func(querier) error, q querier) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{value: v, stack: debug.Stack()}
		}
	}()
	return fn(q)
}

func isPanic(err error) bool {
	_, ok := err.(*panicked)
	return ok
}
