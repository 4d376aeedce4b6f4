package blobstore

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Sync is what is told of each sync to the disk.
type Sync struct {
	Directory bool // of names, not of bytes
	Took      time.Duration
}

// Observe has f told of each sync, by the goroutine that made it: f must return
// at once. Observe must be called before the store is used.
func (d *Dir) Observe(f func(Sync)) { d.observer = f }

// sync puts an open file or directory on the disk, and tells how long it took.
func (d *Dir) sync(f *os.File, directory bool) error {
	begun := time.Now()
	err := f.Sync()
	d.observer(Sync{Directory: directory, Took: time.Since(begun)})
	return err
}

// Check says whether blobs can be written now: it makes a small file among the
// uploads, and removes it. It syncs nothing, so it is cheap; what it leaves when
// the process dies, expires as an upload does.
func (d *Dir) Check() error {
	f, err := os.CreateTemp(filepath.Join(d.root, "uploads"), "check.*.tmp")
	if err != nil {
		return fmt.Errorf("blobstore: check: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString("x")
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("blobstore: check: %w", err)
	}
	return nil
}
