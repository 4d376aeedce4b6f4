package authority_test

import (
	"context"
	"crypto/ecdsa"
	"errors"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/seal"
)

// interrupted is a store, and the keys beside it, that fail at one call that
// writes: before it is done, or after, as when the answer was lost. Or something
// else happens just before that call.
type interrupted struct {
	authority.Store
	authority.Keys
	slots     seal.Slots
	left      int    // writes until the failure; below 0: none
	after     bool   // the write is done all the same
	meanwhile func() // what happens instead of the failure
	fired     bool
}

var errInterrupted = errors.New("interrupted")

func (i *interrupted) write(do func() error) error {
	i.left--
	if i.left != 0 {
		return do()
	}
	i.fired = true
	switch {
	case i.meanwhile != nil:
		i.meanwhile()
		return do()
	case i.after:
		return errors.Join(do(), errInterrupted)
	}
	return errInterrupted
}

func (i *interrupted) ChangeAuthorities(ctx context.Context, change func(authority.Authorities) (*authority.Change, error)) (stands authority.Authorities, err error) {
	err = i.write(func() error {
		stands, err = i.Store.ChangeAuthorities(ctx, change)
		return err
	})
	return stands, err
}

func (i *interrupted) Revoke(ctx context.Context, id string, r authority.Revocation, e journal.Event) (again bool, err error) {
	err = i.write(func() error {
		again, err = i.Store.Revoke(ctx, id, r, e)
		return err
	})
	return again, err
}

// AddCertificate is a step where a leaf is restored.
func (i *interrupted) AddCertificate(ctx context.Context, c authority.Certificate, e journal.Event) error {
	return i.write(func() error { return i.Store.AddCertificate(ctx, c, e) })
}

func (i *interrupted) Generate(ctx context.Context, p authority.Purpose) (k authority.Key, err error) {
	err = i.write(func() error {
		k, err = i.Keys.Generate(ctx, p)
		return err
	})
	return k, err
}

// Import is a step as well.
func (i *interrupted) Import(ctx context.Context, key *ecdsa.PrivateKey) (k authority.Key, err error) {
	err = i.write(func() error {
		k, err = i.Keys.(authority.Importer).Import(ctx, key)
		return err
	})
	return k, err
}

// Restore is one, for each key of a backup.
func (i *interrupted) Restore(ctx context.Context, k authority.Key, key *ecdsa.PrivateKey) error {
	return i.write(func() error { return i.Keys.(authority.Exporter).Restore(ctx, k, key) })
}

// Export only reads.
func (i *interrupted) Export(ctx context.Context, id string, do func(*ecdsa.PrivateKey) error) error {
	return i.Keys.(authority.Exporter).Export(ctx, id, do)
}

// Slots only reads.
func (i *interrupted) Slots(ctx context.Context) ([]seal.Slot, error) { return i.slots.Slots(ctx) }

// ChangeSlots is the step of wrapping keys.
func (i *interrupted) ChangeSlots(ctx context.Context, change func(now []seal.Slot) (*seal.Change, error)) error {
	return i.write(func() error { return i.slots.ChangeSlots(ctx, change) })
}
