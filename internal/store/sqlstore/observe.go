package sqlstore

import "time"

// Write is what is told of a transaction that was to write.
type Write struct {
	Requests  int           // that shared it: on PostgreSQL always one
	Took      time.Duration // all of it, from before BEGIN
	Commit    time.Duration // of it, COMMIT, which makes it durable; 0 unless Committed
	Committed bool
}

// Stats is how busy a database is.
type Stats struct {
	Queue int // writes that wait for the one writer; on PostgreSQL, where they do not queue, 0
	Busy  int // connections in use for reads (SQLite) or for anything (PostgreSQL)
	Limit int // of connections that may be
}

// Observe has f told of each transaction that was to write, after its end and
// before those who asked for it learn of it: f must return at once. It may be
// called at the same time by several goroutines. Observe must be called before
// the database is used.
func (db *DB) Observe(f func(Write)) { db.engine.observe(f) }

// Stats says how busy the database is now.
func (db *DB) Stats() Stats { return db.engine.stats() }
