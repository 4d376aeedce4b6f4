package sqlstore_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
	"github.com/sealwright/sealwright/internal/store/storetest"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// crashVariable names the database of the process that gets killed.
const crashVariable = "SEALWRIGHT_CRASH_DATABASE"

// TestKill: a process that records jobs is killed at any moment, again and
// again; each job that it said is recorded is there, with all that belongs to it.
func TestKill(t *testing.T) {
	if database := os.Getenv(crashVariable); database != "" {
		recordForever(t, database)
	}
	t.Run("sqlite", func(t *testing.T) { kill(t, filepath.Join(t.TempDir(), "records.db")) })
	t.Run("postgres", func(t *testing.T) { kill(t, pgtest.URL(t)) })
}

func openAny(database string) (*sqlstore.DB, error) {
	if strings.HasPrefix(database, "postgres:") {
		return sqlstore.OpenPostgres(context.Background(), database)
	}
	return sqlstore.OpenSQLite(context.Background(), database)
}

// recordForever records jobs and prints the id of each that is acknowledged.
func recordForever(t *testing.T, database string) {
	db, err := openAny(database)
	if err != nil {
		t.Fatal(err)
	}
	s := findSigner(db)
	failed := make(chan error)
	for range 8 {
		go func() {
			for {
				id, err := s.record(context.Background())
				if err != nil {
					failed <- err
					return
				}
				fmt.Println("recorded", id)
			}
		}()
	}
	t.Fatal(<-failed)
}

func kill(t *testing.T, database string) {
	db, err := openAny(database)
	if err != nil {
		t.Fatal(err)
	}
	newSigner(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	acknowledged := 0
	for range 5 {
		ids := killOnce(t, database, rand.IntN(200))
		acknowledged += len(ids)
		if db, err = openAny(database); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if _, err := db.Jobs().Job(context.Background(), signing.JobKey{Account: account, ID: id}); err != nil {
				t.Errorf("acknowledged job %s: %v", id, err)
			}
		}
		storetest.Check(t, stores(db), account)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if acknowledged == 0 {
		t.Fatal("no job was acknowledged")
	}
}

// killOnce starts a process, kills it when it has acknowledged some jobs, and
// returns all it has acknowledged.
func killOnce(t *testing.T, database string, after int) (ids []string) {
	command := exec.Command(os.Args[0], "-test.run=^TestKill$")
	command.Env = append(os.Environ(), crashVariable+"="+database)
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		id, ok := strings.CutPrefix(lines.Text(), "recorded ")
		if !ok {
			t.Errorf("the process said %q", lines.Text())
			continue
		}
		ids = append(ids, id)
		if len(ids) == after+1 {
			command.Process.Kill()
		}
	}
	command.Wait() // it was killed
	if len(ids) <= after {
		t.Errorf("the process ended after %d jobs", len(ids))
	}
	return ids
}
