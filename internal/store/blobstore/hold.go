package blobstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/registry"
)

// held is an upload that nobody else works on, in this process or another, until
// it is released.
type held struct {
	d    *Dir
	path string
	slot slot     // while there is no file
	file *os.File // nil: it is in a slot
}

// hold finds an upload and keeps others from it.
// [registry.ErrUploadNotFound], [registry.ErrUploadBusy].
func (d *Dir) hold(scope, id string) (*held, error) {
	path, err := d.uploadPath(scope, id)
	if err != nil {
		return nil, err
	}
	return d.take(path)
}

// take is hold of what lies at a path. Requests of this process exclude each other
// by the path alone, since an upload in a slot has no file to lock.
func (d *Dir) take(path string) (h *held, err error) {
	if !d.lock(path) {
		return nil, registry.ErrUploadBusy
	}
	h = &held{d: d, path: path}
	var small bool
	if h.slot, small = d.small.find(filepath.Base(path)); small {
		return h, nil
	}
	if h.file, err = openLocked(path); err != nil {
		d.unlock(path)
		return nil, err
	}
	return h, nil
}

func (h *held) name() string { return filepath.Base(h.path) }

// release lets others have the upload.
func (h *held) release() {
	if h.file != nil {
		h.file.Close()
	}
	h.d.unlock(h.path)
}

// openLocked opens an upload's file with its lock. Before the lock was had, another
// process may have made a blob of the file, or removed it.
func openLocked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) {
		f, err = os.Open(path) // it is complete
	}
	if err != nil {
		return nil, uploadError("open upload", err)
	}
	free, err := flock(f, false)
	switch {
	case err != nil:
		err = explain("lock upload", err)
	case !free:
		err = registry.ErrUploadBusy
	case !liesAt(f, path):
		err = registry.ErrUploadNotFound
	default:
		return f, nil
	}
	f.Close()
	return nil, err
}

// liesAt reports whether a path names an open file.
func liesAt(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(opened, named)
}

// An upload that others share the store of is made read-only before it becomes a
// blob. A client of NFS may still know it by its old name for a while, and must see
// that there is nothing to append to any more.
const completeMode = 0o400

// complete reports whether an upload takes no more bytes.
func complete(info fs.FileInfo) bool { return info.Mode().Perm() == completeMode }

// lock takes an upload unless a request of this process has it.
func (d *Dir) lock(path string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[path] {
		return false
	}
	d.busy[path] = true
	return true
}

// unlock gives it back.
func (d *Dir) unlock(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.busy, path)
}

// uploadPath is where an upload lies. An id that is not one of ours names
// nothing, and never becomes part of a path.
func (d *Dir) uploadPath(scope, id string) (string, error) {
	u, err := uuid.Parse(id)
	if err != nil || u.String() != id {
		return "", registry.ErrUploadNotFound
	}
	return filepath.Join(d.root, "uploads", uploadName(scope, id)), nil
}

// uploadError tells an upload that is not there from other failures.
func uploadError(doing string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESTALE) { // NFS: another client removed it
		return registry.ErrUploadNotFound
	}
	if err != nil {
		return explain(doing, err)
	}
	return nil
}
