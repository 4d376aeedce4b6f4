//go:build unix

package datadir

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Lock keeps other processes from serving this directory until the returned
// function is called or the process ends, however it ends.
func (d *Dir) Lock() (unlock func() error, err error) {
	f, err := os.OpenFile(d.file(lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f.Close, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("another process is serving from %s: stop it, or name another directory with --data", d.Path)
	}
	return nil, fmt.Errorf("lock %s: %w", d.Path, err)
}
