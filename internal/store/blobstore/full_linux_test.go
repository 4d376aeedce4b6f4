package blobstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/peertest"
	"github.com/sealwright/sealwright/internal/registry"
)

// TestFullDisk fills a real file system of one megabyte. Only root may mount
// one; TestFailedStep asks the same of an injected failure.
func TestFullDisk(t *testing.T) {
	mount := peertest.SmallDisk(t, "1m")
	d := open(t, filepath.Join(mount, "store"))
	small := push(t, d, []byte("small"))
	if _, err := tryPush(t, d, bytes.Repeat([]byte("x"), 2<<20)); !errors.Is(err, registry.ErrStorageFull) {
		t.Fatalf("push: %v, want ErrStorageFull", err)
	}
	holdsWhole(t, d, small, []byte("small"))
	if _, _, err := d.ExpireUploads(t.Context(), time.Now().Add(time.Hour), 100); err != nil {
		t.Fatal(err)
	}
	holdsWhole(t, d, push(t, d, []byte("room again")), []byte("room again"))
}

func TestCheckFindsTheDiskFull(t *testing.T) {
	mount := peertest.SmallDisk(t, "64k")
	d := open(t, filepath.Join(mount, "store"))
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mount, "filler"), make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	if err := d.Check(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full disk: %v", err)
	}
}
