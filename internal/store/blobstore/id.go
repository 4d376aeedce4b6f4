package blobstore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sealwright/sealwright/internal/durable"
)

// ID is a name that the directory got when it was made: a copy of the directory has
// the same.
func (d *Dir) ID() string { return d.id }

// Claim writes down whose blobs these are, if nobody has, and returns whose they are.
func (d *Dir) Claim(owner string) (string, error) {
	owner, err := firstWord(filepath.Join(d.root, "blobs", "owner"), owner)
	if err != nil {
		return "", fmt.Errorf("blobstore: claim: %w", err)
	}
	return owner, nil
}

// firstWord reads a file of one word, and makes it of the one proposed if it is not
// there. Of several processes that do so at once, one makes it.
func firstWord(path, proposed string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeWord(path, proposed); err != nil {
			return "", err
		}
		text, err = os.ReadFile(path)
	}
	if err == nil && len(strings.TrimSpace(string(text))) == 0 {
		err = errors.New(path + " is empty: remove it, and it is made anew")
	}
	return strings.TrimSpace(string(text)), err
}

// makeWord puts a whole file in place, never over another.
func makeWord(path, word string) error {
	fresh := path + "." + rand.Text() + ".tmp"
	defer os.Remove(fresh)
	if err := durable.WriteFile(fresh, []byte(word+"\n"), fileMode); err != nil {
		return err
	}
	if err := os.Link(fresh, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}
