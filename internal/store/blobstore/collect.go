package blobstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// Contents lists the blobs of one shard after another, also past one that cannot
// be read. A place is the shard's path, as in sha256/ab.
func (d *Dir) Contents(_ context.Context, after string, before time.Time) ([]ociref.Digest, string, error) {
	shard := nextShard(after)
	next := shard
	if shard == lastShard {
		next = ""
	}
	entries, err := os.ReadDir(filepath.Join(d.root, "blobs", filepath.FromSlash(shard)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, next, fmt.Errorf("blobstore: list blobs: %w", err)
	}
	algorithm, _, _ := strings.Cut(shard, "/")
	var list []ociref.Digest
	for _, e := range entries {
		digest, err := ociref.ParseDigest(algorithm + ":" + e.Name())
		if err != nil {
			continue // not ours
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.ModTime().Before(before) {
			list = append(list, digest)
		}
	}
	return list, next, nil
}

// The shards are sha256/00 to sha256/ff and then sha512/00 to sha512/ff.
const (
	firstShard = ociref.SHA256 + "/00"
	lastShard  = ociref.SHA512 + "/ff"
)

// nextShard is the shard after a place. A place that is none begins anew.
func nextShard(after string) string {
	algorithm, hex, _ := strings.Cut(after, "/")
	var n byte
	if _, err := fmt.Sscanf(hex, "%02x", &n); err != nil || len(hex) != 2 {
		return firstShard
	}
	if n == 0xff {
		return ociref.SHA512 + "/00"
	}
	return fmt.Sprintf("%s/%02x", algorithm, n+1)
}

// SetAside renames a blob out of its shard. [registry.ErrBlobNotFound].
func (d *Dir) SetAside(_ context.Context, digest ociref.Digest) (registry.Aside, error) {
	path, err := d.blobPath(digest)
	if err != nil {
		return registry.Aside{}, err
	}
	if err := step("set aside"); err != nil {
		return registry.Aside{}, explain("set blob aside", err)
	}
	a := registry.Aside{Digest: digest, Name: asidePrefix(digest) + rand.Text()}
	if err := os.Rename(path, d.asidePath(a)); errors.Is(err, fs.ErrNotExist) {
		return registry.Aside{}, registry.ErrBlobNotFound
	} else if err != nil {
		return registry.Aside{}, explain("set blob aside", err)
	}
	if info, err := os.Stat(d.asidePath(a)); err == nil {
		a.Size = info.Size()
	}
	return a, nil
}

// Restore links the blob back into its shard, which never replaces one that was
// put there meanwhile, and syncs the shard before the other name goes.
func (d *Dir) Restore(_ context.Context, a registry.Aside) error {
	path, err := d.blobPath(a.Digest)
	if err != nil {
		return err
	}
	if err := step("restore"); err != nil {
		return explain("restore blob", err)
	}
	err = os.Link(d.asidePath(a), path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return explain("restore blob", err)
	}
	if err := step("sync restored"); err != nil {
		return explain("sync shard", err)
	}
	if err := d.syncDir(filepath.Dir(path)); err != nil {
		return explain("sync shard", err)
	}
	return d.remove(a)
}

// Discard removes the blob's bytes. Nothing needs to be synced: when the name
// comes back after a loss of power, it is found among those left aside.
func (d *Dir) Discard(_ context.Context, a registry.Aside) error {
	if err := step("discard"); err != nil {
		return explain("discard blob", err)
	}
	return d.remove(a)
}

func (d *Dir) remove(a registry.Aside) error {
	if err := os.Remove(d.asidePath(a)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain("remove blob", err)
	}
	return nil
}

// LeftAside lists what is set aside.
func (d *Dir) LeftAside(context.Context) ([]registry.Aside, error) {
	entries, err := os.ReadDir(filepath.Join(d.root, asideDir))
	if err != nil {
		return nil, fmt.Errorf("blobstore: list what is set aside: %w", err)
	}
	var list []registry.Aside
	for _, e := range entries {
		parts := strings.Split(e.Name(), ".")
		digest, err := ociref.ParseDigest(parts[0] + ":" + strings.Join(parts[1:min(2, len(parts))], ""))
		if err != nil {
			continue // not ours
		}
		if info, err := e.Info(); err == nil {
			list = append(list, registry.Aside{Digest: digest, Size: info.Size(), Name: e.Name()})
		}
	}
	return list, nil
}

// asideDir holds what is set aside, as <algorithm>.<hex>.<random>. The name is
// its own each time, so a collection that was held up never removes what another
// has set aside.
const asideDir = "aside"

func asidePrefix(digest ociref.Digest) string {
	return digest.Algorithm() + "." + digest.Hex() + "."
}

func (d *Dir) asidePath(a registry.Aside) string {
	return filepath.Join(d.root, asideDir, filepath.Base(a.Name))
}

// openAside opens a blob that is set aside at the moment, or left so by a process
// that died. It may be restored in between, so its own place is tried once more.
func (d *Dir) openAside(path string, digest ociref.Digest) (*os.File, error) {
	entries, err := os.ReadDir(filepath.Join(d.root, asideDir))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), asidePrefix(digest)) {
			continue
		}
		if f, err := os.Open(filepath.Join(d.root, asideDir, e.Name())); err == nil {
			return f, nil
		}
	}
	return os.Open(path)
}
