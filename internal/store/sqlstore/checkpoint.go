package sqlstore

import (
	"context"
	"time"
)

// checkpointPages is how long the log gets, in pages of 4 KiB, before a commit moves
// it into the database, which syncs both and has others wait. A page that many
// commits change is moved once. More than 4,062 would make it slower to read: the
// index of a log's first pages is one table.
//
// Source: https://www.sqlite.org/walformat.html#walidxfmt
const checkpointPages = 4000

const (
	// checkpointEarly is how long the log gets before it is moved beside the commits:
	// so late that most of a page's changes are moved at once, so early that this is
	// done before a commit must do it.
	checkpointEarly = checkpointPages * 7 / 8
	// checkpointLeast is how many pages are worth the syncs.
	checkpointLeast = 64
	// checkpointPause is how long it is not looked how long the log is.
	checkpointPause = 5 * time.Millisecond
)

// checkpointer moves the log into the database while others commit. Only a commit
// after which nothing is left to move lets the log begin anew, and while there is
// always another one that is SQLite's own, at checkpointPages; but then it finds
// the pages of the last moments to move, and not those of all the time before, for
// which everybody would wait.
//
// Source: https://www.sqlite.org/wal.html#ckpt
type checkpointer struct {
	read  func(context.Context, func(querier) error) error
	grown chan struct{} // has a value when there was a commit
	stop  chan struct{}
	ended chan struct{}
}

func newCheckpointer(read func(context.Context, func(querier) error) error) *checkpointer {
	c := &checkpointer{read: read, grown: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	go c.run()
	return c
}

// committed tells of a commit.
func (c *checkpointer) committed() {
	select {
	case c.grown <- struct{}{}:
	default:
	}
}

func (c *checkpointer) run() {
	defer close(c.ended)
	for {
		select {
		case <-c.grown:
			// If it fails, a commit does it; and if that fails too, the log grows.
			_ = c.step()
			time.Sleep(checkpointPause)
		case <-c.stop:
			return
		}
	}
}

func (c *checkpointer) step() error {
	return c.read(context.Background(), func(q querier) error {
		length, moved, err := checkpoint(q, "NOOP")
		if err != nil || length < checkpointEarly || length-moved < checkpointLeast {
			return err
		}
		_, _, err = checkpoint(q, "PASSIVE")
		return err
	})
}

// checkpoint moves what can be moved without waiting for anybody, or with NOOP
// nothing, and returns how many pages the log has and how many of them were moved.
//
// Source: https://www.sqlite.org/pragma.html#pragma_wal_checkpoint
func checkpoint(q querier, mode string) (length, moved int, err error) {
	var busy bool
	err = q.row("PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &length, &moved)
	return length, moved, err
}

// close waits until nothing is being moved.
func (c *checkpointer) close() {
	close(c.stop)
	<-c.ended
}
