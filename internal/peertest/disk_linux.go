package peertest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// SmallDisk mounts a file system of a size, such as "32m", until t ends, and returns
// its directory. Only root may: where peers are [Required], who is not root asks sudo.
// Who may not mount one lacks a peer: see [Missing].
func SmallDisk(t testing.TB, size string) string {
	t.Helper()
	dir := t.TempDir()
	options := "size=" + size + ",mode=0700"
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
	unmount := func() error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
	if errors.Is(err, syscall.EPERM) && Required() {
		err = sudo("mount", "-t", "tmpfs", "-o", fmt.Sprintf("%s,uid=%d,gid=%d", options, os.Getuid(), os.Getgid()), "tmpfs", dir)
		unmount = func() error { return sudo("umount", "--lazy", dir) }
	}
	if err != nil {
		Missing(t, "cannot mount a tmpfs ("+err.Error()+"): run as root to test on a full disk")
	}
	t.Cleanup(func() {
		if err := unmount(); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func sudo(command ...string) error {
	out, err := exec.Command("sudo", append([]string{"-n"}, command...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("sudo %s: %w %s", command[0], err, out)
	}
	return nil
}
