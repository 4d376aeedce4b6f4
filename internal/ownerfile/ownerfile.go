// Package ownerfile keeps small files that only their owner may read:
// credentials, trust policies, trusted certificates. A file is replaced whole
// or not at all, and [Lock] lets several processes change one file in turn.
package ownerfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sealwright/sealwright/internal/durable"
)

// The modes of the files and of the directories made for them.
const (
	Mode    fs.FileMode = 0o600
	DirMode fs.FileMode = 0o700
)

// Write replaces path with data, readable by its owner alone. Directories that
// are missing are made, for the owner alone. On return data is on disk; after
// an error or a crash the file is what it was before. A symbolic link at path
// is refused, not followed and not replaced.
func Write(path string, data []byte) error {
	if err := refuseOddity(path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), DirMode); err != nil {
		return err
	}
	return durable.WriteFile(path, data, Mode)
}

// refuseOddity makes sure that path is a regular file or nothing at all.
func refuseOddity(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file (symbolic links are not supported)", path)
	}
	return nil
}
