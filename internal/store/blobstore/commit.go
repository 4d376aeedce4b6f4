package blobstore

import (
	"context"
	"os"
	"path/filepath"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// Commit makes the upload a blob, in the order the package describes.
// [registry.ErrUploadNotFound], [registry.ErrUploadBusy], [registry.ErrDigestMismatch].
func (d *Dir) Commit(ctx context.Context, scope, id string, digest ociref.Digest) (int64, error) {
	final, err := d.blobPath(digest)
	if err != nil {
		return 0, err
	}
	h, err := d.hold(scope, id)
	if err != nil {
		return 0, err
	}
	defer h.release()
	if err := d.moveOut(h); err != nil {
		return 0, explain("commit", err)
	}
	size, err := d.check(ctx, h.file, digest)
	if err != nil {
		return 0, err
	}
	return size, d.place(h.file, final, size)
}

// ReadUpload implements [registry.BlobStore].
func (d *Dir) ReadUpload(ctx context.Context, scope, id string, digest ociref.Digest, max int64) ([]byte, error) {
	if _, err := ociref.ParseDigest(string(digest)); err != nil {
		return nil, err
	}
	h, err := d.hold(scope, id)
	if err != nil {
		return nil, err
	}
	defer h.release()
	if h.file == nil {
		return d.readSmall(h, digest, max)
	}
	return d.readFile(ctx, h.file, digest, max)
}

// readSmall is ReadUpload of an upload in a slot.
func (d *Dir) readSmall(h *held, digest ociref.Digest, max int64) ([]byte, error) {
	l := h.slot
	if int64(l.size) > max {
		return nil, nil
	}
	content, err := d.small.read(l)
	if err != nil {
		return nil, explain("read upload", err)
	}
	if ociref.DigestOf(digest.Algorithm(), content) != digest {
		d.small.remove(h.name())
		return nil, mismatch(l.size, digest)
	}
	return content, nil
}

// readFile is ReadUpload of an upload with a file of its own.
func (d *Dir) readFile(ctx context.Context, f *os.File, digest ociref.Digest, max int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil || info.Size() > max {
		return nil, uploadError("read upload", err)
	}
	size, err := d.check(ctx, f, digest)
	if err != nil {
		return nil, err
	}
	content := make([]byte, size)
	_, err = f.ReadAt(content, 0)
	return content, uploadError("read upload", err)
}

// check is step 1. An upload that does not match is gone afterwards.
func (d *Dir) check(ctx context.Context, f *os.File, digest ociref.Digest) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, explain("commit", err)
	}
	ok, err := d.matches(ctx, f, info.Size(), digest)
	if err != nil {
		return 0, explain("hash upload", err)
	}
	if !ok {
		os.Remove(f.Name())
		return 0, mismatch(info.Size(), digest)
	}
	return info.Size(), nil
}

func mismatch[N int | int64](size N, digest ociref.Digest) error {
	return fault.Becausef(registry.ErrDigestMismatch, "the %d bytes uploaded do not hash to %s and were dropped: upload them again", size, digest)
}

// place is steps 2 to 5. An upload whose bytes may not have reached the disk is
// gone afterwards. The bytes of a blob that is there were synced before it was,
// so only its name needs care. Two commits of one digest may both come to the rename:
// the second replaces bytes by the same bytes, synced as well.
func (d *Dir) place(f *os.File, final string, size int64) error {
	shard := filepath.Dir(final)
	there := present(final, size)
	if !there {
		if err := d.syncFile(f); err != nil {
			os.Remove(f.Name())
			return explain("sync upload", err)
		}
	}
	if err := d.makeDir(shard); err != nil {
		return explain("make shard", err)
	}
	if d.shared && !there {
		if err := f.Chmod(completeMode); err != nil {
			return explain("complete upload", err)
		}
	}
	if err := move(f.Name(), final, there); err != nil {
		return explain("place blob", err)
	}
	if err := step("sync dir"); err != nil {
		return explain("sync shard", err)
	}
	if err := d.syncDir(shard); err != nil {
		return explain("sync shard", err)
	}
	return nil
}

// move is step 4: the upload gets its final name, or goes if the blob is there.
func move(path, final string, there bool) error {
	if err := step("rename"); err != nil {
		return err
	}
	if there {
		return os.Remove(path)
	}
	return os.Rename(path, final)
}

// syncFile puts a file's bytes on the disk. (Linux syncs a file through any
// descriptor of it.)
func (d *Dir) syncFile(f *os.File) error {
	if err := step("sync file"); err != nil {
		return err
	}
	return d.sync(f, false)
}

// present reports whether a blob is there in full. One of another size was
// damaged from outside, and is replaced.
func present(final string, size int64) bool {
	info, err := os.Lstat(final)
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}
