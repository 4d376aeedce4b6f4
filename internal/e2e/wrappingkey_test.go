package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/datadir"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// TestWrappingKeyIsReplaced replaces the wrapping key of a service that signs all
// the while, killed at moments of chance, and by several at once: whatever file is
// there then opens it.
func TestWrappingKeyIsReplaced(t *testing.T) {
	sc := newScene(t)
	l := sc.startLoad(sc.service)
	file := filepath.Join(sc.dir, "wrapping.key")
	first := readFile(t, file)
	for range 12 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(90))*time.Millisecond)
		program(ctx, "sealwright", "wrapping-key", "rotate", "--data", sc.dir).Run()
		cancel()
		sc.mustRun([]string{"wrapping-key", "list", "--data", sc.dir})
	}
	for range 4 { // several operators at once: one wins, or one after the other
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				said, err := program(t.Context(), "sealwright", "wrapping-key", "rotate", "--data", sc.dir).CombinedOutput()
				if err != nil && !strings.Contains(string(said), "by somebody else meanwhile") && !strings.Contains(string(said), "does not open this installation") {
					t.Errorf("%v\n%s", err, said)
				}
			})
		}
		all.Wait()
		sc.mustRun([]string{"wrapping-key", "list", "--data", sc.dir})
	}
	sc.mustRun([]string{"wrapping-key", "rotate", "--data", sc.dir})
	list := sc.mustRun([]string{"wrapping-key", "list", "--data", sc.dir})
	if strings.Count(list, "\n") != 1 || strings.Contains(list, "replaced") || readFile(t, file) == first {
		t.Errorf("afterwards:\n%s", list)
	}
	l.next(3)
	l.stop()
	if failed := l.failed.Load(); failed != 0 {
		t.Errorf("%d requests failed; the last with %v", failed, l.last.Load())
	}
	sc.stop()

	old := filepath.Join(t.TempDir(), "old.key")
	if err := os.WriteFile(old, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := launch(sc.dir, "--key-file", old); err == nil || !strings.Contains(err.Error(), "does not open this installation") {
		t.Errorf("with the old key: %v", err)
	}
	s := start(t, sc.dir)
	if _, err := s.signer().SignPayload(t.Context(), signPayloadInput("oracle")); err != nil {
		t.Errorf("with the new key: %v", err)
	}
}

// TestRotationIsInterrupted leaves the rotation of a key file at each of its steps,
// beside a service that signs: each time the file that is there opens the
// installation, and the command finishes.
func TestRotationIsInterrupted(t *testing.T) {
	sc := newScene(t)
	interruptRotation(sc, filepath.Join(sc.dir, "wrapping.key"), sc.service)
}

// TestRotationIsInterruptedOnPostgreSQL is the same with two replicas that read one
// key file, and a third that starts in between.
func TestRotationIsInterruptedOnPostgreSQL(t *testing.T) {
	keyFile := filepath.Join(t.TempDir(), "wrapping.key")
	flags := []string{"--database", pgtest.URL(t), "--key-file", keyFile}
	t.Setenv("SEALWRIGHT_BLOBS", t.TempDir())
	a := start(t, t.TempDir(), flags...)
	for name, value := range a.env {
		t.Setenv(name, value)
	}
	sc := &scene{service: a, t: t, profile: createProfile(t, a, "oracle"), images: a.createRepository("app")}
	sc.image = sc.push([]byte("layer"))
	interruptRotation(sc, keyFile, a, start(t, t.TempDir(), flags...))
}

func interruptRotation(sc *scene, keyFile string, replicas ...*service) {
	t := sc.t
	l := sc.startLoad(replicas...)
	data := append([]string{"--data", sc.dir}, dataFlags(sc.command.Args)...)
	list := append([]string{"wrapping-key", "list"}, data...)
	for stop := range 5 {
		before := readFile(t, keyFile)
		rotateUntil(sc, stop)
		sc.mustRun(list)
		if database := databaseOf(sc); database != nil {
			s := start(t, t.TempDir(), append([]string{"--key-file", keyFile}, database...)...)
			if _, err := s.signer().SignPayload(t.Context(), signPayloadInput("oracle")); err != nil {
				t.Errorf("stopped after %d steps: a replica that starts then: %v", stop, err)
			}
			s.stop()
		}
		sc.mustRun(append([]string{"wrapping-key", "rotate"}, data...))
		now := sc.mustRun(list)
		if strings.Count(now, "\n") != 1 || strings.Contains(now, "replaced") || readFile(t, keyFile) == before {
			t.Errorf("stopped after %d steps, then finished:\n%s", stop, now)
		}
		if _, err := os.Stat(keyFile + ".new"); err == nil {
			t.Errorf("stopped after %d steps: the new key is still beside the old", stop)
		}
	}
	l.next(3)
	l.stop()
	if failed := l.failed.Load(); failed != 0 {
		t.Errorf("%d requests failed; the last with %v", failed, l.last.Load())
	}
}

// rotateUntil does that many steps of a rotation.
func rotateUntil(sc *scene, stop int) {
	t := sc.t
	dir, records := sc.openRecords()
	defer records.Close()
	u := sc.unlock(records, dir)
	var next seal.Wrapper
	steps := []func() error{
		func() (err error) { next, err = dir.NextKey(); return err },
		func() error { _, err := u.Succeed(t.Context(), next); return err },
		dir.TakeNextKey,
		func() error {
			now, err := u.Reopen(t.Context(), next)
			if err == nil {
				_, err = now.FinishSuccession(t.Context())
			}
			return err
		},
	}
	for _, step := range steps[:stop] {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

// openRecords opens the records of a scene's service, beside it.
func (sc *scene) openRecords() (*datadir.Dir, *sqlstore.DB) {
	sc.t.Helper()
	o := datadir.Options{Path: sc.dir}
	database := ""
	flags := dataFlags(sc.command.Args)
	for i := 0; i < len(flags); i += 2 {
		switch flags[i] {
		case "--key-file":
			o.KeyFile = flags[i+1]
		case "--database":
			database = flags[i+1]
		}
	}
	dir, err := datadir.Open(o)
	if err != nil {
		sc.t.Fatal(err)
	}
	records, err := openDatabase(sc.t.Context(), dir, database)
	if err != nil {
		sc.t.Fatal(err)
	}
	return dir, records
}

func openDatabase(ctx context.Context, dir *datadir.Dir, database string) (*sqlstore.DB, error) {
	if database != "" {
		return sqlstore.OpenPostgres(ctx, database)
	}
	return sqlstore.OpenSQLite(ctx, dir.Records())
}

func (sc *scene) unlock(records *sqlstore.DB, dir *datadir.Dir) *seal.Unlocked {
	sc.t.Helper()
	u, err := seal.Unlock(sc.t.Context(), seal.Options{Slots: records.Slots(), Region: region}, dir.Key)
	if err != nil {
		sc.t.Fatal(err)
	}
	return u
}

// TestInstallationFromBefore starts one whose secrets are under the wrapping key
// itself, as they were before there were data keys.
func TestInstallationFromBefore(t *testing.T) {
	for name, database := range map[string]func(t *testing.T) []string{
		"sqlite":   func(*testing.T) []string { return nil },
		"postgres": func(t *testing.T) []string { return []string{"--database", pgtest.URL(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, t.TempDir(), database(t)...)
			sc := &scene{service: s, t: t}
			createProfile(t, s, "oracle")
			s.stop()
			sc.sealAsBefore()
			again := start(t, s.dir, databaseOf(sc)...)
			if again.env["AWS_SECRET_ACCESS_KEY"] != s.env["AWS_SECRET_ACCESS_KEY"] {
				t.Error("the root key is another")
			}
			if _, err := again.signer().SignPayload(t.Context(), signPayloadInput("oracle")); err != nil {
				t.Error(err)
			}
			sc.mustRun(append([]string{"log", "verify", "--data", s.dir}, databaseOf(sc)...))
		})
	}
}

// sealAsBefore seals a stopped service's secrets under the wrapping key itself.
func (sc *scene) sealAsBefore() {
	sc.t.Helper()
	dir, records := sc.openRecords()
	defer records.Close()
	u, old := sc.unlock(records, dir), dir.Key.(*seal.Sealer)
	err := records.Slots().ChangeSlots(sc.t.Context(), func([]seal.Slot) (*seal.Change, error) {
		return &seal.Change{Event: journal.Event{ID: "before"}, Reseal: func(name string, sealed []byte) ([]byte, error) {
			plain, err := u.Open(name, sealed)
			return old.Seal(name, plain), err
		}}, nil
	})
	if err != nil {
		sc.t.Fatal(err)
	}
}

// databaseOf is the flag that names the database of a scene's service.
func databaseOf(sc *scene) []string {
	flags := dataFlags(sc.command.Args)
	if i := slices.Index(flags, "--database"); i >= 0 {
		return flags[i : i+2]
	}
	return nil
}

// TestWrappingKeyOfReplicas replaces the key file that two replicas read, one after
// the other: by another file here, by a passphrase there. Then it seals anew, with
// both stopped.
func TestWrappingKeyOfReplicas(t *testing.T) {
	database, keys := []string{"--database", pgtest.URL(t)}, t.TempDir()
	t.Setenv("SEALWRIGHT_BLOBS", t.TempDir())
	file := func(name string) []string {
		return append([]string{"--key-file", filepath.Join(keys, name)}, database...)
	}
	words := filepath.Join(keys, "words")
	if err := os.WriteFile(words, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	passphrase := append([]string{"--key-passphrase-file", words}, database...)
	first := start(t, t.TempDir(), file("old")...)
	createProfile(t, first, "oracle")
	replicas := []*service{first, start(t, t.TempDir(), file("old")...)}
	sc := &scene{service: first, t: t}
	wrapping := func(key []string, args ...string) string {
		return sc.mustRun(append(append([]string{"wrapping-key"}, args...), append([]string{"--data", first.dir}, key...)...))
	}

	wrapping(file("old"), "add", "--new-key-file", filepath.Join(keys, "new"))
	if added := wrapping(file("old"), "add", "--new-passphrase-file", words); !strings.Contains(added, "passphrase-") {
		t.Errorf("add said %q", added)
	}
	for i, key := range [][]string{file("new"), passphrase} {
		replicas[i].stop()
		replicas[i] = start(t, replicas[i].dir, key...)
		for _, each := range replicas {
			if _, err := each.signer().SignPayload(t.Context(), signPayloadInput("oracle")); err != nil {
				t.Errorf("while the key changes: %v", err)
			}
		}
	}
	old := strings.Fields(wrapping(file("new"), "list"))[0]
	for range 2 {
		wrapping(file("new"), "remove", old)
	}
	if _, err := launch(t.TempDir(), file("old")...); err == nil || !strings.Contains(err.Error(), "another wrapping key") {
		t.Errorf("with the key that was removed: %v", err)
	}

	reseal := []string{"wrapping-key", "reseal", "--new-key-file", filepath.Join(keys, "newest"), "--data", first.dir}
	if said, err := program(t.Context(), "sealwright", append(reseal, file("new")...)...).CombinedOutput(); err == nil || !strings.Contains(string(said), "another process") {
		t.Errorf("reseal beside a service: %v\n%s", err, said)
	}
	for _, r := range replicas {
		r.stop()
	}
	sc.mustRun(append(reseal, passphrase...))
	again := start(t, replicas[1].dir, file("newest")...)
	if again.env["AWS_SECRET_ACCESS_KEY"] != first.env["AWS_SECRET_ACCESS_KEY"] {
		t.Error("the root key is another")
	}
	if _, err := again.signer().SignPayload(t.Context(), signPayloadInput("oracle")); err != nil {
		t.Errorf("after everything was sealed anew: %v", err)
	}
}

// TestPassphraseFromTheEnvironment starts a new installation under a passphrase.
func TestPassphraseFromTheEnvironment(t *testing.T) {
	t.Setenv("SEALWRIGHT_KEY_PASSPHRASE", "correct horse battery staple")
	s := start(t, filepath.Join(t.TempDir(), "data"))
	if files, err := filepath.Glob(filepath.Join(s.dir, "*.key")); err != nil || len(files) != 0 {
		t.Errorf("key files %v, %v", files, err)
	}
	s.stop()
	t.Setenv("SEALWRIGHT_KEY_PASSPHRASE", "another horse battery staple")
	if _, err := launch(s.dir); err == nil || !strings.Contains(err.Error(), "does not open this installation") || strings.Contains(fmt.Sprint(err), "horse") {
		t.Errorf("with another passphrase: %v", err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
