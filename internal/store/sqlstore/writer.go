package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// maxBatch is how many requests one transaction holds at most, and how many may
// wait; further callers wait to get into the queue.
const maxBatch = 256

// writer is SQLite's one writer: a goroutine that runs all requests which have
// queued in one transaction, a savepoint each, and answers each of them after
// the commit. So the price of making a commit durable is shared.
type writer struct {
	session  *session
	observer func(Write) // set before the first request
	ended    func()      // told of each transaction before those in it are answered
	requests chan *request
	stop     chan struct{} // closed: finish the queue and end
	stopped  chan struct{} // closed: nothing runs any more
}

// request is a closure in the queue. done gets exactly one answer if the request
// is taken out of the queue.
type request struct {
	ctx  context.Context
	fn   func(querier) error
	err  error // of fn
	done chan error
}

var errExited = errors.New("a transaction's function ended its goroutine")

func startWriter(s *session, ended func()) *writer {
	w := &writer{
		session:  s,
		observer: func(Write) {},
		ended:    ended,
		requests: make(chan *request, maxBatch),
		stop:     make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	go w.run()
	return w
}

// write queues fn and waits for its answer: also when ctx ends meanwhile, so
// that the caller always learns what happened.
func (w *writer) write(ctx context.Context, fn func(querier) error) error {
	r := &request{ctx: ctx, fn: fn, done: make(chan error, 1)}
	select {
	case w.requests <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.stopped:
		return ErrClosed
	}
	select {
	case err := <-r.done:
		return raise(err)
	case <-w.stopped:
	}
	select {
	case err := <-r.done:
		return raise(err)
	default:
		return ErrClosed // it came too late to be taken
	}
}

// raise panics in the caller's goroutine if its closure panicked in ours.
func raise(err error) error {
	if p, ok := err.(*panicked); ok {
		panic(p)
	}
	return err
}

// close waits until what has queued is done.
func (w *writer) close() {
	close(w.stop)
	<-w.stopped
	w.session.discard()
}

func (w *writer) run() {
	finished := false
	defer func() {
		if finished {
			close(w.stopped)
			return
		}
		go w.run() // a closure ended this goroutine
	}()
	for {
		select {
		case first := <-w.requests:
			w.commit(w.gather(first))
		case <-w.stop:
			if len(w.requests) == 0 {
				finished = true
				return
			}
			w.commit(w.gather(<-w.requests))
		}
	}
}

// gather takes what has queued behind the first request.
func (w *writer) gather(first *request) []*request {
	batch := []*request{first}
	for len(batch) < maxBatch {
		select {
		case r := <-w.requests:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch and answers all of it. Errors of single requests wait for
// the commit too, because they may have been decided upon what others in the
// batch wrote; if the commit fails, that is everybody's answer.
func (w *writer) commit(batch []*request) {
	fatal, told, begun := errExited, Write{Requests: len(batch)}, time.Now()
	defer func() {
		if fatal != nil {
			w.rollback()
		}
		w.ended()
		told.Took = time.Since(begun)
		w.observer(told)
		for _, r := range batch {
			if fatal != nil && !isPanic(r.err) {
				r.err = fatal
			}
			r.done <- r.err
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
		r.err = call(r.fn, w.session)
		return r.err
	}
	if _, err := w.session.exec("SAVEPOINT request"); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	r.err = call(r.fn, w.session)
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
