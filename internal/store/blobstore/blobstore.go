// Package blobstore keeps blobs in a directory, each under its digest.
//
//	blobs/<algorithm>/<2 hex digits>/<hex>   blobs, complete and never changed
//	blobs/id                                 the directory's name among others
//	blobs/owner                              the name of the records it goes with
//	uploads/<scope>.<id>                     uploads, growing
//	small-uploads                            uploads that are small so far
//	aside/<algorithm>.<hex>.<random>         blobs that a collection may remove
//
// # What is durable, and in which order
//
// An upload becomes a blob in these steps, none of which begins before the one
// before has succeeded:
//
//  1. the bytes are hashed, mostly while they arrive, and held against the digest;
//  2. the upload's file is synced: its bytes are on the disk;
//  3. the shard directory is made, and its parent synced, once in the life of
//     the process and shard;
//  4. the file is renamed into the shard: from here on it can be opened, whole;
//  5. the shard directory is synced: the name is on the disk.
//
// Then Commit returns. A crash between any two steps leaves either an upload
// that can be resumed, or a whole blob nobody was told about. A blob that is
// there already is not written again, but its shard is synced all the same: who
// put it there may not have come to step 5.
//
// A file whose sync failed is thrown away, since the kernel reports a lost
// write once and then forgets it.
//
// An upload that is small can be read instead, checked against its digest, and
// kept elsewhere.
//
// # How a blob is removed
//
// A collection first renames the blob out of its shard, so that a Commit from
// there on puts the bytes anew; then the records decide; then the file is removed
// or linked back. Readers find it in both places. A crash in between leaves it
// aside, where the next collection finds it and asks the records again.
//
// # One process, or several
//
// Whoever works on an upload has the lock of its file, which the kernel gives back
// when the process ends. So processes that share a directory go on with each other's
// uploads. They begin them in files: slots are for a process that has the directory
// alone. The file of slots is locked by those who use the directory, alone or shared.
//
// Files are for their owner only, and so are directories.
package blobstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

const (
	dirMode  = 0o700
	fileMode = 0o600
)

// Dir is a blob store in a directory. Its methods are safe for concurrent use.
type Dir struct {
	root, id string
	shared   bool
	small    *smallUploads
	observer func(Sync) // set before the first use

	mu     sync.Mutex
	busy   map[string]bool   // uploads a request is working on
	hashes map[string]hashed // of uploads between requests

	expiring sync.Mutex
	round    *os.File // the uploads that are gone through to expire them; nil between rounds

	making sync.Mutex
	shards map[string]bool // directories known to be on the disk
}

var _ registry.BlobStore = (*Dir)(nil)

// testOnlyStep, when set, is called before each step that touches the disk; an
// error it returns is the step's.
var testOnlyStep func(step string) error

// Open opens a blob store for this process alone, and makes the directory's layout
// if it is not there. The directory's parent must be.
func Open(dir string) (*Dir, error) { return openDir(dir, false) }

// OpenShared is Open for several processes, all of which have to say so. The
// directory may be on a network file system that keeps locks (flock) for all its
// clients, as NFS does.
func OpenShared(dir string) (*Dir, error) { return openDir(dir, true) }

func openDir(dir string, shared bool) (*Dir, error) {
	d := &Dir{root: dir, shared: shared, observer: func(Sync) {}, busy: map[string]bool{}, hashes: map[string]hashed{}, shards: map[string]bool{}}
	sub := []string{"", "uploads", asideDir, "blobs", filepath.Join("blobs", ociref.SHA256), filepath.Join("blobs", ociref.SHA512)}
	for _, s := range sub {
		if err := d.makeDir(filepath.Join(dir, s)); err != nil {
			return nil, fmt.Errorf("blobstore: open: %w", err)
		}
	}
	var err error
	if d.id, err = firstWord(filepath.Join(dir, "blobs", "id"), rand.Text()); err != nil {
		return nil, fmt.Errorf("blobstore: open: %w", err)
	}
	if err := d.occupy(); err != nil {
		return nil, fmt.Errorf("blobstore: open: %w", err)
	}
	return d, nil
}

// Close lets another process have the directory. The store is of no use afterwards.
func (d *Dir) Close() error {
	d.expiring.Lock()
	defer d.expiring.Unlock()
	if d.round != nil {
		d.round.Close()
	}
	return d.small.file.Close()
}

// Open opens a blob as an [*os.File]. [registry.ErrBlobNotFound].
func (d *Dir) Open(_ context.Context, digest ociref.Digest) (registry.Content, int64, error) {
	path, err := d.blobPath(digest)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = d.openAside(path, digest)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, registry.ErrBlobNotFound
	}
	if err != nil {
		return nil, 0, fmt.Errorf("blobstore: open blob: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("blobstore: open blob: %w", err)
	}
	return f, info.Size(), nil
}

// blobPath is where a blob lies. The digest is parsed again, whoever made it:
// nothing else stands between a request and the file system.
func (d *Dir) blobPath(digest ociref.Digest) (string, error) {
	if _, err := ociref.ParseDigest(string(digest)); err != nil {
		return "", err
	}
	hex := digest.Hex()
	return filepath.Join(d.root, "blobs", digest.Algorithm(), hex[:2], hex), nil
}

// makeDir makes a directory and sees that its name is on the disk.
func (d *Dir) makeDir(path string) error {
	d.making.Lock()
	defer d.making.Unlock()
	if d.shards[path] {
		return nil
	}
	if err := step("mkdir"); err != nil {
		return err
	}
	if err := os.Mkdir(path, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := step("sync parent"); err != nil {
		return err
	}
	if err := d.syncDir(filepath.Dir(path)); err != nil {
		return err
	}
	d.shards[path] = true
	return nil
}

// syncDir puts a directory's names on the disk.
func (d *Dir) syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return d.sync(f, true)
}

// step lets a test fail or stop the process before a step.
func step(name string) error {
	if testOnlyStep == nil {
		return nil
	}
	return testOnlyStep(name)
}

// explain tells a full disk, which the client may be told of, from what stays in the log.
func explain(doing string, err error) error {
	err = fmt.Errorf("blobstore: %s: %w", doing, err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Hide(fault.Unavailable, errors.Join(registry.ErrStorageFull, err), registry.ErrStorageFull.Error())
	}
	return err
}
