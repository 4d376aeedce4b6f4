package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

var errOwn = errors.New("the closure's own")

// opened is a database in a file of its own.
func opened(t *testing.T) *DB {
	t.Helper()
	db, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "a ?#%.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// note writes a row that can be found again.
func note(tx querier, name string) error { return record(tx, journal.Event{Name: name}) }

// noted are the rows that are there.
func noted(t *testing.T, db *DB) string {
	t.Helper()
	entries, err := db.Journal().Read(context.Background(), 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return strings.Join(names, " ")
}

// batch runs closures in one transaction: while the writer is held, they queue
// in order. It returns what each of them was answered, a panic as its value.
func batch(db *DB, fns ...func(tx querier) error) []any {
	held, release := make(chan struct{}), make(chan struct{})
	first := make(chan error)
	go func() {
		first <- db.write(context.Background(), func(querier) error {
			close(held)
			<-release
			return nil
		})
	}()
	<-held
	answers, done := make([]any, len(fns)), make(chan struct{})
	for i, fn := range fns {
		go func() {
			defer func() {
				if v := recover(); v != nil {
					answers[i] = v
				}
				done <- struct{}{}
			}()
			if err := db.write(context.Background(), fn); err != nil {
				answers[i] = err
			}
		}()
		for db.Stats().Queue <= i {
			runtime.Gosched()
		}
	}
	close(release)
	<-first
	for range fns {
		<-done
	}
	return answers
}

func noting(name string) func(querier) error {
	return func(tx querier) error { return note(tx, name) }
}

func TestBadRequestFailsAlone(t *testing.T) {
	db := opened(t)
	answers := batch(db, noting("a"),
		func(tx querier) error { return errors.Join(note(tx, "x"), errOwn) },
		noting("b"),
		func(tx querier) error {
			if err := note(tx, "y"); err != nil {
				return err
			}
			_, err := tx.exec("INSERT INTO no_such_table VALUES (1)")
			return err
		},
		func(tx querier) error {
			_, err := tx.exec("INSERT INTO journal (position, time) VALUES (1, 'noon')") // a constraint and a type
			return err
		},
		noting("c"))
	for i, wantError := range []bool{false, true, false, true, true, false} {
		if (answers[i] != nil) != wantError {
			t.Errorf("request %d: got %v", i, answers[i])
		}
	}
	if err, _ := answers[1].(error); !errors.Is(err, errOwn) {
		t.Errorf("got %v, want the closure's own error", answers[1])
	}
	if got := noted(t, db); got != "a b c" {
		t.Errorf("kept %q", got)
	}
}

func TestPanicReachesItsCaller(t *testing.T) {
	db := opened(t)
	for _, others := range []int{0, 1} { // alone in its batch, and not
		fns := []func(querier) error{func(tx querier) error {
			if err := note(tx, "x"); err != nil {
				return err
			}
			panic("boom")
		}}
		for i := range others {
			fns = append(fns, noting(fmt.Sprint("other", i)))
		}
		answers := batch(db, fns...)
		if p, ok := answers[0].(*panicked); !ok || p.value != "boom" || !strings.Contains(p.Error(), "TestPanicReachesItsCaller") {
			t.Errorf("got %v, want the panic with its stack", answers[0])
		}
		for _, answer := range answers[1:] {
			if answer != nil {
				t.Errorf("another request of the batch got %v", answer)
			}
		}
	}
	if got := noted(t, db); got != "other0" {
		t.Errorf("kept %q", got)
	}
}

func TestGoexitLeavesNobodyWaiting(t *testing.T) {
	db := opened(t)
	answers := batch(db, noting("a"), func(querier) error { runtime.Goexit(); return nil }, noting("b"))
	for i, answer := range answers[1:] { // the first led, so it was its goroutine that ended
		if err, _ := answer.(error); !errors.Is(err, errExited) {
			t.Errorf("request %d: got %v", i+1, answer)
		}
	}
	if err := db.write(context.Background(), noting("after")); err != nil {
		t.Fatal(err)
	}
	if got := noted(t, db); got != "after" {
		t.Errorf("kept %q", got)
	}
}

// TestLostTransaction: SQLite rolls back everything on errors such as a full
// disk. Nobody in the batch is told that his rows are there, and no later
// request of it runs outside the transaction.
func TestLostTransaction(t *testing.T) {
	db := opened(t)
	lose := func(tx querier) error {
		_, err := tx.exec("ROLLBACK")
		return errors.Join(err, errOwn)
	}
	keepQuiet := func(tx querier) error {
		_, err := tx.exec("ROLLBACK")
		return err
	}
	for _, lose := range []func(querier) error{lose, keepQuiet} {
		answers := batch(db, noting("a"), lose, noting("b"))
		for i, answer := range answers {
			if answer == nil {
				t.Errorf("request %d was acknowledged", i)
			}
		}
		if err := db.write(context.Background(), lose); err == nil {
			t.Error("alone, it was acknowledged")
		}
	}
	if err := db.write(context.Background(), noting("after")); err != nil {
		t.Fatal(err)
	}
	if got := noted(t, db); got != "after" {
		t.Errorf("kept %q", got)
	}
}

func TestCancelledRequest(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *DB{"sqlite": opened, "postgres": openedPostgres} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			ctx, cancel := context.WithCancel(context.Background())
			err := db.write(ctx, func(tx querier) error {
				cancel() // too late
				return note(tx, "a")
			})
			if err != nil {
				t.Error(err)
			}
			err = db.write(ctx, noting("b"))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if err := db.read(ctx, func(querier) error { return nil }); name == "sqlite" && !errors.Is(err, context.Canceled) && err != nil {
				t.Errorf("got %v", err)
			}
			if got := noted(t, db); got != "a" {
				t.Errorf("kept %q", got)
			}
		})
	}
}

func TestCancelledInTheQueue(t *testing.T) {
	db, queued := opened(t), make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	answer := make(chan error, 1)
	go func() {
		<-queued
		answer <- db.write(ctx, noting("b"))
	}()
	if err := db.write(context.Background(), func(tx querier) error {
		close(queued)
		for db.Stats().Queue == 0 {
			runtime.Gosched()
		}
		cancel()
		return note(tx, "a")
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := noted(t, db); got != "a" {
		t.Errorf("kept %q", got)
	}
}

// TestFullDatabase: a database that cannot grow says so, keeps what it has
// acknowledged, and works again when it can.
func TestFullDatabase(t *testing.T) {
	db := opened(t)
	ctx := context.Background()
	limit := func(pages string) {
		t.Helper()
		if err := db.write(ctx, func(tx querier) error {
			var set int
			return tx.row("PRAGMA max_page_count = " + pages).Scan(&set)
		}); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // no less than what it has
	big := strings.Repeat("x", 64<<10)
	answers := batch(db, noting("a"), func(tx querier) error { return note(tx, big) }, noting("b"))
	for i, answer := range answers {
		if err, _ := answer.(error); fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), "SQL") {
			t.Errorf("request %d: got %v, want an error for the caller", i, answer)
		}
	}
	if err := db.write(ctx, noting("small")); err != nil {
		t.Errorf("a row that fits: %v", err)
	}
	limit("1000000")
	if err := db.write(ctx, func(tx querier) error { return note(tx, big) }); err != nil {
		t.Error(err)
	}
	if got := noted(t, db); got != "small "+big {
		t.Errorf("kept %d bytes: %.20q…", len(got), got)
	}
}

// TestClose: whoever was accepted is served, whoever comes later is told.
func TestClose(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *DB{"sqlite": opened, "postgres": openedPostgres} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			ctx, entered, release := context.Background(), make(chan struct{}), make(chan struct{})
			accepted, rest := make(chan error, 1), make(chan error, 20)
			go func() {
				accepted <- db.write(ctx, func(tx querier) error {
					close(entered)
					<-release
					return note(tx, "a")
				})
			}()
			<-entered
			for range cap(rest) {
				go func() { rest <- db.write(ctx, noting("b")) }()
			}
			closed := make(chan error, 1)
			go func() { closed <- db.Close() }()
			close(release)
			if err := errors.Join(<-accepted, <-closed); err != nil {
				t.Fatal(err)
			}
			for range cap(rest) {
				if err := <-rest; err != nil && fault.KindOf(err) != fault.Unavailable {
					t.Errorf("got %v", err)
				}
			}
			for what, err := range map[string]error{"write": db.write(ctx, noting("c")), "ping": db.Ping(ctx),
				"read":     db.read(ctx, func(querier) error { return nil }),
				"snapshot": db.snapshot(ctx, func(querier) error { return nil })} {
				if !errors.Is(err, ErrClosed) {
					t.Errorf("%s after close: got %v", what, err)
				}
			}
		})
	}
}
