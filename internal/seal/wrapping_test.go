package seal_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

func records(t *testing.T) seal.Slots {
	t.Helper()
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db.Slots()
}

func key(t *testing.T) *seal.Sealer {
	t.Helper()
	s, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func passphrase(t *testing.T, text string) *seal.Passphrase {
	t.Helper()
	p, err := seal.NewPassphrase(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func unlock(t *testing.T, slots seal.Slots, with seal.Wrapper) *seal.Unlocked {
	t.Helper()
	u, err := seal.Unlock(t.Context(), seal.Options{Slots: slots}, with)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// opens returns what a wrapping key makes of a value sealed under the data key.
func opens(t *testing.T, slots seal.Slots, with seal.Wrapper, sealed []byte) error {
	t.Helper()
	u, err := seal.Unlock(t.Context(), seal.Options{Slots: slots}, with)
	if err != nil {
		return err
	}
	plain, err := u.Open("name", sealed)
	if err == nil && string(plain) != "secret" {
		t.Errorf("opened %q", plain)
	}
	return err
}

func list(t *testing.T, slots seal.Slots) []seal.Slot {
	t.Helper()
	all, err := slots.Slots(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWrappingKeysComeAndGo(t *testing.T) {
	slots, first := records(t), key(t)
	u := unlock(t, slots, first)
	sealed := u.Seal("name", []byte("secret"))
	var last seal.Wrapper
	for name, with := range map[string]seal.Wrapper{"key": key(t), "passphrase": passphrase(t, "correct horse battery")} {
		if err := opens(t, slots, with, sealed); !errors.Is(err, seal.ErrOpen) || !strings.Contains(err.Error(), first.ID()) {
			t.Errorf("%s: before it was added: %v", name, err)
		}
		before := len(list(t, slots))
		for range 2 {
			if _, err := u.Add(t.Context(), with); err != nil {
				t.Fatal(err)
			}
			if now := len(list(t, slots)); now != before+1 {
				t.Errorf("%s: %d slots, there were %d", name, now, before)
			}
		}
		if err := opens(t, slots, with, sealed); err != nil {
			t.Errorf("%s: after it was added: %v", name, err)
		}
		last = with
	}
	if _, err := u.Remove(t.Context(), first.ID()); !errors.Is(err, seal.ErrInUse) {
		t.Errorf("the one that was given: %v", err)
	}
	for _, want := range []bool{true, false} {
		if removed, err := unlock(t, slots, last).Remove(t.Context(), first.ID()); err != nil || removed != want {
			t.Errorf("removed %v, %v", removed, err)
		}
	}
	if err := opens(t, slots, first, sealed); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("after it was removed: %v", err)
	}
	if err := opens(t, slots, passphrase(t, "another passphrase"), sealed); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("another passphrase: %v", err)
	}
}

// TestOneKeyAlwaysStays: two operators who each remove the other's key leave one.
func TestOneKeyAlwaysStays(t *testing.T) {
	slots, a, b := records(t), key(t), key(t)
	first := unlock(t, slots, a)
	if _, err := first.Add(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	second := unlock(t, slots, b)
	if _, err := first.Remove(t.Context(), b.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Remove(t.Context(), a.ID()); !errors.Is(err, seal.ErrChanged) {
		t.Errorf("removed by a key that opens it no more: %v", err)
	}
	if all := list(t, slots); len(all) != 1 || all[0].ID != a.ID() {
		t.Errorf("%v are left", all)
	}
}

// TestSuccession replaces a key, interrupted at each step; another key's
// succession, under way at the same time, is left alone.
func TestSuccession(t *testing.T) {
	slots, old, next, other, later := records(t), key(t), key(t), key(t), key(t)
	u := unlock(t, slots, old)
	sealed := u.Seal("name", []byte("secret"))
	if _, err := u.Add(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if _, err := unlock(t, slots, other).Succeed(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Succeed(t.Context(), old); !errors.Is(err, seal.ErrSameKey) {
		t.Errorf("a key in its own place: %v", err)
	}
	for range 2 {
		if finished, err := unlock(t, slots, old).FinishSuccession(t.Context()); err != nil || finished {
			t.Errorf("finished %v before it began, %v", finished, err)
		}
		if _, err := u.Succeed(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if err := opens(t, slots, old, sealed); err != nil {
			t.Errorf("the old key, while it is replaced: %v", err)
		}
	}
	for _, want := range []bool{true, false} {
		if finished, err := unlock(t, slots, next).FinishSuccession(t.Context()); err != nil || finished != want {
			t.Errorf("finished %v, %v", finished, err)
		}
	}
	if err := opens(t, slots, old, sealed); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("the old key: %v", err)
	}
	for name, with := range map[string]seal.Wrapper{"next": next, "other": other, "later": later} {
		if err := opens(t, slots, with, sealed); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReseal: what is sealed after it does not open under the old data key, and who
// began before it changes nothing.
func TestReseal(t *testing.T) {
	slots, first, second := records(t), key(t), key(t)
	u, meanwhile := unlock(t, slots, first), unlock(t, slots, first)
	if err := u.Reseal(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Unlock(t.Context(), seal.Options{Slots: slots}, first); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("the old wrapping key: %v", err)
	}
	now := unlock(t, slots, second)
	if _, err := u.Open("name", now.Seal("name", []byte("secret"))); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("the old data key opens what came later: %v", err)
	}
	if _, err := meanwhile.Add(t.Context(), key(t)); !errors.Is(err, seal.ErrChanged) {
		t.Errorf("a key added to the old data key: %v", err)
	}
	if err := now.Reseal(t.Context(), second); err != nil {
		t.Errorf("sealed anew under the same wrapping key: %v", err)
	}
	if _, err := now.Add(t.Context(), key(t)); !errors.Is(err, seal.ErrChanged) {
		t.Errorf("a key added to the data key before: %v", err)
	}
}

func TestPassphraseBounds(t *testing.T) {
	for _, text := range []string{"", "eleven char", strings.Repeat("a", 1025)} {
		if _, err := seal.NewPassphrase(text); err == nil {
			t.Errorf("%d characters are taken", len(text))
		}
	}
}

// TestUnlockOlder opens an installation from before data keys: its values are
// under the wrapping key itself, and are sealed anew.
func TestUnlockOlder(t *testing.T) {
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	wrapping := key(t)
	old := authority.SealedKey{Key: authority.Key{ID: "one"}, Sealed: wrapping.Seal("authority/one", []byte("secret"))}
	if err := db.AuthorityKeys().AddKey(t.Context(), old, journal.Event{ID: "one"}); err != nil {
		t.Fatal(err)
	}
	for name, with := range map[string]seal.Wrapper{"another key": key(t), "a passphrase": passphrase(t, "correct horse battery")} {
		if _, err := seal.Unlock(t.Context(), seal.Options{Slots: db.Slots()}, with); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 2 {
		u := unlock(t, db.Slots(), wrapping)
		now, err := db.AuthorityKeys().Key(t.Context(), "one")
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := u.Open("authority/one", now.Sealed); err != nil || string(plain) != "secret" {
			t.Errorf("%q, %v", plain, err)
		}
		if _, err := wrapping.Open("authority/one", now.Sealed); err == nil {
			t.Error("still under the wrapping key")
		}
	}
}
