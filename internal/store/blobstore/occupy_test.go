package blobstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/store/storetest"
)

func openShared(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := OpenShared(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSharedContract(t *testing.T) {
	storetest.SharedBlobs(t, func(t *testing.T) (a, b registry.BlobStore) {
		dir := filepath.Join(t.TempDir(), "store")
		return openShared(t, dir), openShared(t, dir)
	})
}

// TestOccupied: a directory belongs to one process, or to those that all share it.
func TestOccupied(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	alone := open(t, dir)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "--blobs") {
		t.Errorf("a second one: %v", err)
	}
	sharing = 0
	if _, err := OpenShared(dir); err == nil || !strings.Contains(err.Error(), "does not share it") {
		t.Errorf("one that shares: %v", err)
	}
	must(t, alone.Close())
	a, b := openShared(t, dir), openShared(t, dir)
	must(t, a.Close())
	if _, err := Open(dir); err == nil {
		t.Error("it is shared, and yet one has it alone")
	}
	must(t, b.Close())
	must(t, open(t, dir).Close())
}

// TestSlotsOfOneThatWasAlone: uploads of a process that had the directory alone go on
// where several share it.
func TestSlotsOfOneThatWasAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	d := open(t, dir)
	ids := []string{upload(t, d, "one"), upload(t, d, "three"), upload(t, d, "")}
	must(t, d.Close())
	a, b := openShared(t, dir), openShared(t, dir)
	for i, size := range []int64{3, 5, 0} {
		stands(t, a, ids[i], size)
		stands(t, b, ids[i], size)
	}
	if n := uploadFiles(t, a); n != 3 {
		t.Errorf("%d files, want 3", n)
	}
	must(t, a.CancelUpload(t.Context(), "scope", ids[0]))
	must(t, a.Close())
	must(t, b.Close())
	d = open(t, dir)
	if _, err := d.UploadSize(t.Context(), "scope", ids[0]); !errors.Is(err, registry.ErrUploadNotFound) {
		t.Errorf("the cancelled one is back from its slot: %v", err)
	}
	stands(t, d, ids[1], 5)
}

// TestNothingIsAddedToABlob: a client of NFS may know an upload by its old name after
// another has made a blob of it. Here the old name is a link that stayed.
func TestNothingIsAddedToABlob(t *testing.T) {
	d := openShared(t, filepath.Join(t.TempDir(), "store"))
	id := upload(t, d, "content")
	path, err := d.uploadPath("scope", id)
	must(t, err)
	must(t, os.Link(path, path+".old"))
	digest := ociref.DigestOf(ociref.SHA256, []byte("content"))
	if _, err := d.Commit(t.Context(), "scope", id, digest); err != nil {
		t.Fatal(err)
	}
	must(t, os.Rename(path+".old", path))
	if _, err := d.Append(t.Context(), "scope", id, 7, strings.NewReader(" and more")); !errors.Is(err, registry.ErrUploadNotFound) {
		t.Errorf("append: %v, want ErrUploadNotFound", err)
	}
	holdsWhole(t, d, digest, []byte("content"))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
