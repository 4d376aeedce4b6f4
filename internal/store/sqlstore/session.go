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
	stmts map[string]*sql.Stmt   // of queries
	execs map[string]driver.Stmt // of changes: database/sql would copy their arguments, which are many
	args  []driver.NamedValue    // of the one that runs
}

// stmt returns the prepared statement of a query, connecting first if need be.
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
		s.stmts, s.execs = make(map[string]*sql.Stmt), make(map[string]driver.Stmt)
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
	s.conn.Raw(func(any) error {
		for _, stmt := range s.execs {
			stmt.Close()
		}
		return driver.ErrBadConn // tells the pool to close it
	})
	s.conn, s.stmts, s.execs = nil, nil, nil
}

// errUnstorable means a text that PostgreSQL does not take. SQLite would, and a
// database that could not move to PostgreSQL would come of it.
var errUnstorable = errors.New("a text is not UTF-8 or holds NUL")

func (s *session) exec(query string, args ...any) (changed int64, err error) {
	if err := s.connect(); err != nil {
		return 0, err
	}
	if err := s.bind(args); err != nil {
		return 0, err
	}
	err = s.conn.Raw(func(conn any) error {
		changed, err = s.run(conn.(driver.ConnPrepareContext), query)
		return err
	})
	clear(s.args)
	return changed, err
}

// bind makes driver's values of arguments.
func (s *session) bind(args []any) error {
	s.args = s.args[:0]
	for i, arg := range args {
		if text, ok := arg.(string); ok && (!utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0) {
			return errUnstorable
		}
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return err
		}
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	return nil
}

// run runs a statement with what was bound.
func (s *session) run(conn driver.ConnPrepareContext, query string) (changed int64, err error) {
	stmt, ok := s.execs[query]
	if !ok {
		if stmt, err = conn.PrepareContext(context.Background(), sqliteText(query)); err != nil {
			return 0, err
		}
		s.execs[query] = stmt
	}
	result, err := stmt.(driver.StmtExecContext).ExecContext(context.Background(), s.args)
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
