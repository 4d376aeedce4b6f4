package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// A migration is a file NNNNN_name.sql, run once, in one transaction. A file
// that has been released is never changed; a change of the schema is a new file.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationSteps are what the program itself does after a file's statements, by
// the file's name without its number.
var migrationSteps = map[string]func(tx querier) error{"bound_principals.sql": bindPrincipals}

// migrateSQLite brings a file up to date. SQLite has no session lock: when
// processes race, a loser's transaction fails as a whole, and it looks again. Each
// migration is a race of its own.
func migrateSQLite(ctx context.Context, db *sql.DB) error {
	provider, err := newProvider(goose.DialectSQLite3, db, sqliteDDL)
	if err != nil {
		return err
	}
	last := int64(-1)
	for stalled := 0; stalled < 3; stalled++ {
		if err = up(ctx, provider); err == nil || ctx.Err() != nil {
			return err
		}
		if at, unknown := provider.GetDBVersion(ctx); unknown == nil && at > last {
			last, stalled = at, 0
		}
	}
	return err
}

// migratePostgres brings a database up to date while it holds a lock that other
// replicas wait for.
func migratePostgres(ctx context.Context, db *sql.DB) error {
	provider, err := newProvider(goose.DialectPostgres, db, postgresDDL, goose.WithSessionLocker(migrationLock{}))
	if err != nil {
		return err
	}
	return up(ctx, provider)
}

// up applies what is missing, and refuses a schema this program does not know.
func up(ctx context.Context, provider *goose.Provider) error {
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if current > target {
		return fmt.Errorf("the schema has version %d and this program knows %d: use the newer program that wrote it", current, target)
	}
	return nil
}

func newProvider(dialect goose.Dialect, db *sql.DB, ddl *strings.Replacer, options ...goose.ProviderOption) (*goose.Provider, error) {
	migrations, err := readMigrations(ddl)
	if err != nil {
		return nil, err
	}
	options = append(options, goose.WithGoMigrations(migrations...), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	return goose.NewProvider(dialect, db, nil, options...)
}

// readMigrations puts the embedded files into the database's own words.
func readMigrations(ddl *strings.Replacer) ([]*goose.Migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var migrations []*goose.Migration
	for _, name := range names {
		number, title, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		script := ddl.Replace(string(text))
		migrations = append(migrations, goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, script)
			if step := migrationSteps[title]; err == nil && step != nil {
				err = step(&postgresQuerier{ctx, tx})
			}
			return err
		}}, nil))
	}
	return migrations, nil
}

// migrationLock is a PostgreSQL advisory lock. Goose's own asks again every few
// seconds; this one is woken.
type migrationLock struct{}

// migrationLockID is "sealwrig" read as a number.
const migrationLockID = 0x7365616c77726967

// SessionLock implements goose's lock.SessionLocker.
func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLockID))
	return err
}

// SessionUnlock implements goose's lock.SessionLocker.
func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	var held bool
	err := conn.QueryRowContext(ctx, "SELECT pg_advisory_unlock($1)", int64(migrationLockID)).Scan(&held)
	if err == nil && !held {
		return errors.New("the migration lock was lost")
	}
	return err
}
