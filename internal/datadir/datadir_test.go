package datadir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestInitThenOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	first, err := OpenOrInit(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if !first.New || !first.KeyInside {
		t.Errorf("New %v, KeyInside %v, want both", first.New, first.KeyInside)
	}
	if err := first.SetRoot("f00d"); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(Options) (*Dir, error){"Open": Open, "OpenOrInit": OpenOrInit} {
		again, err := open(Options{Path: path})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again.New || again.Root() != "f00d" || again.Key.ID() != first.Key.ID() {
			t.Errorf("%s: New %v, root %q, key %s", name, again.New, again.Root(), again.Key.ID())
		}
	}
}

// Who starts two services on a new directory by mistake must not end with
// records under a key that is gone.
func TestInitAtOnceMakesOneKey(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "data")
		opened := make([]*Dir, 8)
		var group sync.WaitGroup
		for i := range opened {
			group.Go(func() { opened[i], _ = OpenOrInit(Options{Path: path}) })
		}
		group.Wait()
		stands, err := Open(Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range opened {
			if d != nil && d.Key.ID() != stands.Key.ID() {
				t.Fatalf("one opened it with key %s, and %s is kept", d.Key.ID(), stands.Key.ID())
			}
		}
	}
}

func TestEverythingIsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d, err := OpenOrInit(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetEndpoint(Endpoint{URL: "http://localhost:1"}); err != nil {
		t.Fatal(err)
	}
	unlock, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	err = filepath.Walk(path, func(name string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOneProcessServes(t *testing.T) {
	path := t.TempDir()
	a, err := OpenOrInit(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := a.Lock()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Lock(); err == nil || !strings.Contains(err.Error(), "another process is serving") {
		t.Fatalf("a second lock: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err = b.Lock()
	if err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	unlock()
}

func TestEndpointIsWhatWasRecorded(t *testing.T) {
	d, err := OpenOrInit(Options{Path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Endpoint(); err == nil || !strings.Contains(err.Error(), "sealwright serve") {
		t.Errorf("before any: %v", err)
	}
	want := Endpoint{URL: "http://localhost:5000", Region: "us-east-1", Root: "f00d"}
	if err := d.SetEndpoint(want); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Endpoint(); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestRefusals: what is missing or wrong is said, with what to do, and the
// directory is left as it was.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, path string, o *Options)
		want  string
	}{
		{"key lost", func(t *testing.T, path string, o *Options) { remove(t, path, keyFile) }, "Restore it from a backup"},
		{"key spoiled", func(t *testing.T, path string, o *Options) { write(t, path, keyFile, "x") }, "holds no wrapping key"},
		{"a short passphrase", func(t *testing.T, path string, o *Options) { o.Passphrase = "short" }, "12 to 1024"},
		{"key file absent", func(t *testing.T, path string, o *Options) { o.KeyFile = path + "/nowhere" }, "is gone"},
		{"installation lost", func(t *testing.T, path string, o *Options) {
			remove(t, path, installationFile)
			write(t, path, "records.db", "x")
		}, "restore that file"},
		{"installation spoiled", func(t *testing.T, path string, o *Options) { write(t, path, installationFile, "{") }, "not one this program knows"},
		{"newer format", func(t *testing.T, path string, o *Options) { write(t, path, installationFile, `{"format":2}`) }, "format 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Options{Path: t.TempDir()}
			if _, err := OpenOrInit(o); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, o.Path, &o)
			_, err := OpenOrInit(o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestOpenMakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent")
	if _, err := Open(Options{Path: path}); err == nil || !strings.Contains(err.Error(), "sealwright serve") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the directory was made: %v", err)
	}
}

func TestKeyKeptElsewhere(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	o := Options{Path: t.TempDir(), KeyFile: key}
	d, err := OpenOrInit(o)
	if err != nil {
		t.Fatal(err)
	}
	if d.KeyInside {
		t.Error("KeyInside, though the key is elsewhere")
	}
	if _, err := os.Stat(filepath.Join(o.Path, keyFile)); !os.IsNotExist(err) {
		t.Errorf("a key in the directory: %v", err)
	}
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Path: o.Path, Key: string(text)}); err != nil {
		t.Errorf("the same key as text: %v", err)
	}
}

func TestInterruptedInitialisationGoesOn(t *testing.T) {
	path := t.TempDir()
	d, err := OpenOrInit(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	remove(t, path, installationFile) // as if the crash came before it
	again, err := OpenOrInit(Options{Path: path})
	if err != nil || again.Key.ID() != d.Key.ID() {
		t.Errorf("got key %v, %v, want the one made before", again, err)
	}
}

func remove(t *testing.T, path, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(path, name)); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestNextKey replaces the key file, interrupted at each step.
func TestNextKey(t *testing.T) {
	o := Options{Path: t.TempDir()}
	d, err := OpenOrInit(o)
	if err != nil {
		t.Fatal(err)
	}
	next, err := d.NextKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.NextKey()
	if err != nil || again.ID() != next.ID() || next.ID() == d.Key.ID() {
		t.Errorf("the next key is %s, then %s; it was %s, %v", next.ID(), again.ID(), d.Key.ID(), err)
	}
	if was, err := Open(o); err != nil || was.Key.ID() != d.Key.ID() {
		t.Errorf("before it is taken: %v", err)
	}
	if err := d.TakeNextKey(); err != nil {
		t.Fatal(err)
	}
	if now, err := Open(o); err != nil || now.Key.ID() != next.ID() {
		t.Errorf("after it was taken: %v", err)
	}
	if info, err := os.Stat(filepath.Join(o.Path, keyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file is %v, %v", info, err)
	}
}

func TestPassphraseMakesNoKeyFile(t *testing.T) {
	d, err := OpenOrInit(Options{Path: t.TempDir(), Passphrase: "correct horse battery"})
	if err != nil {
		t.Fatal(err)
	}
	if d.KeyInside || d.KeyPath != "" || d.Key.ID() != "" {
		t.Errorf("%+v", d)
	}
	if _, err := d.NextKey(); !errors.Is(err, ErrNoKeyFile) {
		t.Errorf("a next key: %v", err)
	}
	entries, err := os.ReadDir(d.Path)
	if err != nil || len(entries) != 2 { // installation.json and lock
		t.Errorf("the directory has %v, %v", entries, err)
	}
}
