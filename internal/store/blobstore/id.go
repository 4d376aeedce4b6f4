package blobstore

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sealwright/sealwright/internal/durable"
)

// ID is a name that the directory got when it was made: a copy of the directory has
// the same.
func (d *Dir) ID() string { return d.id }

// identify reads the directory's name, and gives it one if it has none. Of several
// processes that do so at once, one gives it.
func identify(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := name(path); err != nil {
			return "", err
		}
		text, err = os.ReadFile(path)
	}
	if err == nil && len(strings.TrimSpace(string(text))) == 0 {
		err = errors.New(path + " is empty: remove it, and it is made anew")
	}
	return strings.TrimSpace(string(text)), err
}

// name puts a whole file in place, never over another.
func name(path string) error {
	fresh := path + "." + rand.Text() + ".tmp"
	defer os.Remove(fresh)
	if err := durable.WriteFile(fresh, []byte(rand.Text()+"\n"), fileMode); err != nil {
		return err
	}
	if err := os.Link(fresh, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}
