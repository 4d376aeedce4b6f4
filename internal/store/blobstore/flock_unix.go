//go:build unix

package blobstore

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// canShare says that files can be locked here.
const canShare = true

// flock takes the lock of a file, alone or shared with others that do the same;
// false: somebody has it in a way that this excludes. It is ours from then on,
// until the file is closed or the process ends, however it ends.
//
// Linux has an NFS server keep these locks for all its clients, and whoever takes
// one sees what was written before the last one was given back.
func flock(f *os.File, shared bool) (bool, error) {
	how := syscall.LOCK_EX
	if shared {
		how = syscall.LOCK_SH
	}
	for {
		switch err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err {
		case nil:
			return true, nil
		case syscall.EINTR:
		case syscall.EWOULDBLOCK:
			return false, nil
		default:
			return false, err
		}
	}
}

// flush has a network file system send what was written, and tells what was lost: it
// would say so when the file is closed, by when the lock is given back. Elsewhere it
// does nothing.
func flush(f *os.File) error {
	again, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0) // no child may inherit the lock
	if err != nil {
		return err
	}
	return unix.Close(again)
}
