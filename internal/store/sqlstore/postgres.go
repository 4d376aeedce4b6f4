package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	postgresConns    = 32               // connections of one process at most
	postgresAttempts = 8                // of one write that conflicts with others
	postgresPatience = 30 * time.Second // for a transaction that has started
	postgresSettle   = time.Second      // for transactions of others
	postgresRecent   = time.Second / 2  // how old what is recent may be
)

type postgresEngine struct {
	pool     *sql.DB
	observer func(Write) // set before the first use
	closed   atomic.Bool
	opened   time.Time
}

// OpenPostgres opens the database that url names (a libpq URL or keyword string;
// PostgreSQL 13 or newer, in UTF-8) and brings its schema up to date, one
// replica at a time.
func OpenPostgres(ctx context.Context, url string) (*DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err) // pgx leaves the password out
	}
	if _, set := config.RuntimeParams["application_name"]; !set {
		config.RuntimeParams["application_name"] = "sealwright"
	}
	config.RuntimeParams["default_transaction_isolation"] = "read committed"
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(postgresConns)
	pool.SetMaxIdleConns(postgresConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := preparePostgres(ctx, pool); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s on %s: %w", config.Database, config.Host, err), pool.Close())
	}
	return newDB(&postgresEngine{pool: pool, observer: func(Write) {}, opened: time.Now()}), nil
}

// preparePostgres refuses a server that cannot keep the promises, then migrates.
func preparePostgres(ctx context.Context, pool *sql.DB) error {
	var version int
	var encoding, synchronous string
	err := pool.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), current_setting('synchronous_commit')`).
		Scan(&version, &encoding, &synchronous)
	switch {
	case err != nil:
		return err
	case version < 130000:
		return fmt.Errorf("the server is PostgreSQL %d: 13 or newer is needed", version/10000)
	case encoding != "UTF8":
		return fmt.Errorf("the database's encoding is %s: make one with ENCODING 'UTF8'", encoding)
	case synchronous == "off":
		return errors.New("synchronous_commit is off, so an acknowledged signature could be lost: set it to on for this database or role")
	}
	return migratePostgres(ctx, pool)
}

// write runs fn in a transaction, again when PostgreSQL has rolled it back
// because of others. A commit whose answer was lost is not tried again.
func (e *postgresEngine) write(ctx context.Context, fn func(querier) error) error {
	for attempt := 1; ; attempt++ {
		err := e.once(ctx, fn)
		if err == nil || attempt == postgresAttempts || !rolledBack(err) {
			return err
		}
		pause := time.Duration(rand.Int64N(int64(time.Millisecond) << attempt))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// once runs fn in one transaction, which finishes even if ctx ends meanwhile.
func (e *postgresEngine) once(ctx context.Context, fn func(querier) error) error {
	conn, err := e.conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	steady, cancel := context.WithTimeout(context.WithoutCancel(ctx), postgresPatience)
	defer cancel()
	return e.observed(func(decided func()) error {
		return transact(steady, conn, nil, func(q querier) error {
			defer decided()
			return fn(q)
		})
	})
}

// observed runs a transaction, which calls decided before it commits, and tells
// of it.
func (e *postgresEngine) observed(transaction func(decided func()) error) error {
	begun, commit := time.Now(), time.Time{}
	err := transaction(func() { commit = time.Now() })
	told := Write{Requests: 1, Took: time.Since(begun), Committed: err == nil}
	if told.Committed {
		told.Commit = time.Since(commit)
	}
	e.observer(told)
	return err
}

func (e *postgresEngine) observe(f func(Write)) { e.observer = f }

func (e *postgresEngine) stats() Stats {
	s := e.pool.Stats()
	return Stats{Busy: s.InUse, Limit: s.MaxOpenConnections}
}

func (e *postgresEngine) conn(ctx context.Context) (*sql.Conn, error) {
	if e.closed.Load() {
		return nil, ErrClosed
	}
	conn, err := e.pool.Conn(ctx)
	return conn, closedMeanwhile(err)
}

// closedMeanwhile names the error of database/sql for whoever was overtaken by
// close, which that package does not export.
func closedMeanwhile(err error) error {
	if err != nil && err.Error() == "sql: database is closed" {
		return ErrClosed
	}
	return err
}

// transact runs fn between BEGIN and COMMIT. A panic of fn rolls back.
func transact(ctx context.Context, conn *sql.Conn, options *sql.TxOptions, fn func(querier) error) error {
	tx, err := conn.BeginTx(ctx, options)
	if err != nil {
		return &notBegun{err}
	}
	defer tx.Rollback() // nothing after a commit
	if err := fn(&postgresQuerier{ctx, tx}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (e *postgresEngine) read(ctx context.Context, fn func(querier) error) error {
	if e.closed.Load() {
		return ErrClosed
	}
	return closedMeanwhile(fn(&postgresQuerier{ctx, e.pool}))
}

func (e *postgresEngine) snapshot(ctx context.Context, fn func(querier) error) error {
	conn, err := e.conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return transact(ctx, conn, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, fn)
}

// settle asks again and again, for a second at most, whether the oldest
// transaction still running is younger than all that ran at the start. It takes
// a transaction id to know that: a snapshot's xmax is one past the youngest
// transaction that has ended, and younger ones may be running.
func (e *postgresEngine) settle(ctx context.Context) (bool, error) {
	var next int64
	err := e.pool.QueryRowContext(ctx, `SELECT pg_current_xact_id()::text::bigint`).Scan(&next)
	for pause := time.Millisecond; err == nil && pause < postgresSettle; pause *= 2 {
		var settled bool
		err = e.pool.QueryRowContext(ctx, `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1`, next).Scan(&settled)
		if err != nil || settled {
			return settled, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return false, err
}

// revision is not known: it would be a round trip, as any read is.
func (e *postgresEngine) revision() (number uint64, known bool) { return 0, false }

// recent counts half seconds on the monotonic clock.
func (e *postgresEngine) recent() (number uint64, known bool) {
	return uint64(time.Since(e.opened) / postgresRecent), true
}

func (e *postgresEngine) late() time.Duration { return postgresRecent }

func (e *postgresEngine) clock(ctx context.Context) (now time.Time, err error) {
	err = e.read(ctx, func(q querier) error {
		return q.row(`SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`).Scan(timeColumn{&now})
	})
	return now, err
}

// ping asks whether the server takes writes, too: after a failover the way may
// lead to one that only reads.
func (e *postgresEngine) ping(ctx context.Context) error {
	return e.read(ctx, func(q querier) error {
		var readOnly string
		err := q.row(`SELECT current_setting('transaction_read_only')`).Scan(&readOnly)
		if err == nil && readOnly == "on" {
			err = errors.New("the server takes no writes")
		}
		return err
	})
}

// close waits for the queries that run.
func (e *postgresEngine) close() error {
	e.closed.Store(true)
	return e.pool.Close()
}

// postgresQuerier runs statements on a connection or in a transaction; pgx keeps
// prepared statements for each connection.
type postgresQuerier struct {
	ctx context.Context
	on  interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
}

func (q *postgresQuerier) exec(query string, args ...any) (int64, error) {
	result, err := q.on.ExecContext(q.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (q *postgresQuerier) row(query string, args ...any) scanner {
	return q.on.QueryRowContext(q.ctx, query, args...)
}

func (q *postgresQuerier) query(query string, args ...any) (*sql.Rows, error) {
	return q.on.QueryContext(q.ctx, query, args...)
}

// errAgain is what a closure returns when it has met another transaction and
// must start again, seeing what that one did. With one writer it cannot happen.
var errAgain = errors.New("another transaction was quicker")

// notBegun is why a transaction could not be started, as on a connection that
// the server has closed.
type notBegun struct{ error }

func (e *notBegun) Unwrap() error { return e.error }

// rolledBack says whether a transaction has not been and may be tried again: it
// did not start, or was given up in favour of another (PostgreSQL's
// serialization_failure and deadlock_detected).
func rolledBack(err error) bool {
	var pg *pgconn.PgError
	var begin *notBegun
	return errors.Is(err, errAgain) || errors.As(err, &begin) || errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// lostConnection says whether the way to the server is at fault.
func lostConnection(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) || errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) || pgconn.Timeout(err)
}
