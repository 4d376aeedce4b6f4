package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sealwright/sealwright/internal/durable"
	"github.com/sealwright/sealwright/internal/seal"
)

// readKey opens the wrapping key: the text given, or the file.
func (d *Dir) readKey(text string) error {
	from := "SEALWRIGHT_KEY"
	if d.KeyPath != "" {
		read, err := os.ReadFile(d.KeyPath)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the wrapping key %s is gone: without it the keys in %s cannot be opened. Restore it from a backup, or name where it is with --key-file", d.KeyPath, d.Path)
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
	d.Sealer = sealer
	return nil
}

// makeKey opens the wrapping key of a directory being initialised, and makes it
// first if its file does not exist.
func (d *Dir) makeKey(text string) error {
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
	return d.readKey(text)
}
