package sqlstore

import (
	"context"
	"runtime"
	"testing"
)

func TestObserverIsToldOfEachTransaction(t *testing.T) {
	db := opened(t)
	var told []Write
	db.Observe(func(w Write) { told = append(told, w) })
	write := func(name string) func(querier) error {
		return func(tx querier) error { return note(tx, name) }
	}
	batch(db, write("a"), write("b"), write("c"))
	if len(told) != 2 || told[1].Requests != 3 {
		t.Fatalf("told of %+v, want one request and then three", told)
	}
	for _, w := range told {
		if !w.Committed || w.Commit <= 0 || w.Took < w.Commit {
			t.Errorf("%+v", w)
		}
	}
	told = nil
	db.write(context.Background(), func(querier) error { return errOwn })
	if len(told) != 1 || told[0].Committed || told[0].Commit != 0 {
		t.Errorf("of what was given up, told %+v", told)
	}
}

func TestStatsCountWhatWaits(t *testing.T) {
	db := opened(t)
	held, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 2)
	go func() {
		done <- db.write(context.Background(), func(querier) error {
			close(held)
			<-release
			return nil
		})
	}()
	<-held
	go func() { done <- db.write(context.Background(), func(querier) error { return nil }) }()
	for db.Stats().Queue == 0 {
		runtime.Gosched() // until it has queued
	}
	if s := db.Stats(); s.Queue != 1 {
		t.Errorf("%+v", s)
	}
	err := db.read(context.Background(), func(querier) error {
		if s := db.Stats(); s.Busy != 1 || s.Limit < 4 {
			t.Errorf("in a read: %+v", s)
		}
		return nil
	})
	close(release)
	for range 2 {
		if e := <-done; e != nil || err != nil {
			t.Error(e, err)
		}
	}
}

// Ping must find that nothing can be written, not only that it can be read.
func TestPingAsksTheWriter(t *testing.T) {
	db := opened(t)
	asked := 0
	db.Observe(func(Write) { asked++ })
	if err := db.Ping(t.Context()); err != nil || asked != 1 {
		t.Errorf("%v, the writer ran %d times", err, asked)
	}
}
