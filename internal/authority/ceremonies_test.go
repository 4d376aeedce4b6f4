package authority_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/seal"
)

// operate is the authority as an operator's command has it.
func operate(t *testing.T, w *world, i *interrupted) *authority.Authority {
	t.Helper()
	a, err := authority.New(authority.Options{Store: i, Keys: i, Region: "us-east-1", Replica: "operator", Now: w.clock.now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func authorities(t *testing.T, w *world) authority.Authorities {
	t.Helper()
	cas, err := w.store.Authorities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return cas
}

// TestCeremoniesInterrupted does each ceremony once for each of its steps,
// interrupted there, before and after; then again, to its end. What stands then
// is what an undisturbed one leaves, no key is left over, and a replica that ran
// all the while signs under what is active.
func TestCeremoniesInterrupted(t *testing.T) {
	for _, tt := range []struct {
		name       string
		prepare    func(ctx context.Context, a *authority.Authority) error
		do         func(ctx context.Context, a *authority.Authority, first authority.Authorities) error
		cas, moved int // CAs afterwards; 1 if another is active
		steps      int
	}{
		{name: "rotate", do: func(ctx context.Context, a *authority.Authority, first authority.Authorities) error {
			_, err := a.Rotate(ctx, first.Active)
			return err
		}, cas: 3, moved: 1, steps: 2},
		{name: "new root", do: func(ctx context.Context, a *authority.Authority, _ authority.Authorities) error {
			_, _, err := a.NewRoot(ctx)
			return err
		}, cas: 4, steps: 3},
		{name: "activate", prepare: func(ctx context.Context, a *authority.Authority) error {
			_, _, err := a.NewRoot(ctx)
			return err
		}, do: func(ctx context.Context, a *authority.Authority, first authority.Authorities) error {
			return a.Activate(ctx, first.CAs[3].ID)
		}, cas: 4, moved: 1, steps: 1},
		{name: "retire", prepare: func(ctx context.Context, a *authority.Authority) error {
			_, _, err := a.NewRoot(ctx)
			return err
		}, do: func(ctx context.Context, a *authority.Authority, first authority.Authorities) error {
			return a.Retire(ctx, first.CAs[2].ID)
		}, cas: 4, steps: 1},
		{name: "revoke and rotate", do: func(ctx context.Context, a *authority.Authority, first authority.Authorities) error {
			if _, _, err := a.Revoke(ctx, first.CAs[1].Hash, authority.KeyCompromise); err != nil {
				return err
			}
			_, err := a.Rotate(ctx, first.CAs[1].ID)
			return err
		}, cas: 3, moved: 1, steps: 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for step := range tt.steps + 1 {
				for _, after := range []bool{false, true} {
					w := newWorld(t)
					replica := w.started(t)
					before := leafOf(t, replica)
					i := &interrupted{Store: w.store, Keys: w.keys()}
					a := operate(t, w, i)
					if tt.prepare != nil {
						w.clock.advance(time.Hour)
						if err := tt.prepare(t.Context(), a); err != nil {
							t.Fatal(err)
						}
					}
					w.clock.advance(time.Hour)
					first := authorities(t, w)
					i.left, i.after = step+1, after
					err := tt.do(t.Context(), a, first)
					if i.fired != (step < tt.steps) || i.fired != (err != nil) {
						t.Fatalf("step %d of %d: interrupted %v, %v", step, tt.steps, i.fired, err)
					}
					for range 2 {
						if err := tt.do(t.Context(), operate(t, w, &interrupted{Store: w.store, Keys: w.keys()}), first); err != nil {
							t.Fatalf("step %d, again: %v", step, err)
						}
					}
					checkAfter(t, w, first, tt.cas, tt.moved)
					if err := replica.Step(t.Context()); err != nil {
						t.Fatal(err)
					}
					if leaf := leafOf(t, replica); leaf.IssuerID != authorities(t, w).Active || (leaf.ID == before.ID) != (tt.moved == 0) {
						t.Errorf("step %d: the replica signs under %s", step, leaf.IssuerID)
					}
				}
			}
		})
	}
}

// TestFoundingInterrupted makes the first CA in each of the ways there are,
// interrupted at each step, before and after; then again, to its end. What stands is
// one root and one issuing CA, which signs, and no key is left over.
func TestFoundingInterrupted(t *testing.T) {
	h := &house{t: t, now: newClock().now()}
	key := h.key(elliptic.P384())
	template := h.ca("Acme")
	root := h.sign(template, template, key.Public(), key)
	issuing := h.sign(h.ca("Acme issuing"), root, key.Public(), key)
	for _, tt := range []struct {
		name  string
		do    func(ctx context.Context, a *authority.Authority, i *interrupted) error
		steps int
	}{
		{"create", func(ctx context.Context, a *authority.Authority, _ *interrupted) error {
			_, err := a.Bootstrap(ctx)
			return err
		}, 3},
		{"import a root", func(ctx context.Context, a *authority.Authority, i *interrupted) error {
			_, err := a.Import(ctx, i, []*x509.Certificate{root}, key)
			return err
		}, 3},
		{"import an issuing CA", func(ctx context.Context, a *authority.Authority, i *interrupted) error {
			_, err := a.Import(ctx, i, []*x509.Certificate{issuing, root}, key)
			return err
		}, 2},
		{"request and install", func(ctx context.Context, a *authority.Authority, _ *interrupted) error {
			csr, err := a.Request(ctx)
			if err != nil {
				return err
			}
			_, err = a.Install(ctx, h.certify(csr, root, key))
			return err
		}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for step := range tt.steps + 1 {
				for _, after := range []bool{false, true} {
					w := newWorld(t)
					i := &interrupted{Store: w.store, Keys: w.keys(), left: step + 1, after: after}
					err := tt.do(t.Context(), operate(t, w, i), i)
					if i.fired != (step < tt.steps) || i.fired != (err != nil) {
						t.Fatalf("step %d of %d: interrupted %v, %v", step, tt.steps, i.fired, err)
					}
					for range 2 {
						i := &interrupted{Store: w.store, Keys: w.keys()}
						if tt.name == "request and install" && authorities(t, w).Active != "" {
							break // another request is another CA
						}
						if err := tt.do(t.Context(), operate(t, w, i), i); err != nil {
							t.Fatalf("step %d, again: %v", step, err)
						}
					}
					checkAfter(t, w, authority.Authorities{}, 2, 1)
					validate(t, w, leafOf(t, w.started(t)))
				}
			}
		})
	}
}

func checkAfter(t *testing.T, w *world, first authority.Authorities, cas, moved int) {
	t.Helper()
	now := authorities(t, w)
	if len(now.CAs) != cas || (now.Active != first.Active) != (moved == 1) {
		t.Errorf("%d CAs, active %s; it was %s", len(now.CAs), now.Active, first.Active)
	}
	keys, err := w.keys().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if !slices.ContainsFunc(now.CAs, func(c authority.Certificate) bool { return c.KeyID == k.ID }) {
			t.Errorf("key %s (%s) is left over", k.ID, k.Purpose)
		}
	}
}

// TestRotateKeepsOldLeaves: what an old leaf signed is good, and the chain of a
// new one satisfies notation.
func TestRotateKeepsOldLeaves(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	old := leafOf(t, a)
	next, err := a.Rotate(t.Context(), old.IssuerID)
	if err != nil {
		t.Fatal(err)
	}
	if leafOf(t, a).ID != old.ID {
		t.Error("a request was made to wait for another leaf")
	}
	if err := a.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	leaf := leafOf(t, a)
	if leaf.IssuerID != next.ID || leaf.ID == old.ID {
		t.Errorf("the leaf is of %s", leaf.IssuerID)
	}
	stored, err := w.store.Certificate(t.Context(), old.ID)
	if err != nil || !stored.RevokedAt.IsZero() {
		t.Errorf("the old leaf: %+v, %v", stored, err)
	}
	validate(t, w, leaf)
}

// TestCRLTellsAtOnce reads the lists before and after revocations.
func TestCRLTellsAtOnce(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	cas := authorities(t, w)
	leaf := leafOf(t, a)
	list := func(issuer string) []string {
		t.Helper()
		der, err := a.CRL(t.Context(), issuer)
		if err != nil {
			t.Fatal(err)
		}
		crl, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		ca, err := w.store.Certificate(t.Context(), issuer)
		if err != nil {
			t.Fatal(err)
		}
		if err := crl.CheckSignatureFrom(parse(t, [][]byte{ca.DER})[0]); err != nil {
			t.Error(err)
		}
		var serials []string
		for _, e := range crl.RevokedCertificateEntries {
			serials = append(serials, fmt.Sprintf("%s/%d", e.SerialNumber.Text(16), e.ReasonCode))
		}
		return serials
	}
	root, issuing := cas.CAs[0], cas.CAs[1]
	if got := append(list(root.ID), list(issuing.ID)...); len(got) != 0 {
		t.Errorf("nothing is revoked, and the lists have %q", got)
	}
	for _, again := range []bool{false, true} {
		if _, was, err := a.Revoke(t.Context(), leaf.Hash, authority.KeyCompromise); err != nil || was != again {
			t.Fatalf("again %v, %v", was, err)
		}
	}
	if got := list(issuing.ID); !slices.Equal(got, []string{leaf.Serial + "/1"}) {
		t.Errorf("the issuing CA's list has %q", got)
	}
	if _, _, err := a.Revoke(t.Context(), issuing.ID, authority.Superseded); err != nil {
		t.Fatal(err)
	}
	if got := list(root.ID); !slices.Equal(got, []string{issuing.Serial + "/4"}) {
		t.Errorf("the root's list has %q", got)
	}
	if _, err := a.CRL(t.Context(), leaf.ID); !errors.Is(err, authority.ErrNoCRL) {
		t.Errorf("a leaf's list: %v", err)
	}
	a.Discard(leaf.ID)
	if _, err := a.Leaf(t.Context()); !errors.Is(err, authority.ErrCertificateBad) {
		t.Errorf("under a revoked CA: %v", err)
	}
}

// TestCeremoniesRefuse asks for what cannot be.
func TestCeremoniesRefuse(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	cas := authorities(t, w)
	root, issuing := cas.CAs[0].ID, cas.CAs[1].ID
	leaf := leafOf(t, a).ID
	for name, tt := range map[string]struct {
		err  error
		want error
	}{
		"retire the active CA":  {a.Retire(t.Context(), issuing), authority.ErrNotNow},
		"retire its root":       {a.Retire(t.Context(), root), authority.ErrNotNow},
		"retire nothing":        {a.Retire(t.Context(), "00"), authority.ErrNoCertificate},
		"activate a leaf":       {a.Activate(t.Context(), leaf), authority.ErrNoCertificate},
		"activate a root":       {a.Activate(t.Context(), root), authority.ErrNotNow},
		"rotate what is no CA":  {second(a.Rotate(t.Context(), leaf)), authority.ErrNoCertificate},
		"rotate a root":         {second(a.Rotate(t.Context(), root)), authority.ErrNoCertificate},
		"activate the same one": {a.Activate(t.Context(), issuing), nil},
	} {
		if !errors.Is(tt.err, tt.want) || tt.want == nil && tt.err != nil {
			t.Errorf("%s: %v", name, tt.err)
		}
	}
	if _, _, err := a.Revoke(t.Context(), "00", 0); !errors.Is(err, authority.ErrNoCertificate) {
		t.Errorf("revoke nothing: %v", err)
	}
	if _, _, err := a.Revoke(t.Context(), root, 0); err != nil {
		t.Fatal(err)
	}
	if now := authorities(t, w); now.InService(now.CAs[1]) {
		t.Error("an issuing CA below a revoked root is in service")
	}
	if err := a.CheckIssuing(t.Context()); !errors.Is(err, authority.ErrCertificateBad) || !strings.Contains(err.Error(), "ca rotate") {
		t.Errorf("the issuing CA can be used: %v", err)
	}
	if _, err := a.Rotate(t.Context(), issuing); !errors.Is(err, authority.ErrNotNow) {
		t.Errorf("rotate under a revoked root: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestRotateUnderAnEndedRoot: an issuing CA that could sign nothing is not made.
func TestRotateUnderAnEndedRoot(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	cas := authorities(t, w)
	w.clock.advance(51 * 365 * 24 * time.Hour)
	if _, err := a.Rotate(t.Context(), cas.Active); !errors.Is(err, authority.ErrNotNow) || !strings.Contains(err.Error(), "ca new-root") {
		t.Errorf("under a root that has ended: %v", err)
	}
	_, issuing, err := a.NewRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Activate(t.Context(), issuing.ID), a.Step(t.Context())); err != nil {
		t.Fatal(err)
	}
	validate(t, w, leafOf(t, a))
}

// TestKeyThatIsGone: what cannot be used is said, and not made anew.
func TestKeyThatIsGone(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	if err := a.CheckIssuing(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.keys().Delete(t.Context(), authorities(t, w).CAs[1].KeyID); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"check": a.CheckIssuing(t.Context()), "leaf": second(a.Leaf(t.Context())), "bootstrap": second(w.authority(t).Bootstrap(t.Context()))} {
		if !errors.Is(err, authority.ErrNoKey) || fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeysUnderAnotherWrappingKey: a key sealed under another wrapping key is not used.
func TestKeysUnderAnotherWrappingKey(t *testing.T) {
	w := newWorld(t)
	k, err := w.keys().Generate(t.Context(), "root")
	if err != nil {
		t.Fatal(err)
	}
	w.sealer = newSealer(t)
	err = w.keys().Use(t.Context(), k.ID, func(crypto.Signer) error { return nil })
	if !errors.Is(err, seal.ErrOpen) {
		t.Errorf("used: %v", err)
	}
}
