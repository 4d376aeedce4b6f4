// Package ownerfile keeps small files that only their owner may read:
// credentials, trust policies, trusted certificates. A file is replaced whole
// or not at all, and [Lock] lets several processes change one file in turn.
package ownerfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The modes of the files and of the directories made for them.
const (
	Mode    fs.FileMode = 0o600
	DirMode fs.FileMode = 0o700
)

// Write replaces path with data, readable by its owner alone. Directories that
// are missing are made, for the owner alone. On return data is on disk; after
// an error or a crash the file is what it was before.
func Write(path string, data []byte) error {
	return Replace(path, Mode, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Replace is [Write] with contents that fill writes and a mode of its own. A
// symbolic link at path is refused, not followed and not replaced.
func Replace(path string, mode fs.FileMode, fill func(io.Writer) error) error {
	if err := refuseOddity(path); err != nil {
		return err
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, DirMode); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // after the rename there is nothing to remove
	if err := errors.Join(complete(temporary, mode, fill), temporary.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	return syncFolder(folder)
}

// complete fills f and makes it durable.
func complete(f *os.File, mode fs.FileMode, fill func(io.Writer) error) error {
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	return f.Sync()
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

// syncFolder makes a rename within folder durable.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
