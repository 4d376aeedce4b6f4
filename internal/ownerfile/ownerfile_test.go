package ownerfile_test

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/sealwright/sealwright/internal/ownerfile"
)

func TestWriteMakesDirectoriesAndKeepsOthersOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "secret.json")
	if err := ownerfile.Write(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := ownerfile.Write(path, []byte("two")); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "two" {
		t.Errorf("contents %q", got)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		info, err := os.Stat(name)
		if err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
}

func TestWriteNarrowsAnOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := ownerfile.Write(path, []byte("y")); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestSymbolicLinkIsRefused(t *testing.T) {
	folder := t.TempDir()
	target, link := filepath.Join(folder, "target"), filepath.Join(folder, "link")
	if err := os.WriteFile(target, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := ownerfile.Write(link, []byte("ours")); err == nil {
		t.Error("wrote through a symbolic link")
	}
	if got, _ := os.ReadFile(target); string(got) != "theirs" {
		t.Errorf("target became %q", got)
	}
}

func TestLockMakesReadersAndWritersTakeTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counter")
	var wg sync.WaitGroup
	const workers, turns = 8, 10
	for range workers {
		wg.Go(func() {
			for range turns {
				increment(t, path)
			}
		})
	}
	wg.Wait()
	if got, _ := os.ReadFile(path); string(got) != strconv.Itoa(workers*turns) {
		t.Errorf("counted to %s, want %d", got, workers*turns)
	}
}

func increment(t *testing.T, path string) {
	unlock, err := ownerfile.Lock(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer unlock()
	data, _ := os.ReadFile(path)
	n, _ := strconv.Atoi(string(data))
	if err := ownerfile.Write(path, []byte(strconv.Itoa(n+1))); err != nil {
		t.Error(err)
	}
}
