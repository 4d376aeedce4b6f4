package blobstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/registry"
)

// bufferSize is what one request that uploads holds in memory.
const bufferSize = 128 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// StartUpload makes an empty upload. Its id is a random UUID, as the
// distribution specification wants it.
func (d *Dir) StartUpload(_ context.Context, scope string) (string, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return "", fmt.Errorf("blobstore: start upload: %w", err)
	}
	path := filepath.Join(d.root, "uploads", uploadName(scope, id.String()))
	if err := step("create"); err != nil {
		return "", explain("start upload", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return "", explain("start upload", err)
	}
	return id.String(), f.Close()
}

// UploadSize returns how many bytes have arrived. [registry.ErrUploadNotFound].
func (d *Dir) UploadSize(_ context.Context, scope, id string) (int64, error) {
	path, err := d.uploadPath(scope, id)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, uploadError("size of upload", err)
	}
	return info.Size(), nil
}

// Append adds r's bytes, hashing them on the way.
// [registry.ErrUploadNotFound], [registry.ErrUploadRange], [registry.ErrUploadBusy].
func (d *Dir) Append(ctx context.Context, scope, id string, offset int64, r io.Reader) (int64, error) {
	path, release, err := d.hold(scope, id)
	if err != nil {
		return 0, err
	}
	defer release()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, uploadError("append", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, uploadError("append", err)
	}
	if info.Size() != offset {
		return info.Size(), registry.ErrUploadRange
	}
	return d.copyIn(ctx, path, &uploadWriter{f: f, hash: d.takeHash(path, offset)}, offset, r)
}

// copyIn copies r to w and keeps the hash for the next request.
func (d *Dir) copyIn(ctx context.Context, path string, w *uploadWriter, offset int64, r io.Reader) (int64, error) {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	n, err := io.CopyBuffer(w, contextReader{ctx, r}, buf[:])
	d.keepHash(path, w.hash, offset+w.written)
	if err != nil {
		return offset + n, explain("append", err)
	}
	return offset + n, nil
}

// CancelUpload removes an upload. [registry.ErrUploadNotFound], [registry.ErrUploadBusy].
func (d *Dir) CancelUpload(_ context.Context, scope, id string) error {
	path, release, err := d.hold(scope, id)
	if err != nil {
		return err
	}
	defer release()
	d.dropHash(path)
	return uploadError("cancel", os.Remove(path))
}

// ExpireUploads removes what was last written before the time.
func (d *Dir) ExpireUploads(ctx context.Context, before time.Time) (int, error) {
	entries, err := os.ReadDir(filepath.Join(d.root, "uploads"))
	if err != nil {
		return 0, fmt.Errorf("blobstore: expire uploads: %w", err)
	}
	gone := 0
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return gone, err
		}
		if d.expire(filepath.Join(d.root, "uploads", e.Name()), before) {
			gone++
		}
	}
	return gone, nil
}

// expire removes one upload if it stood still and nobody is at it.
func (d *Dir) expire(path string, before time.Time) bool {
	if !d.lock(path) {
		return false
	}
	defer d.unlock(path)
	info, err := os.Stat(path)
	if err != nil || !info.ModTime().Before(before) {
		return false
	}
	d.dropHash(path)
	return os.Remove(path) == nil
}

// hold finds an upload and keeps others from it until release.
func (d *Dir) hold(scope, id string) (path string, release func(), err error) {
	path, err = d.uploadPath(scope, id)
	if err != nil {
		return "", nil, err
	}
	if !d.lock(path) {
		return "", nil, registry.ErrUploadBusy
	}
	return path, func() { d.unlock(path) }, nil
}

// lock takes an upload unless a request has it.
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

// uploadName puts the scope into the name, hashed, so that an upload is found
// only under its own.
func uploadName(scope, id string) string {
	sum := sha256.Sum256([]byte(scope))
	return hex.EncodeToString(sum[:16]) + "." + id
}

// uploadError tells an upload that is not there from other failures.
func uploadError(doing string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return registry.ErrUploadNotFound
	}
	if err != nil {
		return explain(doing, err)
	}
	return nil
}

// contextReader stops reading when the context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
