package authority

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
)

// ErrIssuingCAEnded means that the issuing CA is so near its end that no leaf
// can be issued any more, or that this machine's clock is outside its life.
var ErrIssuingCAEnded = fault.New(fault.Unavailable, "the issuing CA cannot certify a signing key at this time: signing is not possible")

// warnBefore is how long before its end each new leaf is accompanied by an
// error in the log, and minLeafLife what must be left of the issuing CA.
const (
	warnBefore  = 365 * 24 * time.Hour
	minLeafLife = 10 * time.Minute
)

// stepEvery is how often [Authority.Run] looks. It is far below the quarter of
// the shortest life that lies between due and late, and how long it takes until
// every replica signs under another issuing CA that was made active.
const stepEvery = 5 * time.Second

// Leaf returns the signer to use now. Usually that costs nothing; it issues one
// when there is none, and replaces one that the background loop has left for
// too long. While that goes on, or fails, the old one serves to its end. It
// fails with [ErrIssuingCAEnded], with [ErrCertificateBad] when the issuing CA
// is revoked, or with the store's error.
func (a *Authority) Leaf(ctx context.Context) (*Signer, error) {
	now := a.o.Now()
	current := a.leaf.Load()
	if current != nil && !current.late(now) {
		return current, nil
	}
	if current == nil || !current.usable(now) {
		return a.replace(ctx, current)
	}
	if a.change.TryLock() {
		defer a.change.Unlock()
		next, err := a.issue(ctx)
		if err == nil {
			return next, nil
		}
		a.o.Logger.Error("replacing the signing certificate failed; the current one serves on", "until", current.NotAfter, "error", fault.Whole(err))
	}
	return current, nil
}

// Discard drops the signer with this certificate ID, if it is the current one,
// so that the next call of [Authority.Leaf] issues another. Call it when the
// store says that the certificate is revoked or unknown.
func (a *Authority) Discard(id string) {
	if current := a.leaf.Load(); current != nil && current.ID == id {
		a.leaf.CompareAndSwap(current, nil)
	}
}

// Run replaces the leaf in time until ctx ends, and returns ctx's error. The
// first leaf is made at once.
func (a *Authority) Run(ctx context.Context) error {
	ticker := time.NewTicker(stepEvery)
	defer ticker.Stop()
	for {
		if err := a.Step(ctx); err != nil && ctx.Err() == nil {
			a.o.Logger.Error("replacing the signing certificate failed; trying again", "in", stepEvery, "error", fault.Whole(err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// Step issues a leaf if there is none, if the current one is half way to its end,
// or if another issuing CA is active than the one that certified it: what
// [Authority.Run] does each time.
func (a *Authority) Step(ctx context.Context) error {
	now := a.o.Now()
	current := a.leaf.Load()
	if current != nil && !current.due(now) && !current.late(now) {
		issuer, err := a.current(ctx)
		if err != nil || issuer.record.ID == current.IssuerID {
			return err
		}
	}
	_, err := a.replace(ctx, current)
	return err
}

// replace issues a leaf in place of old, once: whoever waited for another to do
// it takes what that one made.
func (a *Authority) replace(ctx context.Context, old *Signer) (*Signer, error) {
	a.change.Lock()
	defer a.change.Unlock()
	if current := a.leaf.Load(); current != nil && current != old {
		return current, nil
	}
	return a.issue(ctx)
}

// issue makes a leaf, records it and then makes it current. The caller holds
// change.
func (a *Authority) issue(ctx context.Context) (*Signer, error) {
	next, err := a.newLeaf(ctx)
	if err != nil {
		return nil, err
	}
	e := a.event(ctx, next.CreatedAt, "IssueCertificate", map[string]any{
		"certificateId": next.ID,
		"serialNumber":  next.Serial,
		"issuerId":      next.IssuerID,
		"replica":       next.Replica,
		"notBefore":     next.NotBefore,
		"notAfter":      next.NotAfter,
	})
	err = a.o.Store.AddCertificate(ctx, next.Certificate, e)
	if errors.Is(err, ErrCertificateBad) {
		return nil, revokedIssuing(next.IssuerID)
	}
	if err != nil {
		return nil, fmt.Errorf("authority: record a leaf certificate: %w", err)
	}
	a.leaf.Store(next)
	a.o.Logger.Info("signing certificate issued", "id", next.ID, "notAfter", next.NotAfter)
	return next, nil
}

// newLeaf makes a leaf that nobody may use yet: it is not recorded.
func (a *Authority) newLeaf(ctx context.Context) (next *Signer, err error) {
	issuer, err := a.current(ctx)
	if err != nil {
		return nil, err
	}
	now := a.o.Now()
	if err := a.checkIssuing(issuer, now); err != nil {
		return nil, err
	}
	err = a.o.Keys.Use(ctx, issuer.record.KeyID, func(key crypto.Signer) error {
		next, err = a.certifyLeaf(now, issuer, key)
		return err
	})
	return next, err
}

func (a *Authority) certifyLeaf(now time.Time, issuer *chain, issuingKey crypto.Signer) (*Signer, error) {
	key, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("authority: make a leaf's key: %w", err)
	}
	cert, err := certify(leafTemplate(issuer, now, a.o.LeafValidity), issuer.issuing(), key.Public(), issuingKey)
	if err != nil {
		return nil, err
	}
	c := record(Leaf, a.o.Region, cert, issuer.issuing(), now)
	c.Replica = a.o.Replica
	return newSigner(c, issuer, key), nil
}

// checkIssuing says whether the issuing CA can certify a leaf now, and says it
// loudly in its last year, or that of one above it: its replacement needs a person.
func (a *Authority) checkIssuing(issuing *chain, now time.Time) error {
	if err := ended(issuing, now); err != nil {
		return err
	}
	if left := issuing.notAfter().Sub(now); left < warnBefore {
		a.o.Logger.Error("the issuing CA is near its end, or one above it is: replace it, or signing will stop", "notAfter", issuing.notAfter(), "days", int(left.Hours()/24))
	}
	return nil
}

// ended says whether it is too late for the issuing CA to certify a leaf, or too
// early, as it is for all above it.
func ended(issuing *chain, now time.Time) error {
	from, until := issuing.notBefore(), issuing.notAfter()
	if until.Sub(now) >= minLeafLife && !now.Before(from) {
		return nil
	}
	return fault.Becausef(ErrIssuingCAEnded, "the issuing CA, with those above it, is valid from %s to %s and it is %s here: signing is not possible; check the clock, or replace the issuing CA with \"sealwright ca rotate\"",
		from.Format(time.RFC3339), until.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
}
