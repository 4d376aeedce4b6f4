package sqlstore

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

// growLog commits until the log has so many pages.
func growLog(t *testing.T, db *DB, pages int) {
	t.Helper()
	for length := 0; length < pages; {
		err := db.engine.write(t.Context(), func(tx querier) error {
			_, err := tx.exec(`CREATE TABLE IF NOT EXISTS filler (x BLOB)`)
			if err == nil {
				_, err = tx.exec(`INSERT INTO filler VALUES ($1)`, make([]byte, 200<<10))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		length, _ = logLength(t, db)
	}
}

func logLength(t *testing.T, db *DB) (length, moved int) {
	t.Helper()
	err := db.engine.read(context.Background(), func(q querier) (err error) {
		length, moved, err = checkpoint(q, "NOOP")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return length, moved
}

// TestCommitsHaveTheLogMoved: nobody asks for it, and no commit was made to do it.
func TestCommitsHaveTheLogMoved(t *testing.T) {
	db, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	growLog(t, db, checkpointEarly)
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		length, moved := logLength(t, db)
		if moved == length {
			return
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("of %d pages %d were moved", length, moved)
		}
	}
}

// TestLogIsMovedBeforeACommitMust: the checkpointer leaves a short log alone, and of a
// long one nothing.
func TestLogIsMovedBeforeACommitMust(t *testing.T) {
	db, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	e := db.engine.(*sqliteEngine)
	e.checkpoints.close() // steps are the test's
	defer func() { e.checkpoints = newCheckpointer(e.read) }()
	for _, c := range []struct {
		pages int
		moves bool
	}{{checkpointEarly / 2, false}, {checkpointEarly, true}} {
		growLog(t, db, c.pages)
		_, before := logLength(t, db)
		if err := e.checkpoints.step(); err != nil {
			t.Fatal(err)
		}
		length, moved := logLength(t, db)
		if want := map[bool]int{false: before, true: length}[c.moves]; moved != want {
			t.Errorf("of %d pages %d were moved, want %d", length, moved, want)
		}
	}
}
