package authority

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
)

// A ceremony is a few steps, each of which is durable and does nothing when it
// was done before: make a key, record a certificate, make it active. Whoever was
// interrupted does the same again.

// Errors of the ceremonies.
var (
	ErrNotNow     = fault.New(fault.Conflict, "this cannot be done to the CAs as they are")
	ErrUnsuitable = fault.New(fault.Invalid, "the certificate is not suitable for a CA of this service")
)

// Authorities returns the CAs as they are on record.
func (a *Authority) Authorities(ctx context.Context) (Authorities, error) {
	return a.o.Store.Authorities(ctx)
}

// Certificate finds a certificate by its ID or its Hash, without regard to case.
// ErrNoCertificate.
func (a *Authority) Certificate(ctx context.Context, name string) (Certificate, error) {
	c, err := a.o.Store.Certificate(ctx, strings.ToLower(name))
	if errors.Is(err, ErrNoCertificate) {
		return c, fault.Becausef(ErrNoCertificate, "%.200q is neither the ID nor the hash of a certificate: \"sealwright ca list --leaves\" shows the IDs", name)
	}
	return c, err
}

// Leaves lists all signing certificates, newest first.
func (a *Authority) Leaves(ctx context.Context) ([]Certificate, error) {
	return a.o.Store.Certificates(ctx, Leaf)
}

// Rotate replaces an issuing CA, which must be the active one, by another under
// the same root, and returns the one that is active then. If old is active no
// more, it changes nothing: so it may be repeated. Leaves of the old CA stay
// good; replicas get theirs from the new one within seconds.
func (a *Authority) Rotate(ctx context.Context, old string) (Certificate, error) {
	now, err := a.o.Store.Authorities(ctx)
	if err != nil {
		return Certificate{}, err
	}
	was, found := now.find(old)
	if !found || was.Role != Issuing {
		return Certificate{}, fault.Becausef(ErrNoCertificate, "%.64q is not the ID of an issuing CA: \"sealwright ca list\" shows them", old)
	}
	if now.Active != old {
		c, _ := now.find(now.Active)
		return c, nil
	}
	next, err := a.newIssuing(ctx, now, was.IssuerID)
	if err != nil {
		return Certificate{}, err
	}
	stands, err := a.o.Store.ChangeAuthorities(ctx, func(now Authorities) (*Change, error) {
		if now.Active != old {
			return nil, nil
		}
		add, err := now.admitMade(next)
		if err != nil {
			return nil, err
		}
		e := a.event(ctx, a.o.Now(), "RotateCertificateAuthority", map[string]any{"certificateId": next.ID, "notAfter": next.NotAfter, "replaces": old})
		return &Change{Add: add, Activate: next.ID, Event: e}, nil
	})
	c, _ := stands.find(stands.Active)
	return c, err
}

// newIssuing makes an issuing CA below a CA whose key is here, which must be good.
func (a *Authority) newIssuing(ctx context.Context, now Authorities, parent string) (Certificate, error) {
	above, err := now.chainOf(parent)
	if err != nil {
		return Certificate{}, err
	}
	switch {
	case above.record.KeyID == "":
		return Certificate{}, fault.Becausef(ErrNotNow, "the key of the CA above, %s, is not here: make a request with \"sealwright ca csr\", have it signed there, and install the chain with \"sealwright ca install\"", parent)
	case !above.record.RevokedAt.IsZero():
		return Certificate{}, fault.Becausef(ErrNotNow, "the CA above, %s, is revoked: make another with \"sealwright ca new-root\" and activate its issuing CA", parent)
	}
	if until := above.notAfter(); until.Sub(a.o.Now()) < minLeafLife {
		return Certificate{}, fault.Becausef(ErrNotNow, "the CA above, %s, or one above that, ends at %s, and with it all that it certifies: make another with \"sealwright ca new-root\" and activate its issuing CA", parent, until.Format(time.RFC3339))
	}
	key, err := a.pending(ctx, forIssuing, now)
	if err != nil {
		return Certificate{}, err
	}
	return a.certifyIssuing(ctx, key, above, now.generation(Issuing))
}

// generation is the number of the next CA of a role.
func (s Authorities) generation(r Role) int {
	n := 1
	for _, c := range s.CAs {
		if c.Role == r {
			n++
		}
	}
	return n
}

// NewRoot makes another root and an issuing CA under it, which does not sign yet:
// verifiers get to know the root first. If there is such a pair already that
// waits to be activated, it is that one.
func (a *Authority) NewRoot(ctx context.Context) (root, issuing Certificate, err error) {
	now, err := a.o.Store.Authorities(ctx)
	if err != nil {
		return root, issuing, err
	}
	if now.Active == "" {
		return root, issuing, errNotReady
	}
	if root, issuing, found := now.waiting(a.o.Now()); found {
		return root, issuing, nil
	}
	made, err := a.newHierarchy(ctx, now)
	if err != nil {
		return root, issuing, err
	}
	stands, err := a.o.Store.ChangeAuthorities(ctx, func(now Authorities) (*Change, error) {
		if _, _, found := now.waiting(a.o.Now()); found {
			return nil, nil
		}
		add, err := now.admitMade(made...)
		if err != nil {
			return nil, err
		}
		return &Change{Add: add, Event: a.created(ctx, add)}, nil
	})
	root, issuing, _ = stands.waiting(a.o.Now())
	return root, issuing, err
}

// waiting returns a root that is newer than the active one, with an issuing CA of
// ours that may be activated.
func (s Authorities) waiting(at time.Time) (root, issuing Certificate, found bool) {
	active, _ := s.rootOf(s.Active)
	for _, c := range s.CAs {
		root, known := s.rootOf(c.ID)
		if known && root.ID != active.ID && root.CreatedAt.After(active.CreatedAt) && s.canIssue(c, at) {
			return root, c, true
		}
	}
	return Certificate{}, Certificate{}, false
}

// canIssue says whether an issuing CA may be activated.
func (s Authorities) canIssue(c Certificate, at time.Time) bool {
	if c.Role != Issuing || c.KeyID == "" || !s.InService(c) {
		return false
	}
	whole, err := s.chainOf(c.ID)
	return err == nil && ended(whole, at) == nil
}

// InService says whether a CA and all above it are neither retired nor revoked.
func (s Authorities) InService(c Certificate) bool {
	for range maxChain {
		if !c.RetiredAt.IsZero() || !c.RevokedAt.IsZero() {
			return false
		}
		if c.Role == Root {
			return true
		}
		c, _ = s.find(c.IssuerID)
	}
	return false
}

// Activate has leaves certified by another issuing CA from now on; replicas
// follow within seconds. If it is active already, nothing changes.
func (a *Authority) Activate(ctx context.Context, id string) error {
	now, err := a.o.Store.Authorities(ctx)
	if err != nil || now.Active == id {
		return err
	}
	next, err := now.chainOf(id)
	if err != nil {
		return fault.Becausef(ErrNoCertificate, "%.64q is not the ID of an issuing CA: \"sealwright ca list\" shows them", id)
	}
	if next.record.KeyID == "" {
		return fault.Becausef(ErrNotNow, "the key of %s is not here: bring it with \"sealwright ca import\", or activate another", id)
	}
	if err := a.tryKey(ctx, next); err != nil {
		return err
	}
	if err := a.checkIssuing(next, a.o.Now()); err != nil {
		return err
	}
	_, err = a.o.Store.ChangeAuthorities(ctx, func(now Authorities) (*Change, error) {
		c, found := now.find(id)
		switch {
		case now.Active == id:
			return nil, nil
		case !found || c.Role != Issuing:
			return nil, fault.Becausef(ErrNotNow, "%s is a %s, not an issuing CA: activate an issuing CA", id, c.Role)
		case !now.InService(c):
			return nil, fault.Becausef(ErrNotNow, "the issuing CA %s, or one above it, is retired or revoked", id)
		}
		e := a.event(ctx, a.o.Now(), "UpdateCertificateAuthority", map[string]any{"certificateId": id, "status": "ACTIVE", "replaces": now.Active})
		return &Change{Activate: id, Event: e}, nil
	})
	return err
}

// Retire takes a CA out of service for good: a root is no longer offered to
// verifiers, an issuing CA can no longer be activated. What it signed stays good
// wherever it is trusted. The active CA and those above it cannot be retired.
// Its key stays, for revocation lists.
func (a *Authority) Retire(ctx context.Context, id string) error {
	_, err := a.o.Store.ChangeAuthorities(ctx, func(now Authorities) (*Change, error) {
		c, found := now.find(id)
		switch {
		case !found:
			return nil, fault.Becausef(ErrNoCertificate, "%.64q is not the ID of a CA: \"sealwright ca list\" shows them", id)
		case !c.RetiredAt.IsZero():
			return nil, nil
		case now.Above(now.Active, id):
			return nil, fault.Becausef(ErrNotNow, "%s is what leaves are certified by now: activate another issuing CA first", id)
		}
		e := a.event(ctx, a.o.Now(), "UpdateCertificateAuthority", map[string]any{"certificateId": id, "status": "RETIRED"})
		return &Change{Retire: []string{id}, Event: e}, nil
	})
	return err
}

// Above says whether the CA other is the CA id or above it.
func (s Authorities) Above(id, other string) bool {
	for range maxChain {
		c, found := s.find(id)
		if !found || id == other || c.Role == Root {
			return id == other
		}
		id = c.IssuerID
	}
	return false
}

// certifyRoot makes a root of a key that is there.
func (a *Authority) certifyRoot(ctx context.Context, k Key, generation int) (c Certificate, err error) {
	now := a.o.Now()
	err = a.o.Keys.Use(ctx, k.ID, func(key crypto.Signer) error {
		cert, err := certify(rootTemplate(now, generation), nil, key.Public(), key)
		if err == nil {
			c = record(Root, a.o.Region, cert, cert, now)
			c.KeyID = k.ID
		}
		return err
	})
	return c, err
}

// certifyIssuing makes an issuing CA below a CA whose key is here.
func (a *Authority) certifyIssuing(ctx context.Context, k Key, above *chain, generation int) (c Certificate, err error) {
	public, err := a.public(ctx, k.ID)
	if err != nil {
		return c, err
	}
	now, parent := a.o.Now(), above.certs[0]
	err = a.o.Keys.Use(ctx, above.record.KeyID, func(key crypto.Signer) error {
		cert, err := certify(issuingTemplate(a.o.Region, above, now, generation), parent, public, key)
		if err == nil {
			c = record(Issuing, a.o.Region, cert, parent, now)
			c.KeyID = k.ID
		}
		return err
	})
	return c, err
}

func (a *Authority) public(ctx context.Context, keyID string) (public crypto.PublicKey, err error) {
	err = a.o.Keys.Use(ctx, keyID, func(key crypto.Signer) error {
		public = key.Public()
		return nil
	})
	return public, err
}

// timestamp is the time as the store keeps it.
func (a *Authority) timestamp() time.Time { return a.o.Now().UTC().Truncate(time.Microsecond) }
