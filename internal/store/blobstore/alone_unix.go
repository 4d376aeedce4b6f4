//go:build unix

package blobstore

import (
	"os"
	"syscall"
)

// alone reports whether no other process has the file. It is ours from then on,
// until it is closed or the process ends, however it ends.
func alone(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
