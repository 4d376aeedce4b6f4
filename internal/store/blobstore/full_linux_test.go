package blobstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/registry"
)

// TestFullDisk fills a real file system of one megabyte. Only root may mount
// one; TestFailedStep asks the same of an injected failure.
func TestFullDisk(t *testing.T) {
	mount := smallDisk(t, "1m")
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
	mount := smallDisk(t, "64k")
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

// smallDisk mounts a file system of a size. Who may not mount one skips, unless
// SEALWRIGHT_REQUIRE_PEERS says that nothing is skipped.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		if os.Getenv("SEALWRIGHT_REQUIRE_PEERS") == "1" {
			t.Fatalf("cannot mount a tmpfs: %v", err)
		}
		t.Skipf("cannot mount a tmpfs (%v): run as root to test on a full disk", err)
	}
	t.Cleanup(func() { syscall.Unmount(mount, syscall.MNT_DETACH) })
	return mount
}
