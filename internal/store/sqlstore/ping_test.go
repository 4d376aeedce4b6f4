package sqlstore_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/sealwright/sealwright/internal/store/sqlstore"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// TestPingNoticesThatNothingCanBeWritten: after a failover the way to the server
// may lead to one that only reads.
func TestPingNoticesThatNothingCanBeWritten(t *testing.T) {
	ctx := context.Background()
	url := pgtest.URL(t)
	db, err := sqlstore.OpenPostgres(ctx, url)
	closing(t, db, err)
	if err := db.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	admin, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	for _, statement := range []string{
		`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`,
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
	} {
		if _, err := admin.ExecContext(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	db.Ping(ctx) // on a connection that was ended
	if err := db.Ping(ctx); err == nil {
		t.Error("a server that takes no writes is told to be well")
	}
}
