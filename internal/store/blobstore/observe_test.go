package blobstore

import (
	"os"
	"path/filepath"
	"testing"
)

func TestObserverIsToldOfEachSync(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "store"))
	files, directories := 0, 0
	d.Observe(func(s Sync) {
		if s.Directory {
			directories++
		} else {
			files++
		}
		if s.Took <= 0 {
			t.Errorf("a sync that took %s", s.Took)
		}
	})
	digest := push(t, d, []byte("content"))
	if files != 1 || directories != 2 { // the shard, new, in its parent; the blob in the shard
		t.Errorf("%d syncs of files and %d of directories, want 1 and 2", files, directories)
	}
	aside, err := d.SetAside(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	directories = 0
	if err := d.Restore(t.Context(), aside); err != nil || directories != 1 { // before the other name goes
		t.Errorf("%d syncs of directories, want 1, %v", directories, err)
	}
}

func TestCheck(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	d := open(t, root)
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	uploads := filepath.Join(root, "uploads")
	if left, err := os.ReadDir(uploads); err != nil || len(left) != 0 {
		t.Errorf("Check left %v, %v", left, err)
	}
	if err := os.Remove(uploads); err != nil {
		t.Fatal(err)
	}
	if err := d.Check(); err == nil {
		t.Error("without its directory the store says that it can be written")
	}
}
