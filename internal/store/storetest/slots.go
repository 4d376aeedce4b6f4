package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/seal"
)

// Slots is the contract of [seal.Slots].
func Slots(t *testing.T, open func(t *testing.T) Stores) {
	suite(t, open, []scenario{
		{"found at once", slotsFoundRace},
		{"found where there are values", slotsFoundOld},
		{"a value that does not open", slotsSpoiled},
		{"change", slotsChange},
		{"change at once", slotsChangeRace},
		{"reseal", slotsReseal},
	})
}

func (d *desk) slot(id string) seal.Slot {
	return seal.Slot{ID: id, Wrapped: []byte("wrapped " + id + "\x00"), CreatedAt: d.tick()}
}

// secrets saves one value of each kind and returns how to read them.
func (d *desk) secrets() (read func() [][]byte) {
	d.Helper()
	_, _, err := d.Access.BootstrapAccount(ctx, d.account(testAccount), d.rootKey(testAccount, "AKIA1"), event("CreateAccount"))
	d.must(err)
	d.must(d.Keys.AddKey(ctx, authority.SealedKey{Key: authority.Key{ID: "ca", Purpose: "root", CreatedAt: d.tick()}, Sealed: []byte("sealed")}, event("CreateKey")))
	return func() [][]byte {
		d.Helper()
		a, err := d.Access.Account(ctx, testAccount)
		d.must(err)
		k, err := d.Access.AccessKey(ctx, "AKIA1")
		d.must(err)
		ca, err := d.Keys.Key(ctx, "ca")
		d.must(err)
		return [][]byte{a.TokenKey, k.Secret, ca.Sealed}
	}
}

var secretNames = []string{"token-key/" + string(testAccount), "access-key/AKIA1", "authority/ca"}

// sealAgain marks values with the name they are sealed for.
func sealAgain(name string, sealed []byte) ([]byte, error) {
	return append([]byte(name+" "), sealed...), nil
}

func resealed(before [][]byte) (after [][]byte) {
	for i, v := range before {
		again, _ := sealAgain(secretNames[i], v)
		after = append(after, again)
	}
	return after
}

// foundSlots makes a slot the first, unless there are some.
func (d *desk) foundSlots(first seal.Slot, reseal func(string, []byte) ([]byte, error)) error {
	return d.Slots.ChangeSlots(ctx, func(now []seal.Slot) (*seal.Change, error) {
		if len(now) > 0 {
			return nil, nil
		}
		return &seal.Change{Slots: []seal.Slot{first}, Reseal: reseal, Event: event("Found")}, nil
	})
}

func (d *desk) slots() []seal.Slot {
	d.Helper()
	all, err := d.Slots.Slots(ctx)
	d.must(err)
	return all
}

func slotsFoundRace(d *desk) {
	made := make([]seal.Slot, 6)
	for i := range made {
		made[i] = d.slot(string(rune('a' + i)))
	}
	for _, err := range atOnce(len(made), func(i int) error { return d.foundSlots(made[i], sealAgain) }) {
		d.must(err)
	}
	equal(d, len(d.slots()), 1)
	equal(d, d.events(), []string{"Found"})
}

func slotsFoundOld(d *desk) {
	read := d.secrets()
	before := read()
	for range 2 {
		d.must(d.foundSlots(d.slot("one"), sealAgain))
		equal(d, read(), resealed(before))
	}
}

func slotsSpoiled(d *desk) {
	read := d.secrets()
	before, were := read(), d.events()
	spoiled := errors.New("spoiled")
	d.want(d.foundSlots(d.slot("one"), func(name string, sealed []byte) ([]byte, error) {
		if bytes.Equal(sealed, before[2]) {
			return nil, spoiled
		}
		return sealAgain(name, sealed)
	}), spoiled)
	d.want(d.Slots.ChangeSlots(ctx, func([]seal.Slot) (*seal.Change, error) { return nil, spoiled }), spoiled)
	equal(d, read(), before)
	equal(d, len(d.slots()), 0)
	equal(d, d.events(), were)
}

func slotsChange(d *desk) {
	read := d.secrets()
	before := read()
	one, two := d.slot("one"), d.slot("two")
	d.must(d.foundSlots(one, nil))
	one.ReplacedBy = "two"
	for _, next := range [][]seal.Slot{{one, two}, {two}, {d.slot("three"), d.slot("four")}} {
		d.must(d.Slots.ChangeSlots(ctx, func([]seal.Slot) (*seal.Change, error) {
			return &seal.Change{Slots: next, Event: event("Change")}, nil
		}))
		equal(d, d.slots(), next)
	}
	equal(d, read(), before)
	equal(d, d.events()[len(d.events())-4:], []string{"Found", "Change", "Change", "Change"})
}

// slotsChangeRace: each change sees what the one before it left.
func slotsChangeRace(d *desk) {
	d.must(d.foundSlots(d.slot("first"), nil))
	made := make([]seal.Slot, 8)
	for i := range made {
		made[i] = d.slot(string(rune('a' + i)))
	}
	for _, err := range atOnce(len(made), func(i int) error {
		return d.Slots.ChangeSlots(ctx, func(now []seal.Slot) (*seal.Change, error) {
			return &seal.Change{Slots: append(now, made[i]), Event: event("Add")}, nil
		})
	}) {
		d.must(err)
	}
	equal(d, len(d.slots()), 1+len(made))
}

func slotsReseal(d *desk) {
	read := d.secrets()
	d.must(d.foundSlots(d.slot("one"), sealAgain))
	before, only := read(), d.slot("only")
	d.must(d.Slots.ChangeSlots(ctx, func([]seal.Slot) (*seal.Change, error) {
		return &seal.Change{Slots: []seal.Slot{only}, Reseal: sealAgain, Event: event("Reseal")}, nil
	}))
	equal(d, read(), resealed(before))
	equal(d, d.slots(), []seal.Slot{only})
}
