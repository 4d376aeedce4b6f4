package authority

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// Reason is why a certificate was revoked: a CRLReason.
//
// Source: https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1
type Reason int

// The reasons that there are for a CA or a leaf of ours.
const (
	Unspecified          Reason = 0
	KeyCompromise        Reason = 1
	CACompromise         Reason = 2
	Superseded           Reason = 4
	CessationOfOperation Reason = 5
)

// Reasons are the names of the reasons.
var Reasons = map[string]Reason{
	"unspecified": Unspecified, "keyCompromise": KeyCompromise, "cACompromise": CACompromise,
	"superseded": Superseded, "cessationOfOperation": CessationOfOperation,
}

// Revoke voids a certificate, named by its ID or its Hash without regard to case,
// and all below it. When it returns, no replica signs with any of them, and
// GetRevocationStatus and the CRL name it. It cannot be undone; repeated, it does
// nothing. ErrNoCertificate.
func (a *Authority) Revoke(ctx context.Context, name string, why Reason) (c Certificate, again bool, err error) {
	c, err = a.Certificate(ctx, name)
	if err != nil {
		return c, false, err
	}
	r := Revocation{RevokedAt: a.timestamp(), RevokedBy: journal.ActorFrom(ctx).Principal, Reason: why}
	again, err = a.o.Store.Revoke(ctx, c.ID, r, a.revoked(ctx, c, r.RevokedAt, why))
	return c, again, err
}

// revoked is the event of a revocation.
func (a *Authority) revoked(ctx context.Context, c Certificate, at time.Time, why Reason) journal.Event {
	return a.event(ctx, at, "RevokeCertificate", map[string]any{
		"certificateId": c.ID, "role": c.Role, "serialNumber": c.Serial, "certificateHash": c.Hash, "revocationReason": why.String(),
	})
}

// String is the reason's name in RFC 5280.
func (r Reason) String() string {
	for name, reason := range Reasons {
		if reason == r {
			return name
		}
	}
	return fmt.Sprint(int(r))
}

// A CRL is made anew when what it says has changed, and before half of its life
// is over.
const crlValidity = 24 * time.Hour

// ErrNoCRL means that this service makes no revocation list for that CA.
var ErrNoCRL = fault.New(fault.NotFound, "this service has no revocation list of such a CA: a CA whose key is elsewhere publishes its own")

// crls remembers the newest list of each CA.
type crls struct {
	mu   sync.Mutex
	made map[string]crl
}

type crl struct {
	der  []byte
	said string // what it says, to see whether that has changed
	at   time.Time
}

// CRL returns the certificate revocation list of a CA whose key is here, in DER:
// everything revoked before the call is on it. ErrNoCRL.
//
// Source: https://www.rfc-editor.org/rfc/rfc5280#section-5
func (a *Authority) CRL(ctx context.Context, issuer string) ([]byte, error) {
	now, err := a.o.Store.Authorities(ctx)
	if err != nil {
		return nil, err
	}
	ca, found := now.find(issuer)
	if !found || ca.KeyID == "" {
		return nil, ErrNoCRL
	}
	revoked, err := a.o.Store.Revoked(ctx, issuer)
	if err != nil {
		return nil, err
	}
	return a.crls.get(ca.ID, saying(revoked), a.o.Now(), func(at time.Time) ([]byte, error) { return a.newCRL(ctx, ca, revoked, at) })
}

func saying(revoked []Certificate) string {
	var said strings.Builder
	for _, c := range revoked {
		said.WriteString(c.Serial + " ")
	}
	return said.String()
}

func (l *crls) get(issuer, said string, now time.Time, make func(time.Time) ([]byte, error)) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.made[issuer]
	if age := now.Sub(last.at); last.said == said && last.der != nil && age >= 0 && age < crlValidity/2 {
		return last.der, nil
	}
	der, err := make(now)
	if err != nil {
		return nil, err
	}
	if l.made == nil {
		l.made = map[string]crl{}
	}
	l.made[issuer] = crl{der, said, now}
	return der, nil
}

func (a *Authority) newCRL(ctx context.Context, ca Certificate, revoked []Certificate, now time.Time) (der []byte, err error) {
	issuer, err := readCertificate(ca)
	if err != nil {
		return nil, err
	}
	list := &x509.RevocationList{
		SignatureAlgorithm: x509.ECDSAWithSHA384,
		Number:             big.NewInt(now.UnixMicro()), // grows, on every replica
		ThisUpdate:         now.UTC(),
		NextUpdate:         now.UTC().Add(crlValidity),
	}
	for _, c := range revoked {
		serial, ok := new(big.Int).SetString(c.Serial, 16)
		if !ok {
			return nil, fmt.Errorf("authority: the stored serial number of %s is not a number", c.ID)
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: c.RevokedAt, ReasonCode: int(c.Reason)})
	}
	err = a.o.Keys.Use(ctx, ca.KeyID, func(key crypto.Signer) error {
		der, err = x509.CreateRevocationList(rand.Reader, list, issuer, key)
		return err
	})
	return der, err
}
