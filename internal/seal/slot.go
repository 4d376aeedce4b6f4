package seal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// An installation's secrets are sealed under one key, its data key. That key lies
// in the records as well, wrapped: once under each wrapping key that may open the
// installation, in a slot of its own. So a wrapping key is replaced by adding a slot
// and removing another, while services run that need neither.

// Slot is the data key, wrapped under one wrapping key.
type Slot struct {
	ID         string // of the wrapping key; of a passphrase's slot, made with it
	Wrapped    []byte
	ReplacedBy string // ID of the slot that takes its place in a rotation under way; "" for none
	CreatedAt  time.Time
}

// Change is what a change of slots comes to.
type Change struct {
	Slots []Slot // all that there are from now on, at least one
	// Reseal makes of every sealed value in the records another, given the name it is
	// sealed for; nil leaves them as they are.
	Reseal func(name string, sealed []byte) ([]byte, error)
	Event  journal.Event
}

// Slots keeps the wrapped data key. What a method acknowledged is durable.
type Slots interface {
	// Slots lists the slots, oldest first; none before the data key was made.
	Slots(ctx context.Context) ([]Slot, error)
	// ChangeSlots runs change while nobody else changes the slots, and saves what it
	// returns, sealed values included, in one transaction. nil saves nothing; errors of
	// change and of Reseal are returned as they are, and then nothing is saved. Both
	// may run more than once.
	ChangeSlots(ctx context.Context, change func(now []Slot) (*Change, error)) error
}

// Errors of changes.
var (
	// ErrChanged means that somebody else took away meanwhile what this change began
	// from.
	ErrChanged = fault.New(fault.Conflict, "the wrapping keys were changed by somebody else meanwhile: look at \"sealwright wrapping-key list\", and do it again if it is still wanted")
	// ErrSameKey means that a key is to take its own place.
	ErrSameKey = fault.New(fault.Conflict, "the next wrapping key is the one in use")
	// ErrInUse means that a slot is the one that was opened.
	ErrInUse = fault.New(fault.Conflict, "this is the wrapping key that was given now, and it stays: to remove it, give the one that is to stay")
)

// List lists the slots, oldest first.
func (u *Unlocked) List(ctx context.Context) ([]Slot, error) { return u.o.Slots.Slots(ctx) }

// Add lets another wrapping key open the installation, unless it does already, and
// returns its slot.
func (u *Unlocked) Add(ctx context.Context, with Wrapper) (Slot, error) {
	return u.add(ctx, with, false)
}

// Succeed is [Unlocked.Add] of a key that is to take the place of the one that
// opened the installation, which [Unlocked.FinishSuccession] then removes.
// ErrSameKey.
func (u *Unlocked) Succeed(ctx context.Context, with Wrapper) (Slot, error) {
	return u.add(ctx, with, true)
}

func (u *Unlocked) add(ctx context.Context, with Wrapper, succeeds bool) (slot Slot, err error) {
	now, err := u.List(ctx)
	if err != nil {
		return Slot{}, err
	}
	if slot, err = u.slotOf(now, with); err != nil {
		return Slot{}, err
	}
	if succeeds && slot.ID == u.slot.ID {
		return Slot{}, ErrSameKey
	}
	return slot, u.change(ctx, func(now []Slot) (*Change, error) {
		next := slices.Clone(now)
		if find(now, slot.ID) < 0 {
			next = append(next, slot)
		}
		if succeeds {
			next[find(next, u.slot.ID)].ReplacedBy = slot.ID
		}
		return &Change{Slots: next, Event: u.event(ctx, "AddWrappingKey", slot.ID)}, nil
	})
}

// slotOf is the slot of a wrapping key: the one it has, or a new one.
func (u *Unlocked) slotOf(now []Slot, with Wrapper) (Slot, error) {
	if there, _, err := open(now, with); err == nil {
		return there, nil
	}
	return newSlot(u.dataKey, with, u.o.Now())
}

// Remove has a wrapping key open the installation no more. removed is false if there
// is none of this ID. ErrInUse if it is the one that opened it: so one that is known
// to open it always stays.
func (u *Unlocked) Remove(ctx context.Context, id string) (removed bool, err error) {
	if id == u.slot.ID {
		return false, ErrInUse
	}
	return removed, u.change(ctx, func(now []Slot) (*Change, error) {
		at := find(now, id)
		if removed = at >= 0; !removed {
			return nil, nil
		}
		return &Change{Slots: slices.Delete(slices.Clone(now), at, at+1), Event: u.event(ctx, "RemoveWrappingKey", id)}, nil
	})
}

// FinishSuccession removes the slots whose place the one that opened the
// installation has taken. finished is false if there are none.
func (u *Unlocked) FinishSuccession(ctx context.Context) (finished bool, err error) {
	now, err := u.List(ctx)
	if err != nil {
		return false, err
	}
	for _, s := range now {
		if s.ReplacedBy != u.slot.ID {
			continue
		}
		if _, err := u.Remove(ctx, s.ID); err != nil {
			return false, err
		}
		finished = true
	}
	return finished, nil
}

// Reseal makes another data key and seals every secret anew under it, with the
// wrapping key given as the only one: for when somebody may have the old data key.
// No service may be running: one that goes on opens no secret any more.
func (u *Unlocked) Reseal(ctx context.Context, with Wrapper) error {
	only, sealer, err := wrapNew(NewKey(), with, u.o.Now())
	if err != nil {
		return err
	}
	return u.change(ctx, func([]Slot) (*Change, error) {
		return &Change{Slots: []Slot{only}, Reseal: reseal(u.Sealer, sealer), Event: u.event(ctx, "ResealSecrets", only.ID)}, nil
	})
}

// change runs do over the slots, of which the one that was opened is still one.
func (u *Unlocked) change(ctx context.Context, do func(now []Slot) (*Change, error)) error {
	return u.o.Slots.ChangeSlots(ctx, func(now []Slot) (*Change, error) {
		if at := find(now, u.slot.ID); at < 0 || string(now[at].Wrapped) != string(u.slot.Wrapped) {
			return nil, ErrChanged
		}
		c, err := do(now)
		if c != nil && slices.EqualFunc(c.Slots, now, sameSlot) && c.Reseal == nil {
			return nil, err
		}
		return c, err
	})
}

func (u *Unlocked) event(ctx context.Context, name, slotID string) journal.Event {
	return u.o.event(ctx, name, slotID)
}

func sameSlot(a, b Slot) bool { return a.ID == b.ID && a.ReplacedBy == b.ReplacedBy }

func find(all []Slot, id string) int {
	return slices.IndexFunc(all, func(s Slot) bool { return s.ID == id })
}

func newSlot(dataKey string, with Wrapper, now time.Time) (Slot, error) {
	id, wrapped, err := with.Wrap(dataKey)
	if err != nil {
		return Slot{}, fmt.Errorf("seal: wrap the data key: %w", err)
	}
	return Slot{ID: id, Wrapped: wrapped, CreatedAt: now.UTC().Truncate(time.Microsecond)}, nil
}
