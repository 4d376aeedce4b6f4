package blobstore

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/store/storetest"
)

func open(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestContract(t *testing.T)       { contract(t, open) }
func TestContractShared(t *testing.T) { contract(t, openShared) }

func contract(t *testing.T, open func(*testing.T, string) *Dir) {
	storetest.Blobs(t, func(t *testing.T) (registry.BlobStore, func() registry.BlobStore) {
		dir := filepath.Join(t.TempDir(), "store")
		d := open(t, dir)
		return d, func() registry.BlobStore {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			d = open(t, dir)
			return d
		}
	})
}

func TestBlobIsAFile(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "store"))
	digest := push(t, d, []byte("content"))
	f, _, err := d.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, ok := f.(*os.File); !ok {
		t.Errorf("Open returns a %T: sendfile needs an *os.File", f)
	}
}

func TestOnlyTheOwnerMayRead(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	d := open(t, root)
	push(t, d, []byte("content"))
	if _, err := d.StartUpload(t.Context(), "scope"); err != nil {
		t.Fatal(err)
	}
	filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v", path, info.Mode())
		}
		return nil
	})
}

func TestDamagedBlobIsReplaced(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "store"))
	digest := push(t, d, []byte("content"))
	path, err := d.blobPath(digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 3); err != nil {
		t.Fatal(err)
	}
	push(t, d, []byte("content"))
	if got, err := os.ReadFile(path); string(got) != "content" {
		t.Errorf("blob is %q, %v", got, err)
	}
}

// push uploads and commits content under its SHA-256.
func push(t *testing.T, d *Dir, content []byte) ociref.Digest {
	t.Helper()
	digest, err := tryPush(t, d, content)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}
