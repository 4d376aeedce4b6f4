package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/recall"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/signing"
)

// revision tells whether anything has been committed to a SQLite file, by this
// process or another, in less than a third of what it takes to read a row. It
// asks a connection that does nothing else for its data_version, which is another
// after each commit of any other connection.
//
// Source: https://www.sqlite.org/pragma.html#pragma_data_version
type revision struct {
	pool  *sql.DB
	start time.Time
	asked atomic.Int64  // when data_version was asked for last, in nanoseconds after start; 0 is never
	last  atomic.Uint64 // number, as of then

	mu      sync.Mutex
	conn    *sql.Conn
	stmt    driver.Stmt // on conn; database/sql would double the price
	closed  bool
	version int64  // of the connection's last answer
	number  uint64 // of versions that differed from the one before, on any connection
}

// read returns a number that differs from all it returned before the last
// commit. known is false when the database cannot be asked.
func (r *revision) read() (number uint64, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, false
	}
	now := int64(time.Since(r.start))
	version, err := r.dataVersion()
	if err != nil {
		r.asked.Store(0)
		r.disconnect()
		return 0, false
	}
	if version != r.version || r.number == 0 {
		r.version = version
		r.number++
	}
	r.last.Store(r.number)
	r.asked.Store(max(now, 1))
	return r.number, true
}

// recentDelay is how long recent may not know of a commit.
const recentDelay = 50 * time.Millisecond

// recent is read for who may learn of commits that late. It costs next to nothing,
// and never falls.
func (r *revision) recent() (number uint64, known bool) {
	if asked := r.asked.Load(); asked != 0 && int64(time.Since(r.start))-asked < int64(recentDelay) {
		return r.last.Load(), true
	}
	return r.read()
}

// dataVersion connects first if need be; versions of another connection say
// nothing about those of the one before.
func (r *revision) dataVersion() (int64, error) {
	if r.stmt == nil {
		if err := r.connect(); err != nil {
			return 0, err
		}
		r.number++
	}
	var version int64
	err := r.conn.Raw(func(any) (err error) {
		version, err = queryInteger(r.stmt)
		return err
	})
	return version, err
}

func (r *revision) connect() (err error) {
	if r.conn, err = r.pool.Conn(context.Background()); err != nil {
		return err
	}
	return r.conn.Raw(func(c any) (err error) {
		r.stmt, err = c.(driver.Conn).Prepare("PRAGMA data_version")
		return err
	})
}

// queryInteger runs a prepared query for one integer.
func queryInteger(stmt driver.Stmt) (int64, error) {
	q, ok := stmt.(driver.StmtQueryContext)
	if !ok {
		return 0, fmt.Errorf("the driver's %T takes no context", stmt)
	}
	rows, err := q.QueryContext(context.Background(), nil)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil {
		return 0, noEOF(err)
	}
	n, ok := row[0].(int64)
	if !ok {
		return 0, fmt.Errorf("the answer is %T, not an integer", row[0])
	}
	return n, nil
}

// noEOF keeps "no rows" from being taken for the end of something else.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return sql.ErrNoRows
	}
	return err
}

func (r *revision) disconnect() {
	if r.conn == nil {
		return
	}
	r.conn.Raw(func(any) error {
		if r.stmt != nil {
			r.stmt.Close()
		}
		return driver.ErrBadConn // tells the pool to close it
	})
	r.conn, r.stmt = nil, nil
}

// close gives the connection back. What is asked later is not known.
func (r *revision) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.asked.Store(0)
	r.disconnect()
}

// memories are the answers that a database remembers between commits. Only
// SQLite does: elsewhere to ask whether they still stand would cost as much as
// to make them again.
type memories struct {
	manifests *recall.Memory[manifestKey, registry.Manifest]
	contents  *recall.Memory[ociref.Digest, []byte]
	links     *recall.Memory[heldKey, int64]
	referrers *recall.Memory[heldKey, uint64]
	facts     *recall.Memory[factsKey, signing.RevocationFacts]
}

// manifestKey is how a manifest is asked for.
type manifestKey struct {
	registry.Key
	ociref.Reference
}

// heldKey is something a repository holds, by its digest.
type heldKey struct {
	registry.Key
	ociref.Digest
}

// defaultMemory is what a database remembers if nobody says otherwise, in bytes.
const defaultMemory = 32 << 20

func newMemories(limit int64) memories {
	return memories{
		manifests: recall.New[manifestKey, registry.Manifest](limit / 2),
		contents:  recall.New[ociref.Digest, []byte](limit / 4),
		links:     recall.New[heldKey, int64](limit / 8),
		referrers: recall.New[heldKey, uint64](limit / 16),
		facts:     recall.New[factsKey, signing.RevocationFacts](limit / 16),
	}
}

// Remember bounds what the database keeps in memory of what was read often, in
// bytes; 0 means that it keeps nothing. It must be called before the database is
// used.
func (db *DB) Remember(limit int64) { db.memories = newMemories(limit) }

// question is one read whose answer may be remembered.
type question[K comparable, V any] struct {
	memory *recall.Memory[K, V]
	key    K
	read   func() (V, error)
	size   func(V) int64 // bytes that key and answer refer to
}

// ask returns what read returns, from memory if nothing has been committed since.
// Errors are not remembered.
func ask[K comparable, V any](db *DB, q question[K, V]) (V, error) {
	revision, known := db.engine.revision()
	if !known {
		return q.read()
	}
	if v, ok := q.memory.Get(q.key, revision); ok {
		return v, nil
	}
	v, err := q.read()
	if err == nil {
		q.memory.Put(q.key, revision, v, q.size(v))
	}
	return v, err
}
