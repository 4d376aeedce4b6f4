package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sealwright/sealwright/internal/durable"
	"github.com/sealwright/sealwright/internal/ownerfile"
	"github.com/sealwright/sealwright/internal/seal"
)

// readKey opens the wrapping key: the text or the passphrase given, or the file.
func (d *Dir) readKey(o Options) (err error) {
	if o.Passphrase != "" && o.Key == "" {
		d.Key, err = seal.NewPassphrase(o.Passphrase)
		return err
	}
	text, from := o.Key, "SEALWRIGHT_KEY"
	if d.KeyPath != "" {
		read, err := os.ReadFile(d.KeyPath)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the wrapping key %s is gone: without it the keys in %s cannot be opened. Restore it from a backup, or say with --key-file where it is, or with --key-passphrase-file what stands in its place", d.KeyPath, d.Path)
		}
		if err != nil {
			return err
		}
		text, from = string(read), d.KeyPath
	}
	sealer, err := seal.New(text)
	if err != nil {
		return fmt.Errorf("%s holds no wrapping key: name the right file with --key-file", from)
	}
	d.Key = sealer
	return nil
}

// makeKey opens the wrapping key of a directory being initialised, and makes it
// first if its file does not exist.
func (d *Dir) makeKey(o Options) error {
	if d.KeyPath != "" {
		_, err := os.Stat(d.KeyPath)
		if errors.Is(err, fs.ErrNotExist) {
			d.keyMade = true
			err = durable.WriteFile(d.KeyPath, []byte(seal.NewKey()), 0o600)
		}
		if err != nil {
			return err
		}
	}
	return d.readKey(o)
}

// nextKeyFile is beside the key file while the key is being replaced.
const nextKeyFile = ".new"

// ErrNoKeyFile means that the wrapping key is not in a file, so no other can be
// put in its place.
var ErrNoKeyFile = errors.New("the wrapping key was not read from a file")

// NextKeyPath is the file of the key that is to take the key file's place.
func (d *Dir) NextKeyPath() string { return d.KeyPath + nextKeyFile }

// LockKey keeps other processes from replacing the key file until unlock is called
// or the process ends. It waits for those that do.
func (d *Dir) LockKey() (unlock func(), err error) {
	if d.KeyPath == "" {
		return nil, ErrNoKeyFile
	}
	return ownerfile.Lock(d.KeyPath)
}

// NextKey returns the key that is to take the place of the one in the key file,
// and makes it if there is none yet. It can be read by whom that one can be read by.
// The caller holds [Dir.LockKey].
func (d *Dir) NextKey() (seal.Wrapper, error) {
	if d.KeyPath == "" {
		return nil, ErrNoKeyFile
	}
	key, err := readOrMakeKey(d.NextKeyPath())
	if err != nil {
		return nil, err
	}
	return key, likeFile(d.NextKeyPath(), d.KeyPath)
}

// TakeNextKey puts the next key in the place of the key file.
func (d *Dir) TakeNextKey() error {
	if err := os.Rename(d.NextKeyPath(), d.KeyPath); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(d.KeyPath))
}

// ReadOrMakeKey reads a wrapping key from a file, and makes it if there is none. Of
// processes that make it at the same time, all get the same.
func ReadOrMakeKey(path string) (seal.Wrapper, error) {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, err // it may be a volume that is not mounted
	}
	unlock, err := ownerfile.Lock(path)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return readOrMakeKey(path)
}

func readOrMakeKey(path string) (seal.Wrapper, error) {
	d := &Dir{Path: filepath.Dir(path), KeyPath: path}
	err := d.makeKey(Options{KeyFile: path})
	return d.Key, err
}
