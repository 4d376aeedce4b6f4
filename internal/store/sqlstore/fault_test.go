//go:build linux || darwin

package sqlstore

import (
	"context"
	"math"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/sealwright/sealwright/internal/fault"
)

// TestFailingCommit: the log cannot grow, so COMMIT itself fails. Nobody is
// acknowledged, nothing of it is seen, and it works again when the log can grow.
func TestFailingCommit(t *testing.T) {
	db := opened(t)
	if err := db.write(context.Background(), noting("before")); err != nil {
		t.Fatal(err)
	}
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ) // which the kernel sends beside the error
	defer signal.Reset(syscall.SIGXFSZ)
	log, err := os.Stat(logOf(t, db))
	if err != nil {
		t.Fatal(err)
	}
	limit := func(n uint64) {
		t.Helper()
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: min(n, was.Max), Max: was.Max}); err != nil {
			t.Fatal(err)
		}
	}
	limit(uint64(log.Size()) + 100)
	big := strings.Repeat("x", 64<<10)
	answers := batch(db, noting("a"), func(tx querier) error { return note(tx, big) })
	alone := db.write(context.Background(), noting("b"))
	limit(min(was.Cur, math.MaxInt64))

	for i, answer := range append(answers, alone) {
		if err, _ := answer.(error); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("request %d: got %v", i, answer)
		}
	}
	if got := noted(t, db); got != "before" {
		t.Errorf("kept %.40q", got)
	}
	if err := db.write(context.Background(), noting("after")); err != nil {
		t.Error(err)
	}
	if got := noted(t, db); got != "before after" {
		t.Errorf("kept %.40q", got)
	}
}

// logOf is the path of the database's write-ahead log.
func logOf(t *testing.T, db *DB) string {
	t.Helper()
	var file string
	if err := db.read(context.Background(), func(q querier) error {
		return q.row("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file)
	}); err != nil {
		t.Fatal(err)
	}
	return file + "-wal"
}
