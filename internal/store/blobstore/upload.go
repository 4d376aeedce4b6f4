package blobstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
// The file is opened, not only looked up, which has NFS ask its server.
func (d *Dir) UploadSize(_ context.Context, scope, id string) (int64, error) {
	path, err := d.uploadPath(scope, id)
	if err != nil {
		return 0, err
	}
	if l, small := d.small.find(filepath.Base(path)); small {
		return int64(l.size), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, uploadError("size of upload", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, uploadError("size of upload", err)
	}
	return info.Size(), nil
}

// Append adds r's bytes, hashing them on the way.
// [registry.ErrUploadNotFound], [registry.ErrUploadRange], [registry.ErrUploadBusy].
func (d *Dir) Append(ctx context.Context, scope, id string, offset int64, r io.Reader) (int64, error) {
	h, err := d.hold(scope, id)
	if err != nil {
		return 0, err
	}
	defer h.release()
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	r = contextReader{ctx, r}
	if h.file == nil {
		return d.appendSmall(h, offset, r, buf[:])
	}
	return d.appendFile(h, offset, nil, r, buf[:])
}

// appendSmall adds r's bytes to an upload in a slot, which moves out when there is
// no room for them.
func (d *Dir) appendSmall(h *held, offset int64, r io.Reader, buf []byte) (int64, error) {
	l := h.slot
	if int64(l.size) != offset {
		return int64(l.size), registry.ErrUploadRange
	}
	room := slotRoom - l.size
	n, failed := fill(buf[:room+1], r)
	if n > room {
		if err := d.moveOut(h); err != nil {
			return offset, explain("append", err)
		}
		return d.appendFile(h, offset, buf[:n], r, buf)
	}
	l, err := d.small.add(h.name(), buf[:n])
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
func (d *Dir) appendFile(h *held, offset int64, head []byte, r io.Reader, buf []byte) (int64, error) {
	info, err := h.file.Stat()
	if err != nil {
		return 0, uploadError("append", err)
	}
	if complete(info) {
		return 0, registry.ErrUploadNotFound
	}
	if info.Size() != offset {
		return info.Size(), registry.ErrUploadRange
	}
	w := &uploadWriter{f: h.file, at: offset, hash: d.takeHash(h.path, offset)}
	if _, err = w.Write(head); err == nil {
		_, err = io.CopyBuffer(w, r, buf)
	}
	lost := flush(h.file)
	if lost == nil {
		d.keepHash(h.path, w.hash, w.at)
	}
	if err = errors.Join(err, lost); err != nil {
		err = explain("append", err)
	}
	return w.at, err
}

// CancelUpload removes an upload. [registry.ErrUploadNotFound], [registry.ErrUploadBusy].
func (d *Dir) CancelUpload(_ context.Context, scope, id string) error {
	h, err := d.hold(scope, id)
	if err != nil {
		return err
	}
	defer h.release()
	if d.small.remove(h.name()) {
		return nil
	}
	d.dropHash(h.path)
	return uploadError("cancel", os.Remove(h.path))
}

// ExpireUploads implements [registry.BlobStore]. The directory stays open until it was
// gone through, so that a step costs what it looks at.
func (d *Dir) ExpireUploads(ctx context.Context, before time.Time, limit int) (gone int, more bool, err error) {
	d.expiring.Lock()
	defer d.expiring.Unlock()
	if d.round == nil {
		gone = d.expireSmall(before)
		if d.round, err = os.Open(filepath.Join(d.root, "uploads")); err != nil {
			return gone, false, fmt.Errorf("blobstore: expire uploads: %w", err)
		}
	}
	names, err := d.round.Readdirnames(limit)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return gone, true, err
		}
		if d.expire(filepath.Join(d.root, "uploads", name), before) {
			gone++
		}
	}
	if err == nil {
		return gone, true, nil
	}
	d.round.Close()
	d.round = nil
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return gone, false, err
}

// expireSmall removes uploads in slots.
func (d *Dir) expireSmall(before time.Time) (gone int) {
	for _, name := range d.small.idle(before) {
		h, err := d.take(filepath.Join(d.root, "uploads", name))
		if err != nil {
			continue
		}
		if h.file == nil && h.slot.touched.Before(before) {
			d.small.remove(name)
			gone++
		}
		h.release()
	}
	return gone
}

// expire removes one upload if it stood still and nobody is at it.
func (d *Dir) expire(path string, before time.Time) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.ModTime().Before(before) {
		return false
	}
	if complete(info) { // whoever was making a blob of it died
		return os.Remove(path) == nil
	}
	h, err := d.take(path)
	if err != nil || h.file == nil {
		return false
	}
	defer h.release()
	info, err = h.file.Stat() // again: it may have been written to meanwhile
	if err != nil || !info.ModTime().Before(before) {
		return false
	}
	d.dropHash(path)
	return os.Remove(path) == nil
}

// uploadName puts the scope into the name, hashed, so that an upload is found
// only under its own.
func uploadName(scope, id string) string {
	sum := sha256.Sum256([]byte(scope))
	return hex.EncodeToString(sum[:16]) + "." + id
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
