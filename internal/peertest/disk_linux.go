package peertest

import (
	"syscall"
	"testing"
)

// SmallDisk mounts a file system of a size, such as "32m", until t ends, and returns
// its directory. Who may not mount one lacks a peer: see [Missing].
func SmallDisk(t testing.TB, size string) string {
	t.Helper()
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		Missing(t, "cannot mount a tmpfs ("+err.Error()+"): run as root to test on a full disk")
	}
	t.Cleanup(func() { syscall.Unmount(mount, syscall.MNT_DETACH) })
	return mount
}
