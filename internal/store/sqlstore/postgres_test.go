package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

func openedPostgres(t *testing.T) *DB {
	t.Helper()
	db, err := OpenPostgres(context.Background(), pgtest.URL(t))
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

func pool(db *DB) *sql.DB { return db.engine.(*postgresEngine).pool }

// TestDeadlock: two writes that lock each other out both succeed.
func TestDeadlock(t *testing.T) {
	db, ctx := openedPostgres(t), context.Background()
	if _, err := pool(db).ExecContext(ctx, "CREATE TABLE locks (n BIGINT PRIMARY KEY, held BIGINT); INSERT INTO locks VALUES (1, 0), (2, 0)"); err != nil {
		t.Fatal(err)
	}
	var met sync.WaitGroup
	met.Add(2)
	lock := func(first, second int) error {
		var once sync.Once
		return db.write(ctx, func(tx querier) error {
			if _, err := tx.exec("UPDATE locks SET held = held + 1 WHERE n = $1", first); err != nil {
				return err
			}
			once.Do(func() {
				met.Done()
				met.Wait()
			})
			_, err := tx.exec("UPDATE locks SET held = held + 1 WHERE n = $1", second)
			return err
		})
	}
	other := make(chan error)
	go func() { other <- lock(2, 1) }()
	if err := errors.Join(lock(1, 2), <-other); err != nil {
		t.Fatal(err)
	}
	var held int
	if err := pool(db).QueryRowContext(ctx, "SELECT sum(held) FROM locks").Scan(&held); err != nil || held != 4 {
		t.Fatalf("%d locks were taken, want 4: %v", held, err)
	}
}

// TestConflictsEnd: a closure that never gets through is given up, as something
// that may be tried later.
func TestConflictsEnd(t *testing.T) {
	db, tries := openedPostgres(t), 0
	err := db.write(context.Background(), func(querier) error { tries++; return errAgain })
	if fault.KindOf(err) != fault.Unavailable || tries != postgresAttempts {
		t.Fatalf("after %d tries: %v", tries, err)
	}
}

// TestJournalWaitsForEarlierPositions: an entry whose commit is late is not
// skipped, and one that was given up does not stop the reader.
func TestJournalWaitsForEarlierPositions(t *testing.T) {
	for name, end := range map[string]error{"committed": nil, "given up": errOwn} {
		t.Run(name, func(t *testing.T) {
			db, ctx := openedPostgres(t), context.Background()
			written, release, ended := make(chan struct{}), make(chan struct{}), make(chan error)
			early := func() {
				ended <- db.write(ctx, func(tx querier) error {
					if err := note(tx, "early"); err != nil {
						return err
					}
					close(written)
					<-release
					return end
				})
			}
			if err := db.write(ctx, func(tx querier) error {
				if _, err := tx.exec("SELECT pg_current_xact_id()"); err != nil { // an older transaction, a later position
					return err
				}
				go early()
				<-written
				return note(tx, "late")
			}); err != nil {
				t.Fatal(err)
			}
			if got := noted(t, db); got != "" {
				t.Errorf("while the earlier one runs: %q", got)
			}
			close(release)
			if err := <-ended; !errors.Is(err, end) {
				t.Fatal(err)
			}
			want := "early late"
			if end != nil {
				want = "late"
			}
			var got []string // in one read or two
			after := int64(0)
			for range 2 {
				entries, err := db.Journal().Read(ctx, 0, 10)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					if int64(e.Position) > after {
						got, after = append(got, e.Name), int64(e.Position)
					}
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestServerRestart: connections that the server closed do not fail what comes
// after.
func TestServerRestart(t *testing.T) {
	db, ctx := openedPostgres(t), context.Background()
	var wg sync.WaitGroup
	for range 8 { // fill the pool
		wg.Go(func() {
			if err := db.write(ctx, noting("a")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := pool(db).ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		if err := db.write(ctx, noting("b")); err != nil {
			t.Error(err)
		}
	}
	err := db.write(ctx, func(tx querier) error {
		_, err := tx.exec("SELECT pg_terminate_backend(pg_backend_pid())")
		return err
	})
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a connection lost on the way: got %v", err)
	}
}

// TestUnfitServer: a database that cannot keep the promises is refused.
func TestUnfitServer(t *testing.T) {
	ctx, url := context.Background(), pgtest.URL(t)
	db, err := OpenPostgres(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool(db).ExecContext(ctx, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPostgres(ctx, url); err == nil || !strings.Contains(err.Error(), "synchronous_commit") {
		t.Errorf("got %v", err)
	}
	for _, bad := range []string{"postgres://u:secret@127.0.0.1:1/x", "postgres://u:secret@[::1", "postgres://u:secret@/x?host=/nowhere"} {
		if _, err := OpenPostgres(ctx, bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", bad, err)
		}
	}
}

// TestUsesOfTheSameKeys: replicas that note what the same keys were used for do not
// lock each other out.
func TestUsesOfTheSameKeys(t *testing.T) {
	url, ctx := pgtest.URL(t), context.Background()
	var tries atomic.Int32
	dbs := make([]*DB, 2)
	for i := range dbs {
		db, err := OpenPostgres(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		dbs[i] = db
	}
	uses := map[string]access.Use{}
	if _, err := pool(dbs[0]).ExecContext(ctx, `INSERT INTO accounts (id, region, token_key, created_at) VALUES ('111122223333', 'us-east-1', '', 1)`); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		id := fmt.Sprintf("AKIA%d", i)
		uses[id] = access.Use{}
		if _, err := pool(dbs[0]).ExecContext(ctx, `INSERT INTO access_keys (id, account, region, principal, secret, active, created_at) VALUES ($1, '111122223333', 'us-east-1', '', '', true, 1)`, id); err != nil {
			t.Fatal(err)
		}
	}
	for _, db := range dbs {
		db.Observe(func(w Write) {
			if !w.Committed {
				tries.Add(1)
			}
		})
	}
	for round := range 5 {
		var wg sync.WaitGroup
		for i, db := range dbs {
			mine := map[string]access.Use{}
			for id := range uses {
				mine[id] = access.Use{At: time.Unix(int64(2*round+i+1), 0), Service: "signer"}
			}
			wg.Go(func() {
				if err := db.Access().NoteUses(ctx, mine); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if n := tries.Load(); n > 0 {
		t.Errorf("%d transactions were given up for others", n)
	}
}

// TestDatabasesClock: of a server it is read; here it is our own.
func TestDatabasesClock(t *testing.T) {
	before := time.Now().Add(-time.Hour)
	now, err := openedPostgres(t).Retention().Now(context.Background())
	if err != nil || now.Before(before) || now.After(time.Now().Add(time.Hour)) {
		t.Errorf("it is %v, %v", now, err)
	}
}
