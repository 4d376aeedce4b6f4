// Package datadir is the directory an installation lives in:
//
//	installation.json  what this is, which root it made
//	wrapping.key       the wrapping key, unless it is kept elsewhere
//	endpoint.json      where the last serve listened, for `sealwright env`
//	lock               held by the process that serves
//	records.db         SQLite, unless the records are in PostgreSQL
//	blobs/, uploads/   the registry's content, but for what is small
//	small-uploads      uploads that are small so far
//
// It is owner-only. What should exist and does not is an error that says what to
// do: nothing precious is made anew in silence.
package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/sealwright/sealwright/internal/durable"
	"github.com/sealwright/sealwright/internal/seal"
)

const (
	installationFile = "installation.json"
	keyFile          = "wrapping.key"
	lockFile         = "lock"
	format           = 1
)

// Options say where the directory and its wrapping key are.
type Options struct {
	Path    string
	KeyFile string // "" for wrapping.key in the directory
	Key     string // the wrapping key itself; wins over KeyFile
	// Passphrase is a wrapping key, too, and wins over KeyFile.
	Passphrase string
}

// Dir is an open data directory.
type Dir struct {
	Path      string
	Key       seal.Wrapper // opens the records; see [seal.Unlock]
	KeyPath   string       // file of the wrapping key; "" when it was given as text
	KeyInside bool         // a copy of the directory is a copy of the keys
	New       bool         // it was initialised just now
	keyMade   bool         // by this initialisation
	record    installation
}

// installation is the content of installation.json.
type installation struct {
	Format int    `json:"format"`
	Root   string `json:"root,omitempty"` // fingerprint of the root certificate, once it was made
}

// Open opens an initialised directory. It fails, saying what to do, if there is
// none, or if the wrapping key is missing. Whether it is the right one shows when
// the records are opened with it.
func Open(o Options) (*Dir, error) {
	d := newDir(o)
	text, err := os.ReadFile(d.file(installationFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not a data directory: start `sealwright serve --data %s` first, or name the right one with --data", o.Path, o.Path)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &d.record); err != nil || d.record.Format != format {
		return nil, fmt.Errorf("%s: format %d is not one this program knows: use the version that made it, or a newer one", d.file(installationFile), d.record.Format)
	}
	return d, d.readKey(o)
}

// OpenOrInit is Open, except that an absent or empty directory is initialised,
// with a new wrapping key unless one is given.
func OpenOrInit(o Options) (*Dir, error) {
	_, err := os.Stat(filepath.Join(o.Path, installationFile))
	if !errors.Is(err, fs.ErrNotExist) {
		return Open(o)
	}
	d := newDir(o)
	if err := d.checkEmpty(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Path, 0o700); err != nil {
		return nil, err
	}
	return d.initialise(o)
}

// initialise makes the key and says so in installation.json, unless another
// process has done it since the caller looked: two keys must never be made, for
// one would seal the records and the other be kept.
func (d *Dir) initialise(o Options) (_ *Dir, err error) {
	unlock, err := d.Lock()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if _, err := os.Stat(d.file(installationFile)); !errors.Is(err, fs.ErrNotExist) {
		return Open(o)
	}
	if err := d.makeKey(o); err != nil {
		return nil, err
	}
	d.New = true
	d.record = installation{Format: format}
	return d, d.save() // last: without it the directory is not initialised
}

// Abandon takes back an initialisation of just now whose key turned out to be of
// no use, because the records belong to an installation with another. A key that
// was there before stays.
func (d *Dir) Abandon() error {
	err := os.Remove(d.file(installationFile))
	if d.keyMade {
		err = errors.Join(err, os.Remove(d.KeyPath))
	}
	return err
}

func newDir(o Options) *Dir {
	d := &Dir{Path: o.Path, KeyPath: o.KeyFile}
	switch {
	case o.Key != "" || o.Passphrase != "":
		d.KeyPath = ""
	case o.KeyFile == "":
		d.KeyPath, d.KeyInside = d.file(keyFile), true
	}
	return d
}

// Records is the path of the SQLite database.
func (d *Dir) Records() string { return d.file("records.db") }

// Root is the fingerprint of the root certificate that was made here, or "".
func (d *Dir) Root() string { return d.record.Root }

// SetRoot remembers which root was made here, so that losing the records is
// noticed rather than papered over with a new root.
func (d *Dir) SetRoot(fingerprint string) error {
	if d.record.Root == fingerprint {
		return nil
	}
	d.record.Root = fingerprint
	return d.save()
}

func (d *Dir) file(name string) string { return filepath.Join(d.Path, name) }

func (d *Dir) save() error {
	text, err := json.MarshalIndent(d.record, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(d.file(installationFile), append(text, '\n'), 0o600)
}

// checkEmpty refuses a directory that holds something else. What an interrupted
// initialisation leaves is fine.
func (d *Dir) checkEmpty() error {
	entries, err := os.ReadDir(d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains([]string{keyFile, keyFile + nextKeyFile, lockFile}, e.Name()) && filepath.Ext(e.Name()) != ".tmp" {
			return fmt.Errorf("%s is not empty and holds no %s: name an empty directory with --data, or restore that file from a backup", d.Path, installationFile)
		}
	}
	return nil
}
