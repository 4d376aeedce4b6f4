package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// busyTimeout is how long a statement waits for another process that writes to
// the same file, in milliseconds.
const busyTimeout = "10000"

// sqliteEngine is one writing session behind a queue and a pool of reading ones.
type sqliteEngine struct {
	writing, reading *sql.DB
	writer           *writer
	readers          *readers
	commits          revision
	checkpoints      *checkpointer
}

// OpenSQLite opens the database in a file, making it (owner-only) if it is not
// there, and brings its schema up to date. Whoever must not make one quietly
// looks first. Several processes may have the file open on one machine; it must
// not be on a network file system.
func OpenSQLite(ctx context.Context, path string) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := create(path); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	e := &sqliteEngine{}
	if e.writing, err = openPool(path, "_txlock=immediate"); err != nil {
		return nil, err
	}
	if e.reading, err = openPool(path, "_query_only=1"); err != nil {
		return nil, errors.Join(err, e.writing.Close())
	}
	if err := migrateSQLite(ctx, e.writing); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), e.writing.Close(), e.reading.Close())
	}
	e.readers = newReaders(e.reading, max(4, 2*runtime.NumCPU()))
	e.commits.pool, e.commits.start = e.reading, time.Now()
	e.writer = newWriter(&session{pool: e.writing})
	e.checkpoints = newCheckpointer(e.read)
	return newDB(e), nil
}

// create makes an empty owner-only file: SQLite gives its journal files the mode
// of the database. The directory is synced, so that the name is as durable as
// what will be in it.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// openPool prepares connections that keep promise 2: a write-ahead log, synced
// at each commit.
func openPool(path, extra string) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: extra +
		"&_busy_timeout=" + busyTimeout + "&_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_dqs=0" +
		"&_pragma=fullfsync(1)&_pragma=journal_size_limit(67108864)&_pragma=temp_store(memory)&_pragma=wal_autocheckpoint(" + strconv.Itoa(checkpointPages) + ")"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

func (e *sqliteEngine) write(ctx context.Context, fn func(querier) error) error {
	err := e.writer.write(ctx, fn)
	if err == nil {
		e.checkpoints.committed()
	}
	return err
}

func (e *sqliteEngine) read(ctx context.Context, fn func(querier) error) error {
	s, err := e.readers.take(ctx)
	if err != nil {
		return err
	}
	defer e.readers.give(s)
	return fn(s)
}

func (e *sqliteEngine) snapshot(ctx context.Context, fn func(querier) error) error {
	return e.read(ctx, func(q querier) (err error) {
		if _, err := q.exec("BEGIN"); err != nil {
			return err
		}
		defer func() {
			if _, end := q.exec("ROLLBACK"); end != nil {
				q.(*session).discard()
			}
		}()
		return fn(q)
	})
}

// settle has nothing to wait for: commits land in the order of their positions.
func (e *sqliteEngine) settle(context.Context) (bool, error) { return true, nil }

func (e *sqliteEngine) revision() (number uint64, known bool) { return e.commits.read() }

func (e *sqliteEngine) recent() (number uint64, known bool) { return e.commits.recent() }

func (e *sqliteEngine) late() time.Duration { return recentDelay }

func (e *sqliteEngine) clock(context.Context) (now time.Time, err error) { return now, nil }

func (e *sqliteEngine) ping(ctx context.Context) error {
	err := e.read(ctx, func(q querier) error {
		var one int
		return q.row("SELECT 1").Scan(&one)
	})
	if err != nil {
		return err
	}
	return e.write(ctx, func(querier) error { return nil })
}

func (e *sqliteEngine) observe(f func(Write)) { e.writer.observer = f }

func (e *sqliteEngine) stats() Stats {
	return Stats{
		Queue: e.writer.convoy.waiting(),
		Busy:  e.readers.busy(), Limit: cap(e.readers.free),
	}
}

func (e *sqliteEngine) close() error {
	e.writer.close()
	e.checkpoints.close()
	e.commits.close()
	e.readers.close()
	return errors.Join(e.reading.Close(), e.writing.Close())
}
