package authority_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
)

func backUp(t *testing.T, w *world) []byte {
	t.Helper()
	var text bytes.Buffer
	if _, err := w.authority(t).Backup(t.Context(), w.keys(), &text); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func restore(t *testing.T, w *world, text []byte) authority.Authorities {
	t.Helper()
	now, err := w.authority(t).Restore(t.Context(), w.keys(), bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// TestRestoreALongChain: CAs that came at one moment come back, each after the one
// above it, in whatever order the backup has them.
func TestRestoreALongChain(t *testing.T) {
	w := newWorld(t)
	f := newFamily(t, w)
	if _, err := f.bring(w, w.authority(t), f.below(f.below(f.below(f.root)...)...)...); err != nil {
		t.Fatal(err)
	}
	text := backUp(t, w)
	for range 2 {
		to := newWorld(t)
		if now := restore(t, to, text); len(now.CAs) != 4 {
			t.Errorf("%d CAs", len(now.CAs))
		}
		validate(t, to, leafOf(t, to.started(t)))
		text = changed(t, text, func(b map[string]any) { slices.Reverse(b["certificates"].([]any)) })
	}
}

// changed is a backup that somebody has been at.
func changed(t *testing.T, text []byte, change func(b map[string]any)) []byte {
	t.Helper()
	var b map[string]any
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	change(b)
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRestoreAKeyOnly: a root that came without its key has it after a backup that
// does.
func TestRestoreAKeyOnly(t *testing.T) {
	w := newWorld(t)
	f := newFamily(t, w)
	issuing := f.below(f.root)
	if _, err := f.bring(w, w.authority(t), issuing...); err != nil {
		t.Fatal(err)
	}
	older := backUp(t, w)
	if _, err := f.bring(w, w.authority(t), f.root); err != nil {
		t.Fatal(err)
	}
	to := newWorld(t)
	restore(t, to, older)
	now := restore(t, to, backUp(t, w))
	if find(t, now, fingerprint(f.root)).KeyID == "" {
		t.Error("the root has no key")
	}
	if _, err := to.started(t).Rotate(t.Context(), now.Active); err != nil {
		t.Error(err)
	}
}

// TestRestoreBelowARevokedRoot: what a backup has below it is revoked with it.
func TestRestoreBelowARevokedRoot(t *testing.T) {
	w := newWorld(t)
	w.started(t)
	older := backUp(t, w)
	if err := rotateActive(t.Context(), w.authority(t), authorities(t, w)); err != nil {
		t.Fatal(err)
	}
	newer := backUp(t, w)
	to := newWorld(t)
	root := restore(t, to, older).CAs[0]
	if _, _, err := to.authority(t).Revoke(t.Context(), root.ID, authority.KeyCompromise); err != nil {
		t.Fatal(err)
	}
	now := restore(t, to, newer)
	if c := now.CAs[2]; len(now.CAs) != 3 || c.RevokedAt.IsZero() || c.Reason != authority.CACompromise {
		t.Errorf("%+v", now.CAs)
	}
}

// TestRestoreGivenUp: a service makes no CA of its own, of the backup's keys least of
// all, where a restoration was interrupted.
func TestRestoreGivenUp(t *testing.T) {
	w := newWorld(t)
	was := leafOf(t, w.started(t)).IssuerID
	text := backUp(t, w)
	to := newWorld(t)
	i := &interrupted{Store: to.store, Keys: to.keys(), left: 3}
	if _, err := operate(t, to, i).Restore(t.Context(), i, bytes.NewReader(text)); !errors.Is(err, errInterrupted) {
		t.Fatal(err)
	}
	if _, err := to.authority(t).Bootstrap(t.Context()); err == nil {
		t.Error("a service makes its own")
	}
	if now := restore(t, to, text); now.Active != was {
		t.Errorf("active is %s", now.Active)
	}
}

// TestBackupOfWhatIsWhole: a key that waits for a CA stays behind, that of a request
// does not; and what is lost is not named.
func TestBackupOfWhatIsWhole(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	first := authorities(t, w)
	csr := request(t, a)
	i := &interrupted{Store: w.store, Keys: w.keys(), left: 2}
	if _, err := operate(t, w, i).Rotate(t.Context(), first.Active); !errors.Is(err, errInterrupted) {
		t.Fatal(err)
	}
	if err := w.keys().Delete(t.Context(), first.CAs[0].KeyID); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if lost, err := a.Backup(t.Context(), w.keys(), &text); err != nil || len(lost) != 1 || lost[0].ID != first.CAs[0].ID {
		t.Fatalf("lost %+v, %v", lost, err)
	}
	to := newWorld(t)
	now := restore(t, to, text.Bytes())
	if keys := keysOf(t, to); len(keys) != 2 || now.CAs[0].KeyID != "" || now.CAs[1].KeyID == "" {
		t.Errorf("%d keys, %+v", len(keys), now.CAs)
	}
	if !bytes.Equal(publicOf(t, csr), publicOf(t, request(t, to.authority(t)))) {
		t.Error("the request has another key")
	}
}

// TestRestoreOfAnothersKey: a backup that gives a CA another's key is refused.
func TestRestoreOfAnothersKey(t *testing.T) {
	w := newWorld(t)
	w.started(t)
	text := changed(t, backUp(t, w), func(b map[string]any) {
		one, two := b["keys"].([]any)[0].(map[string]any), b["keys"].([]any)[1].(map[string]any)
		one["pkcs8"], two["pkcs8"] = two["pkcs8"], one["pkcs8"]
	})
	to := newWorld(t)
	if _, err := to.authority(t).Restore(t.Context(), to.keys(), bytes.NewReader(text)); err == nil || len(keysOf(t, to)) != 0 {
		t.Errorf("restored: %v", err)
	}
}

// TestRestoreOfSerialNumberTwice: CAs of one issuer that have the same number cannot
// both be on record, and no list of revocations could tell them apart.
func TestRestoreOfSerialNumberTwice(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	f := newFamily(t, w)
	if _, err := f.bring(w, w.authority(t), f.below(f.root)...); err != nil {
		t.Fatal(err)
	}
	f.serial--
	if _, err := f.bring(other, other.authority(t), f.below(f.root)...); err != nil {
		t.Fatal(err)
	}
	text, before := backUp(t, w), authorities(t, other)
	refused(t, other, text)
	if after := authorities(t, other); !slices.EqualFunc(after.CAs, before.CAs, func(a, b authority.Certificate) bool { return a.ID == b.ID }) {
		t.Errorf("%d CAs", len(after.CAs))
	}
	theirs := changed(t, backUp(t, other), func(b map[string]any) {
		changed(t, text, func(ours map[string]any) {
			add(b, "certificates", ours["certificates"].([]any)[1])
		})
	})
	empty := newWorld(t)
	refused(t, empty, theirs)
	if keys := keysOf(t, empty); len(keys) != 0 {
		t.Errorf("%d keys are here", len(keys))
	}
}

func refused(t *testing.T, w *world, text []byte) {
	t.Helper()
	_, err := w.authority(t).Restore(t.Context(), w.keys(), bytes.NewReader(text))
	if !errors.Is(err, authority.ErrUnsuitable) || !strings.Contains(err.Error(), "serial number") {
		t.Errorf("restored: %v", err)
	}
}

// TestRestoreOfWhatIsNoBackup: what this program did not write so is refused before
// anything is saved.
func TestRestoreOfWhatIsNoBackup(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	if _, _, err := a.Revoke(t.Context(), leafOf(t, a).ID, authority.KeyCompromise); err != nil {
		t.Fatal(err)
	}
	text := backUp(t, w)
	for name, change := range map[string]func(b map[string]any){
		"a leaf among the CAs": func(b map[string]any) { add(b, "certificates", first(b, "revokedLeaves")) },
		"a CA among the leaves": func(b map[string]any) {
			ca := first(b, "certificates")
			ca["revokedAt"] = first(b, "revokedLeaves")["revokedAt"]
			add(b, "revokedLeaves", ca)
		},
		"a leaf that is not revoked":   func(b map[string]any) { delete(first(b, "revokedLeaves"), "revokedAt") },
		"a leaf of another CA":         func(b map[string]any) { first(b, "revokedLeaves")["issuer"] = first(b, "certificates")["issuer"] },
		"a leaf of no CA":              func(b map[string]any) { first(b, "revokedLeaves")["issuer"] = "00" },
		"a key with a name like no ID": func(b map[string]any) { first(b, "keys")["ID"] = "../../etc" },
		"a key for something else":     func(b map[string]any) { first(b, "keys")["Purpose"] = "anything" },
		"no active CA":                 func(b map[string]any) { b["active"] = "" },
		"too many keys": func(b map[string]any) {
			b["keys"] = slices.Repeat(b["keys"].([]any), 501)
		},
	} {
		to := newWorld(t)
		_, err := to.authority(t).Restore(t.Context(), to.keys(), bytes.NewReader(changed(t, text, change)))
		if err == nil || len(keysOf(t, to)) != 0 || len(authorities(t, to).CAs) != 0 {
			t.Errorf("%s: restored: %v", name, err)
		}
	}
}

func first(b map[string]any, list string) map[string]any { return b[list].([]any)[0].(map[string]any) }

func add(b map[string]any, list string, what any) { b[list] = append(b[list].([]any), what) }

// TestRestoreRetiresNothingInUse: a CA that the backup has retired is retired, but not
// the one that is active here, nor what is above it.
func TestRestoreRetiresNothingInUse(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	older := backUp(t, w)
	was := authorities(t, w).CAs
	_, next, err := a.NewRoot(t.Context())
	if err == nil {
		err = a.Activate(t.Context(), next.ID)
	}
	for _, c := range was {
		err = errors.Join(err, a.Retire(t.Context(), c.ID))
	}
	if err != nil {
		t.Fatal(err)
	}
	to := newWorld(t)
	restore(t, to, older)
	now := restore(t, to, backUp(t, w))
	for _, c := range was {
		if !find(t, now, c.ID).RetiredAt.IsZero() {
			t.Errorf("%s %s is retired, and active is %s", c.Role, c.ID, now.Active)
		}
	}
	if err := to.authority(t).Activate(t.Context(), next.ID); err != nil {
		t.Fatal(err)
	}
	now = restore(t, to, backUp(t, w))
	for _, c := range was {
		if find(t, now, c.ID).RetiredAt.IsZero() {
			t.Errorf("%s %s is not retired", c.Role, c.ID)
		}
	}
}

// TestRestoreKeepsReasons: a CA that was revoked before the one above it keeps its own
// reason and time.
func TestRestoreKeepsReasons(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	older := backUp(t, w)
	root, issuing := authorities(t, w).CAs[0], authorities(t, w).CAs[1]
	for _, id := range []string{issuing.ID, root.ID} {
		w.clock.advance(time.Hour)
		if _, _, err := a.Revoke(t.Context(), id, authority.KeyCompromise); err != nil {
			t.Fatal(err)
		}
	}
	want := find(t, authorities(t, w), issuing.ID).Revocation
	to := newWorld(t)
	restore(t, to, older)
	if got := find(t, restore(t, to, backUp(t, w)), issuing.ID).Revocation; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestRestoreRevokedLeaves: a leaf that was revoked is revoked again, whether the
// records that it is restored over know it or not, and it is on the list.
func TestRestoreRevokedLeaves(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	issuing := leafOf(t, a).IssuerID
	older := backUp(t, w)
	revoked, _, err := a.Revoke(t.Context(), leafOf(t, a).ID, authority.KeyCompromise)
	if err != nil {
		t.Fatal(err)
	}
	text := backUp(t, w)
	if revoked, err = w.store.Certificate(t.Context(), revoked.ID); err != nil {
		t.Fatal(err)
	}
	for name, known := range map[string]bool{"here": true, "not here": false} {
		to := newWorld(t)
		restore(t, to, older)
		if known {
			good := revoked
			good.Revocation = authority.Revocation{}
			if err := to.store.AddCertificate(t.Context(), good, journal.Event{ID: "1", Time: to.clock.now()}); err != nil {
				t.Fatal(err)
			}
		}
		restore(t, to, text)
		if got, err := to.store.Certificate(t.Context(), revoked.Hash); err != nil || got.Revocation != revoked.Revocation || got.Replica != "one" || got.Role != authority.Leaf {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if list, err := to.store.Revoked(t.Context(), issuing); err != nil || len(list) != 1 {
			t.Errorf("%s: %d on the list, %v", name, len(list), err)
		}
		if _, _, err := to.authority(t).Revoke(t.Context(), issuing, authority.Superseded); err != nil {
			t.Fatal(err)
		}
		restore(t, to, text)
	}
}
