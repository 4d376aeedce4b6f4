package sqlstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

func TestFilesAreOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	db, err := OpenSQLite(context.Background(), filepath.Join(dir, "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.write(context.Background(), noting("a")); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 3 { // the database, its log and the log's index
		t.Errorf("got %v", files)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestOpenSQLiteFails(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSQLite(context.Background(), other); err == nil || !strings.Contains(err.Error(), "not a database") || !strings.Contains(err.Error(), other) {
		t.Errorf("got %v", err)
	}
	if _, err := OpenSQLite(context.Background(), filepath.Join(dir, "none", "records.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestOpenAtOnce: replicas that start together all come up, on one schema, and a
// later start finds everything.
func TestOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	t.Run("sqlite", func(t *testing.T) {
		openAtOnce(t, func() (*DB, error) { return OpenSQLite(context.Background(), path) })
	})
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.URL(t)
		openAtOnce(t, func() (*DB, error) { return OpenPostgres(context.Background(), url) })
	})
}

func openAtOnce(t *testing.T, open func() (*DB, error)) {
	const replicas = 5
	dbs, errs := make(chan *DB, replicas), make(chan error, replicas)
	for range replicas {
		go func() {
			db, err := open()
			dbs <- db
			errs <- err
		}()
	}
	for range replicas {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
		db := <-dbs
		if err := db.write(context.Background(), noting("a")); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	db, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := noted(t, db); got != strings.TrimSpace(strings.Repeat("a ", replicas)) {
		t.Errorf("kept %q", got)
	}
}

// TestNewerSchema: a program does not touch what a newer one wrote.
func TestNewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	t.Run("sqlite", func(t *testing.T) {
		newerSchema(t, func() (*DB, error) { return OpenSQLite(context.Background(), path) })
	})
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.URL(t)
		newerSchema(t, func() (*DB, error) { return OpenPostgres(context.Background(), url) })
	})
}

func newerSchema(t *testing.T, open func() (*DB, error)) {
	db, err := open()
	if err != nil {
		t.Fatal(err)
	}
	err = db.write(context.Background(), func(tx querier) error {
		_, err := tx.exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "99999") {
		t.Errorf("got %v", err)
	}
}

// TestSchemasAgree: both databases have the same tables and columns.
func TestSchemasAgree(t *testing.T) {
	lite, pg := opened(t), openedPostgres(t)
	columns := func(db *DB, query string) string {
		t.Helper()
		var all []string
		err := db.read(context.Background(), func(q querier) (err error) {
			all, err = collect(q, func(row scanner) (c string, err error) { return c, row.Scan(&c) }, query)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(all)
		return strings.Join(all, "\n")
	}
	l := columns(lite, `SELECT m.name || '.' || c.name || ' ' || replace(replace(c.type, 'INTEGER', 'n'), 'BLOB', 'b') || CASE WHEN c."notnull" OR c.pk THEN '' ELSE ' null' END AS c
		FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%'`)
	p := columns(pg, `SELECT table_name || '.' || column_name || ' ' || CASE data_type WHEN 'text' THEN 'TEXT' WHEN 'bytea' THEN 'b' ELSE 'n' END || CASE is_nullable WHEN 'NO' THEN '' ELSE ' null' END AS c
		FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%'`)
	if l != p {
		t.Errorf("SQLite has\n%s\n\nPostgreSQL has\n%s", l, p)
	}
	byDictionary := columns(pg, `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND data_type = 'text' AND table_name NOT LIKE 'goose%' AND collation_name IS DISTINCT FROM 'C'`)
	if byDictionary != "" {
		t.Errorf("columns that are not compared byte by byte:\n%s", byDictionary)
	}
}

// TestCommitsAreSynced: no kill of a process tells whether a commit was synced, only
// a loss of power does. So the connection that writes is asked.
func TestCommitsAreSynced(t *testing.T) {
	db, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.write(t.Context(), func(tx querier) error {
		for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "fullfsync": "1"} {
			if got, err := scanOne[string](tx.row("PRAGMA " + pragma)); err != nil || got != want {
				t.Errorf("%s is %q, want %q: %v", pragma, got, want, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
