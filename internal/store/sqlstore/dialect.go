package sqlstore

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sealwright/sealwright/internal/fault"
)

// The migrations are written once. SQLite's tables are STRICT, because it would
// else take a text for a BIGINT, and strict tables know few type names.
// PostgreSQL must compare text byte by byte, as SQLite does and as page markers
// need, whatever collation its database was made with.
var (
	sqliteDDL = strings.NewReplacer(
		"JOURNAL_POSITION", "INTEGER",
		"BIGINT", "INTEGER",
		"BOOLEAN", "INTEGER",
		"BYTEA", "BLOB",
		"CONTENT_TEXT", "CAST(content AS TEXT)",
	)
	postgresDDL = strings.NewReplacer(
		"-- PostgreSQL: ", "",
		"CONTENT_TEXT", "encode(content, 'escape')",
		"JOURNAL_POSITION", "BIGINT DEFAULT (CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('journal_position') END)",
		") STRICT, WITHOUT ROWID;", ");",
		") STRICT;", ");",
		" TEXT ", ` TEXT COLLATE "C" `,
	)
)

var rowLock = regexp.MustCompile(` FOR (UPDATE|SHARE)( OF [a-z_, ]+)?$`)

// indexHint names the index that SQLite is to take: it has no statistics, and
// prefers the table's own order to a partial index that has far fewer rows. To
// PostgreSQL it is a comment.
var indexHint = regexp.MustCompile(`/\* (INDEXED BY \w+) \*/`)

// sqliteText drops the row locks: SQLite's one writer holds the whole database. And
// where each parameter is used once, in order, it takes the numbers away: the driver
// asks SQLite for the name of each, which then looks through those of all.
func sqliteText(query string) string {
	query = indexHint.ReplaceAllString(rowLock.ReplaceAllString(query, ""), "$1")
	for i, name := range paramName.FindAllString(query, -1) {
		if name != "$"+strconv.Itoa(i+1) {
			return query
		}
	}
	return paramName.ReplaceAllString(query, "?")
}

var paramName = regexp.MustCompile(`\$[0-9]+`)

// unavailable is what the caller may know of a database that does not work.
const unavailable = "the service cannot reach its records at the moment: try again later"

// explain turns a driver's error into one with a kind. Errors of the domain and
// of the context pass as they are; a mistake of ours stays internal.
func explain(ctx context.Context, err error) error {
	var known *fault.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return err
	case unstorable(err):
		return fault.Hide(fault.Invalid, err, "a text in the request holds characters that cannot be stored, such as NUL")
	case outOfOrder(err):
		return fault.Hide(fault.Unavailable, err, unavailable)
	}
	return err
}

// outOfOrder says whether the database, not the statement, is at fault.
func outOfOrder(err error) bool {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE,
			sqlite3.SQLITE_RANGE, sqlite3.SQLITE_TOOBIG:
			return false
		}
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// Classes of https://www.postgresql.org/docs/current/errcodes-appendix.html:
		// connection, rollback (conflict), resources, intervention, system.
		return len(pg.Code) == 5 && strings.Contains("08 25 40 53 55 57 58", pg.Code[:2])
	}
	return errors.Is(err, errAgain) || lostConnection(err)
}

// unstorable says whether the bytes of a text were refused.
func unstorable(err error) bool {
	var pg *pgconn.PgError
	return errors.Is(err, errUnstorable) || errors.As(err, &pg) && (pg.Code == "22021" || pg.Code == "22P05")
}
