package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// TestSweepGoesPastARival: another process removes the very rows that a sweep has
// picked and waits for. The sweep must take others, not say that nothing is left.
func TestSweepGoesPastARival(t *testing.T) {
	ctx := context.Background()
	sweep := func(db *DB) (int, error) { return db.Manifests().Sweep(ctx, 10) }
	for _, tc := range []struct {
		name, leave, rival string
		sweep              func(db *DB) (int, error)
	}{
		{"repositories", `DELETE FROM repository_counts; UPDATE repositories SET account = '', name = id::text`,
			`DELETE FROM repositories WHERE id = (SELECT id FROM repositories WHERE account = '' ORDER BY name LIMIT 1)`, sweep},
		{"graves", `INSERT INTO graves (repository, subject) SELECT id, name FROM repositories`,
			`DELETE FROM graves WHERE ctid = (SELECT ctid FROM graves LIMIT 1)`, sweep},
		{"claims", `INSERT INTO blob_claims (digest, claim, claimed_at) SELECT name, 1, id FROM repositories`,
			`DELETE FROM blob_claims WHERE digest = (SELECT digest FROM blob_claims ORDER BY claimed_at LIMIT 1)`,
			func(db *DB) (int, error) { return db.Links().ForgetClaims(ctx, time.UnixMicro(math.MaxInt64), 1) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := openedPostgres(t)
			createTwo(t, db)
			if _, err := pool(db).ExecContext(ctx, tc.leave); err != nil {
				t.Fatal(err)
			}
			tx, err := pool(db).BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			if _, err := tx.ExecContext(ctx, tc.rival); err != nil {
				t.Fatal(err)
			}
			swept := make(chan int, 1)
			go func() {
				n, err := tc.sweep(db)
				if err != nil {
					t.Error(err)
				}
				swept <- n
			}()
			awaitLockWaiter(t, pool(db))
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			if n := <-swept; n != 1 {
				t.Errorf("swept %d rows, and one was left", n)
			}
		})
	}
}

// createTwo creates two repositories.
func createTwo(t *testing.T, db *DB) {
	t.Helper()
	ctx := context.Background()
	about := journal.Subject{Account: "111122223333", Region: "us-east-1"}
	for i := range 2 {
		r := registry.Repository{Key: registry.Key{Account: about.Account, Name: ociref.Name(fmt.Sprint("app", i))},
			Region: about.Region, Mutability: registry.Mutable, CreatedAt: time.Now()}
		if err := db.Repositories().CreateRepository(ctx, r, journal.New(ctx, time.Now(), journal.SourceECR, "CreateRepository", about, nil)); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitLockWaiter returns when somebody waits for a lock of the database.
func awaitLockWaiter(t *testing.T, on *sql.DB) {
	t.Helper()
	for waiting := 0; waiting == 0; time.Sleep(time.Millisecond) {
		err := on.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
	}
}
