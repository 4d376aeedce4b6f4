//go:build unix

package datadir

import (
	"fmt"
	"os"
	"syscall"
)

// likeFile gives a file the mode and the owner of another, so that who replaces a
// key as root does not shut out the service.
func likeFile(path, other string) error {
	info, err := os.Stat(other)
	if err != nil {
		return err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := os.Chown(path, int(s.Uid), int(s.Gid)); err != nil {
			return fmt.Errorf("%s belongs to another user: do this as that user, or as root: %w", other, err)
		}
	}
	return os.Chmod(path, info.Mode().Perm())
}
