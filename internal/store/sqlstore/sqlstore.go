// Package sqlstore keeps Sealwright's records in SQLite or in PostgreSQL.
//
// Both databases run the same SQL text, written in PostgreSQL's dialect with
// parameters numbered in order; dialect.go holds the few words SQLite does not
// know. Times are BIGINT microseconds UTC and 0 means none, JSON is TEXT and ""
// means none, ids are made by the application, and no statement asks the
// database for the time. What each table is for stands in migrations/*.sql.
//
// Every change of state runs in [DB.write] together with its journal row, so
// both are there or neither is. One file holds one domain package's tables and
// implements the ports that package declares.
//
// # When a write fails
//
// An error that the closure itself returned means that nothing was saved. Any
// other error of a write means that the outcome is not known: a commit whose
// answer was lost may have happened. Callers may do the same again: every write
// here either may be repeated or says that it has been done.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
)

// ErrClosed is the answer to whoever comes after [DB.Close].
var ErrClosed = fault.New(fault.Unavailable, "the service is stopping")

// DB is an open database. It is safe for concurrent use.
type DB struct {
	engine    engine
	leaves    leaves
	recorders recorders
	memories  memories
	accesses  atomic.Uint64 // changes that access decides upon made through here
	revised   atomic.Pointer[revisionRead]
	rings     atomic.Pointer[[]chan<- struct{}]
	close     func() error // once
}

func newDB(e engine) *DB {
	db := &DB{engine: e, memories: newMemories(defaultMemory), close: sync.OnceValue(e.close)}
	db.recorders.db = db
	return db
}

// engine runs closures in transactions of one kind of database.
type engine interface {
	write(ctx context.Context, fn func(tx querier) error) error
	read(ctx context.Context, fn func(q querier) error) error
	snapshot(ctx context.Context, fn func(tx querier) error) error
	// await waits for a turn and holds it until tx ends.
	await(tx querier, t turn, h hold) error
	// awaitBoth waits for one turn, then for another, to hold both shared.
	awaitBoth(tx querier, first, second turn) error
	// settle waits until every write that runs now has ended; false: they take long.
	settle(ctx context.Context) (bool, error)
	// revision returns a number that is another one after each commit, whoever made
	// it; known is false where to find out costs as much as to read.
	revision() (number uint64, known bool)
	// recent is a number that is another one soon after each commit: on SQLite in
	// 50 ms, elsewhere every half second.
	recent() (number uint64, known bool)
	// late is how long after a commit at most.
	late() time.Duration
	// clock is the time on the database's machine; zero where that is this one.
	clock(ctx context.Context) (time.Time, error)
	ping(ctx context.Context) error
	observe(func(Write))
	stats() Stats
	close() error
}

// querier runs statements. It is good only inside the closure it was given to,
// on that goroutine. The text of a statement must be constant or one of a few:
// SQLite keeps a prepared statement for each text it has seen.
type querier interface {
	// exec runs a statement and returns how many rows it changed.
	exec(query string, args ...any) (int64, error)
	// row runs a query for at most one row. An error waits for Scan; no row is
	// [sql.ErrNoRows].
	row(query string, args ...any) scanner
	// query runs a query for rows, which the caller closes. See [collect].
	query(query string, args ...any) (*sql.Rows, error)
}

// scanner is one row of a result.
type scanner interface {
	Scan(dest ...any) error
}

// write runs fn in a transaction that is durable when write returns nil, and
// gone when fn returns an error, which write returns as it is. fn may run more
// than once and must be pure but for tx; it must return every error of tx, since
// a transaction does not survive one (so use ON CONFLICT DO NOTHING rather than
// catch a violation). It must not call write. A ctx cancelled before fn starts
// stops it; later cancellation does not.
//
// On PostgreSQL the transaction is READ COMMITTED: rows that fn decides upon
// must be locked with FOR UPDATE or FOR SHARE at the end of their SELECT. SQLite
// runs one writer at a time and drops these words.
func (db *DB) write(ctx context.Context, fn func(tx querier) error) error {
	err := db.engine.write(ctx, fn)
	if err == nil {
		db.wake()
	}
	return explain(ctx, err)
}

// read runs fn, which makes one query. It sees everything acknowledged before.
func (db *DB) read(ctx context.Context, fn func(q querier) error) error {
	return explain(ctx, db.engine.read(ctx, fn))
}

// snapshot runs fn, which makes several queries that all see one moment.
func (db *DB) snapshot(ctx context.Context, fn func(tx querier) error) error {
	return explain(ctx, db.engine.snapshot(ctx, fn))
}

// Ping says whether the database answers: to a read and, on SQLite, to the
// writer, in a transaction that writes nothing; PostgreSQL is asked whether it
// takes writes. When the disk hangs it may take as long as that, whatever ctx
// says.
func (db *DB) Ping(ctx context.Context) error {
	return explain(ctx, db.engine.ping(ctx))
}

// Close finishes what has been accepted and closes the database. Whoever comes
// later gets [ErrClosed].
func (db *DB) Close() error {
	return db.close()
}

// collect runs a query and scans every row of it.
func collect[T any](q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// orElse replaces "no row" by the sentinel of whoever asked.
func orElse(err error, missing error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return missing
	}
	return err
}

// failedRow is a row whose query could not be run.
type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

// panicked is the error of a closure that panicked on a goroutine of ours; it is
// raised again where the closure came from.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string {
	return fmt.Sprintf("panic in a transaction: %v\n\n%s", p.value, p.stack)
}
