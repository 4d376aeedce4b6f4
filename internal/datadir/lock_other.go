//go:build !unix

package datadir

import (
	"fmt"
	"os"
)

// Lock keeps other processes from serving this directory until the returned
// function is called. Without flock the file stays behind after a crash, and
// the error says to remove it.
func (d *Dir) Lock() (unlock func() error, err error) {
	f, err := os.OpenFile(d.file(lockFile), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return nil, fmt.Errorf("another process is serving from %s: stop it, or remove %s if none is", d.Path, d.file(lockFile))
	}
	if err != nil {
		return nil, err
	}
	return func() error { f.Close(); return os.Remove(f.Name()) }, nil
}
