package seal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
)

// Options are what an installation is unlocked with, beside a wrapping key.
type Options struct {
	Slots  Slots
	Region string           // for the journal
	Now    func() time.Time // nil for time.Now
}

func (o Options) event(ctx context.Context, name, slotID string) journal.Event {
	return journal.New(ctx, o.Now(), journal.SourceSealwright, name, journal.Subject{Region: o.Region}, map[string]any{"wrappingKeyId": slotID})
}

// Unlocked is an installation whose data key is in this process.
type Unlocked struct {
	*Sealer // under the data key
	o       Options
	slot    Slot // that was opened
	dataKey string
}

// SlotID is the ID of the slot that was opened.
func (u *Unlocked) SlotID() string { return u.slot.ID }

// Reopen unlocks the same installation with another wrapping key.
func (u *Unlocked) Reopen(ctx context.Context, with Wrapper) (*Unlocked, error) {
	return Unlock(ctx, u.o, with)
}

// wrongKey is an ErrOpen in words for the operator.
type wrongKey string

func (e wrongKey) Error() string      { return string(e) }
func (wrongKey) Is(target error) bool { return target == ErrOpen }

// Unlock opens the data key with a wrapping key. Where there is none yet it is
// made, and what is sealed under the wrapping key itself, as it was before there
// were data keys, is sealed anew under it. ErrOpen: that wrapping key does not open
// it.
func Unlock(ctx context.Context, o Options, with Wrapper) (*Unlocked, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	all, err := o.Slots.Slots(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return found(ctx, o, with)
	}
	slot, dataKey, err := open(all, with)
	if err != nil {
		return nil, err
	}
	sealer, err := New(dataKey)
	if err != nil {
		return nil, fmt.Errorf("seal: the data key in the records: %w", err)
	}
	return &Unlocked{sealer, o, slot, dataKey}, nil
}

// open finds the slot of a wrapping key and opens it.
func open(all []Slot, with Wrapper) (Slot, string, error) {
	var ids []string
	for _, s := range all {
		ids = append(ids, s.ID)
		if !with.Opens(s.ID) {
			continue
		}
		dataKey, err := with.Unwrap(s.Wrapped)
		if !errors.Is(err, ErrOpen) {
			return s, dataKey, err
		}
	}
	return Slot{}, "", wrongKey(fmt.Sprintf("%s does not open this installation: %s would. Give a key with --key-file or SEALWRIGHT_KEY, a passphrase with --key-passphrase-file or SEALWRIGHT_KEY_PASSPHRASE",
		named(with), strings.Join(ids, " or ")))
}

func named(with Wrapper) string {
	if id := with.ID(); id != "" {
		return "the wrapping key " + id
	}
	return "the passphrase"
}

// found makes the data key, unless somebody else does so at the same time.
func found(ctx context.Context, o Options, with Wrapper) (*Unlocked, error) {
	dataKey := NewKey()
	first, sealer, err := wrapNew(dataKey, with, o.Now())
	if err != nil {
		return nil, err
	}
	late := false
	err = o.Slots.ChangeSlots(ctx, func(now []Slot) (*Change, error) {
		if late = len(now) > 0; late {
			return nil, nil
		}
		old, _ := with.(*Sealer) // nil: a passphrase, which never sealed anything itself
		return &Change{Slots: []Slot{first}, Reseal: reseal(old, sealer), Event: o.event(ctx, "CreateDataKey", first.ID)}, nil
	})
	if err != nil {
		return nil, err
	}
	if late {
		return Unlock(ctx, o, with)
	}
	return &Unlocked{sealer, o, first, dataKey}, nil
}

// wrapNew makes the first slot of a data key, and what seals under it.
func wrapNew(dataKey string, with Wrapper, now time.Time) (Slot, *Sealer, error) {
	sealer, err := New(dataKey)
	if err != nil {
		return Slot{}, nil, err
	}
	slot, err := newSlot(dataKey, with, now)
	return slot, sealer, err
}

// reseal returns how values under one key come to be under another. A nil old one
// opens nothing.
func reseal(old, next *Sealer) func(name string, sealed []byte) ([]byte, error) {
	return func(name string, sealed []byte) ([]byte, error) {
		if old == nil {
			return nil, wrongKey("a passphrase does not open this installation yet, which an earlier version made: give its key with --key-file or SEALWRIGHT_KEY, and \"sealwright wrapping-key add\" the passphrase")
		}
		plain, err := old.Open(name, sealed)
		if err != nil {
			return nil, wrongKey(fmt.Sprintf("the wrapping key %s does not open this installation's %s: give the key that was used before, with --key-file or SEALWRIGHT_KEY; no other opens it", old.ID(), name))
		}
		defer clear(plain)
		return next.Seal(name, plain), nil
	}
}
