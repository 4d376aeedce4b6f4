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
	if err := d.begin(uploadName(scope, id.String())); err != nil {
		return "", explain("start upload", err)
	}
	return id.String(), nil
}

// UploadSize returns how many bytes have arrived. [registry.ErrUploadNotFound].
func (d *Dir) UploadSize(_ context.Context, scope, id string) (int64, error) {
	path, err := d.uploadPath(scope, id)
	if err != nil {
		return 0, err
	}
	if l, small := d.small.find(filepath.Base(path)); small {
		return int64(l.size), nil
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
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	r = contextReader{ctx, r}
	if l, small := d.small.find(filepath.Base(path)); small {
		return d.appendSmall(path, l, offset, r, buf[:])
	}
	return d.appendFile(path, offset, nil, r, buf[:])
}

// appendSmall adds r's bytes to an upload in a slot, which moves out when there is
// no room for them.
func (d *Dir) appendSmall(path string, l slot, offset int64, r io.Reader, buf []byte) (int64, error) {
	if int64(l.size) != offset {
		return int64(l.size), registry.ErrUploadRange
	}
	room := slotRoom - l.size
	n, failed := fill(buf[:room+1], r)
	if n > room {
		if err := d.moveOut(path); err != nil {
			return offset, explain("append", err)
		}
		return d.appendFile(path, offset, buf[:n], r, buf)
	}
	l, err := d.small.add(filepath.Base(path), buf[:n])
	if err = errors.Join(failed, err); err != nil {
		err = explain("append", err)
	}
	return int64(l.size), err
}

// fill reads until p is full or r ends.
func fill(p []byte, r io.Reader) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		more, err = r.Read(p[n:])
		n += more
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// appendFile adds what was read already, and then r's bytes by way of buf, to an
// upload's file, and keeps the hash for the next request.
func (d *Dir) appendFile(path string, offset int64, head []byte, r io.Reader, buf []byte) (int64, error) {
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
	w := &uploadWriter{f: f, hash: d.takeHash(path, offset)}
	if _, err = w.Write(head); err == nil {
		_, err = io.CopyBuffer(w, r, buf)
	}
	d.keepHash(path, w.hash, offset+w.written)
	if err != nil {
		err = explain("append", err)
	}
	return offset + w.written, err
}

// CancelUpload removes an upload. [registry.ErrUploadNotFound], [registry.ErrUploadBusy].
func (d *Dir) CancelUpload(_ context.Context, scope, id string) error {
	path, release, err := d.hold(scope, id)
	if err != nil {
		return err
	}
	defer release()
	if d.small.remove(filepath.Base(path)) {
		return nil
	}
	d.dropHash(path)
	return uploadError("cancel", os.Remove(path))
}

// ExpireUploads removes what was last written before the time.
func (d *Dir) ExpireUploads(ctx context.Context, before time.Time) (int, error) {
	entries, err := os.ReadDir(filepath.Join(d.root, "uploads"))
	if err != nil {
		return 0, fmt.Errorf("blobstore: expire uploads: %w", err)
	}
	gone := d.expireSmall(before)
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

// expireSmall removes uploads in slots.
func (d *Dir) expireSmall(before time.Time) (gone int) {
	for _, name := range d.small.idle(before) {
		path := filepath.Join(d.root, "uploads", name)
		if !d.lock(path) {
			continue
		}
		if l, ok := d.small.find(name); ok && l.touched.Before(before) {
			d.small.remove(name)
			gone++
		}
		d.unlock(path)
	}
	return gone
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
