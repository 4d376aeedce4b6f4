package blobstore

import (
	"context"
	"hash"
	"io"
	"os"

	"github.com/sealwright/sealwright/internal/ociref"
)

// maxHashes bounds the uploads whose hash is kept between requests. One that
// finds no room, and one from before a restart, is hashed again from its file.
const maxHashes = 1024

// hashed is the SHA-256 of an upload's first size bytes.
type hashed struct {
	hash hash.Hash
	size int64
}

// uploadWriter writes an upload's file and hashes exactly what was written, so
// that a write cut short leaves the two agreeing. Nobody else writes to the file.
type uploadWriter struct {
	f    *os.File
	at   int64     // where the upload ends
	hash hash.Hash // nil when the beginning was not seen
}

func (w *uploadWriter) Write(p []byte) (int, error) {
	if err := step("write"); err != nil {
		return 0, err
	}
	n, err := w.f.WriteAt(p, w.at)
	if w.hash != nil {
		w.hash.Write(p[:n])
	}
	w.at += int64(n)
	return n, err
}

// takeHash takes the hash of an upload that has size bytes, nil if it is not known.
func (d *Dir) takeHash(path string, size int64) hash.Hash {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, ok := d.hashes[path]
	delete(d.hashes, path)
	switch {
	case ok && h.size == size:
		return h.hash
	case size == 0:
		return ociref.NewHash(ociref.SHA256)
	default:
		return nil
	}
}

// keepHash keeps a hash for the upload's next request; another upload's goes
// when there is no room.
func (d *Dir) keepHash(path string, h hash.Hash, size int64) {
	if h == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for victim := range d.hashes {
		if len(d.hashes) < maxHashes {
			break
		}
		delete(d.hashes, victim)
	}
	d.hashes[path] = hashed{h, size}
}

// dropHash forgets the hash of an upload that goes.
func (d *Dir) dropHash(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.hashes, path)
}

// matches reports whether the upload's bytes hash to the digest. They are read
// again only if the hash was not made on the way in.
func (d *Dir) matches(ctx context.Context, f *os.File, size int64, digest ociref.Digest) (bool, error) {
	h := d.takeHash(f.Name(), size)
	if h != nil && digest.Algorithm() == ociref.SHA256 {
		return digest.Matches(h), nil
	}
	h = digest.NewHash()
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	// Hide the file's WriterTo, so that the buffer is used and the context heard.
	_, err := io.CopyBuffer(h, contextReader{ctx, io.NewSectionReader(f, 0, size)}, buf[:])
	return err == nil && digest.Matches(h), err
}
