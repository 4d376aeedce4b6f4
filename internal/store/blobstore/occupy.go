package blobstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// sharing is how long to wait for a process that is about to share the directory; tests
// change it.
var sharing = 2 * time.Second

// occupy takes the directory's lock, which is that of the file of slots, and finds
// the uploads in these.
func (d *Dir) occupy() error {
	if d.shared && !canShare {
		return errors.New("files cannot be locked on this system: several processes cannot share a directory of blobs")
	}
	f, err := os.OpenFile(filepath.Join(d.root, "small-uploads"), os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	d.small = &smallUploads{file: f} // without a slot
	alone, err := flock(f, false)
	if err == nil && alone {
		d.small = openSmall(f, filepath.Join(d.root, "uploads"))
	}
	switch {
	case err != nil:
	case d.shared:
		err = d.share()
	case !alone:
		err = fmt.Errorf("%s is in use by another process: stop it, or name the directory with --blobs to each process that shares it", d.root)
	}
	if err != nil {
		err = errors.Join(err, f.Close())
	}
	return err
}

// share gives the uploads that an earlier process left in slots files, where all
// find them, and takes part in the directory's lock.
func (d *Dir) share() error {
	for _, name := range d.small.idle(time.Now().Add(time.Hour)) {
		h, err := d.take(filepath.Join(d.root, "uploads", name))
		if err != nil {
			return err
		}
		err = d.moveOut(h)
		h.release()
		if err != nil {
			return err
		}
	}
	d.small.free = nil
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		ours, err := flock(d.small.file, true)
		if err != nil || ours {
			return err
		}
		if time.Since(begun) > sharing {
			return fmt.Errorf("%s is in use by a process that does not share it: stop that, or start it with --blobs %s too", d.root, d.root)
		}
	}
}
