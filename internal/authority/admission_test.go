package authority_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
)

// family is a root of somebody else's, and CAs below it, which share its key.
type family struct {
	house
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

func newFamily(t *testing.T, w *world) *family {
	f := &family{house: house{t: t, now: w.clock.now()}}
	f.key = f.house.key(elliptic.P384())
	template := f.ca("Acme")
	f.root = f.sign(template, template, f.key.Public(), f.key)
	return f
}

// below certifies another CA.
func (f *family) below(parents ...*x509.Certificate) []*x509.Certificate {
	return append([]*x509.Certificate{f.sign(f.ca(fmt.Sprintf("Acme %d", len(parents))), parents[0], f.key.Public(), f.key)}, parents...)
}

func (f *family) bring(w *world, a *authority.Authority, chain ...*x509.Certificate) (authority.Certificate, error) {
	return a.Import(f.t.Context(), w.keys(), chain, f.key)
}

// TestOrderWithoutTheClock: what was made later is newer, in the same instant and
// after the clock was put back; so a ceremony done again finds what it made.
func TestOrderWithoutTheClock(t *testing.T) {
	for _, back := range []time.Duration{0, time.Hour} {
		w := newWorld(t)
		a := w.started(t)
		w.clock.advance(-back)
		_, first, err := a.NewRoot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, again, err := a.NewRoot(t.Context()); err != nil || again.ID != first.ID {
			t.Errorf("%v back: another root is made each time, %v", back, err)
		}
	}
}

// TestNothingBelowWhatIsOutOfService: a CA that is retired or revoked is not brought
// back, nor one below it, and nothing stays behind of the try.
func TestNothingBelowWhatIsOutOfService(t *testing.T) {
	for name, end := range map[string]func(a *authority.Authority, id string) error{
		"retired": func(a *authority.Authority, id string) error { return a.Retire(t.Context(), id) },
		"revoked": func(a *authority.Authority, id string) error {
			_, _, err := a.Revoke(t.Context(), id, authority.KeyCompromise)
			return err
		},
	} {
		w := newWorld(t)
		a := w.started(t)
		f := newFamily(t, w)
		made, err := f.bring(w, a, f.root)
		if err := errors.Join(err, end(a, authorities(t, w).CAs[2].ID)); err != nil {
			t.Fatal(err)
		}
		before, keys := authorities(t, w), keysOf(t, w)
		for what, err := range map[string]error{
			"the root":        second(f.bring(w, a, f.root)),
			"a CA below it":   second(f.bring(w, a, f.below(f.root)...)),
			"what it made":    a.Activate(t.Context(), made.ID),
			"an answer of it": second(a.Install(t.Context(), f.certify(request(t, a), f.root, f.key))),
		} {
			if !errors.Is(err, authority.ErrNotNow) || !strings.Contains(err.Error(), "retired or revoked") {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		if after := authorities(t, w); len(after.CAs) != len(before.CAs) || len(keysOf(t, w)) != len(keys)+1 { // that of the request
			t.Errorf("%s: %d CAs and %d keys, there were %d and %d", name, len(after.CAs), len(keysOf(t, w)), len(before.CAs), len(keys))
		}
	}
}

func keysOf(t *testing.T, w *world) []authority.Key {
	t.Helper()
	keys, err := w.keys().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestMeanwhile does another ceremony between what one found and what it writes.
func TestMeanwhile(t *testing.T) {
	for name, tt := range map[string]struct {
		write            int // before which the other is done
		do, other        func(ctx context.Context, a *authority.Authority, first authority.Authorities) error
		refused          bool
		cas, casWhenDone int // after both, and after the one is done again
	}{
		"revoke the root that rotation is under": {2, rotateActive, func(ctx context.Context, a *authority.Authority, first authority.Authorities) error {
			_, _, err := a.Revoke(ctx, first.CAs[0].ID, authority.KeyCompromise)
			return err
		}, true, 2, 2},
		"take the key that rotation made": {2, rotateActive, newRoot, true, 4, 5},
		"take the key that a new root's":  {3, newRoot, rotateActive, true, 3, 5},
		"make the same new root":          {3, newRoot, newRoot, false, 4, 4},
		"rotate the same":                 {2, rotateActive, rotateActive, false, 3, 3},
	} {
		w := newWorld(t)
		w.started(t)
		first := authorities(t, w)
		i := &interrupted{Store: w.store, Keys: w.keys(), left: tt.write}
		i.meanwhile = func() {
			if err := tt.other(t.Context(), w.authority(t), first); err != nil {
				t.Error(err)
			}
		}
		err := tt.do(t.Context(), operate(t, w, i), first)
		if errors.Is(err, authority.ErrNotNow) != tt.refused || !tt.refused && err != nil || !i.fired {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(authorities(t, w).CAs); n != tt.cas {
			t.Errorf("%s: %d CAs", name, n)
		}
		again := tt.do(t.Context(), w.authority(t), first)
		if n := len(authorities(t, w).CAs); n != tt.casWhenDone {
			t.Errorf("%s, again: %d CAs, %v", name, n, again)
		}
	}
}

func rotateActive(ctx context.Context, a *authority.Authority, first authority.Authorities) error {
	_, err := a.Rotate(ctx, first.Active)
	return err
}

func newRoot(ctx context.Context, a *authority.Authority, _ authority.Authorities) error {
	_, _, err := a.NewRoot(ctx)
	return err
}

// TestImportTwiceAtOnce: a root that two bring in has one issuing CA below it.
func TestImportTwiceAtOnce(t *testing.T) {
	w := newWorld(t)
	w.started(t)
	f := newFamily(t, w)
	i := &interrupted{Store: w.store, Keys: w.keys(), left: 3}
	var theirs authority.Certificate
	i.meanwhile = func() {
		var err error
		if theirs, err = f.bring(w, w.authority(t), f.root); err != nil {
			t.Error(err)
		}
	}
	ours, err := operate(t, w, i).Import(t.Context(), i, []*x509.Certificate{f.root}, f.key)
	if err != nil || ours.ID != theirs.ID || len(authorities(t, w).CAs) != 4 {
		t.Errorf("%s and %s, %v", ours.ID, theirs.ID, err)
	}
}

// TestFoundingGivenUp: a service makes no CA of its own where one was being brought
// in; the operator's next try is the first CA all the same.
func TestFoundingGivenUp(t *testing.T) {
	w := newWorld(t)
	f := newFamily(t, w)
	i := &interrupted{Store: w.store, Keys: w.keys(), left: 2}
	if _, err := operate(t, w, i).Import(t.Context(), i, []*x509.Certificate{f.root}, f.key); !errors.Is(err, errInterrupted) {
		t.Fatal(err)
	}
	if _, err := w.authority(t).Bootstrap(t.Context()); err == nil || !strings.Contains(err.Error(), "ca import") {
		t.Errorf("a service makes its own: %v", err)
	}
	made, err := f.bring(w, w.authority(t), f.root)
	if err != nil || authorities(t, w).Active != made.ID {
		t.Fatalf("active is not what was imported, %v", err)
	}
	validate(t, w, leafOf(t, w.started(t)))
}

// TestSerialNumberTwice: an issuer elsewhere has numbered two CAs alike.
func TestSerialNumberTwice(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	f := newFamily(t, w)
	if _, err := f.bring(w, a, f.below(f.root)...); err != nil {
		t.Fatal(err)
	}
	f.serial--
	if _, err := f.bring(w, a, f.below(f.root)...); !errors.Is(err, authority.ErrUnsuitable) || !strings.Contains(err.Error(), "serial number") {
		t.Errorf("taken: %v", err)
	}
	another := newFamily(t, w)
	another.serial = 0 // that of the root, which is its own issuer
	if _, err := another.bring(w, a, another.below(another.root)...); !errors.Is(err, authority.ErrUnsuitable) || !strings.Contains(err.Error(), "serial number") {
		t.Errorf("taken with the root's: %v", err)
	}
}

// TestRootEndsFirst: below a root from outside that ends before its issuing CA, no
// leaf outlives the root, and none is made after it.
func TestRootEndsFirst(t *testing.T) {
	w := newWorld(t)
	f := newFamily(t, w)
	template := f.ca("ends soon")
	template.NotAfter = f.now.AddDate(0, 0, 40)
	root := f.sign(template, template, f.key.Public(), f.key)
	if _, err := f.bring(w, w.authority(t), f.below(root)...); err != nil {
		t.Fatal(err)
	}
	a := w.started(t)
	w.clock.advance(39 * 24 * time.Hour)
	leaf := leafOf(t, a)
	validate(t, w, leaf)
	if leaf.NotAfter.After(root.NotAfter) {
		t.Errorf("the leaf ends %v, the root %v", leaf.NotAfter, root.NotAfter)
	}
	w.clock.advance(24 * time.Hour)
	if _, err := a.Leaf(t.Context()); !errors.Is(err, authority.ErrIssuingCAEnded) {
		t.Errorf("a leaf below a root that has ended: %v", err)
	}
	if err := a.CheckIssuing(t.Context()); !errors.Is(err, authority.ErrIssuingCAEnded) {
		t.Errorf("ready: %v", err)
	}
}

// TestWaitingTooLong: a new root whose issuing CA has ended waits for nothing.
func TestWaitingTooLong(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	w.clock.advance(time.Second)
	_, old, err := a.NewRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(11 * 365 * 24 * time.Hour)
	_, issuing, err := a.NewRoot(t.Context())
	if err := errors.Join(err, a.Activate(t.Context(), issuing.ID)); err != nil || issuing.ID == old.ID {
		t.Errorf("activate %s after %s: %v", issuing.ID, old.ID, err)
	}
}

// TestActivateWithoutTheKey: a CA between has its key elsewhere.
func TestActivateWithoutTheKey(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	f := newFamily(t, w)
	chain := f.below(f.below(f.root)...)
	if _, err := f.bring(w, a, chain...); err != nil {
		t.Fatal(err)
	}
	if err := a.Activate(t.Context(), fingerprint(chain[1])); !errors.Is(err, authority.ErrNotNow) || !strings.Contains(err.Error(), "ca import") {
		t.Errorf("activated: %v", err)
	}
}
