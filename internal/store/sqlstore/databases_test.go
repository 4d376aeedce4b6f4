package sqlstore_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/sealwright/sealwright/internal/store/sqlstore"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// onEach runs a test on SQLite and on PostgreSQL. open opens a new database,
// closed when its t ends.
func onEach(t *testing.T, test func(t *testing.T, open func(t testing.TB) *sqlstore.DB)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openSQLite) })
	t.Run("postgres", func(t *testing.T) {
		pgtest.URL(t) // skips, if need be, before the subtests
		test(t, openPostgres)
	})
}

func openSQLite(t testing.TB) *sqlstore.DB {
	t.Helper()
	db, err := sqlstore.OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "records.db"))
	return closing(t, db, err)
}

func openPostgres(t testing.TB) *sqlstore.DB {
	t.Helper()
	db, err := sqlstore.OpenPostgres(context.Background(), pgtest.URL(t))
	return closing(t, db, err)
}

func closing(t testing.TB, db *sqlstore.DB, err error) *sqlstore.DB {
	t.Helper()
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
