package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"unicode/utf8"
)

// session is one connection to SQLite with its prepared statements. It is used
// by one goroutine at a time. Its statements do not take a context: the driver
// would start a goroutine for each to interrupt it, and all of them are short.
type session struct {
	pool  *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// stmt returns the prepared statement of a text, connecting first if need be.
func (s *session) stmt(query string) (*sql.Stmt, error) {
	if stmt, ok := s.stmts[query]; ok {
		return stmt, nil
	}
	if err := s.connect(); err != nil {
		return nil, err
	}
	stmt, err := s.conn.PrepareContext(context.Background(), sqliteText(query))
	if err != nil {
		return nil, err
	}
	s.stmts[query] = stmt
	return stmt, nil
}

func (s *session) connect() (err error) {
	if s.conn == nil {
		s.stmts = make(map[string]*sql.Stmt)
		s.conn, err = s.pool.Conn(context.Background())
	}
	return err
}

// discard closes the connection, with whatever transaction it was in. The next
// statement connects anew.
func (s *session) discard() {
	if s.conn == nil {
		return
	}
	for _, stmt := range s.stmts {
		stmt.Close()
	}
	s.conn.Raw(func(any) error { return driver.ErrBadConn }) // tells the pool to close it
	s.conn, s.stmts = nil, nil
}

// errUnstorable means a text that PostgreSQL does not take. SQLite would, and a
// database that could not move to PostgreSQL would come of it.
var errUnstorable = errors.New("a text is not UTF-8 or holds NUL")

func (s *session) exec(query string, args ...any) (int64, error) {
	for _, arg := range args {
		if text, ok := arg.(string); ok && (!utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0) {
			return 0, errUnstorable
		}
	}
	stmt, err := s.stmt(query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (s *session) row(query string, args ...any) scanner {
	stmt, err := s.stmt(query)
	if err != nil {
		return failedRow{err}
	}
	return stmt.QueryRowContext(context.Background(), args...)
}

func (s *session) query(query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.stmt(query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(context.Background(), args...)
}
