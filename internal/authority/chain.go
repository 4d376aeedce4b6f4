package authority

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
)

// maxChain bounds a chain, its leaf included: GetRevocationStatus takes 16 hashes.
const maxChain = 8

// chain is the CAs that leaves are certified by now, read and found whole.
type chain struct {
	record Certificate         // of the issuing CA
	certs  []*x509.Certificate // from the issuing CA up to the root
}

func (c *chain) issuing() *x509.Certificate { return c.certs[0] }
func (c *chain) root() *x509.Certificate    { return c.certs[len(c.certs)-1] }

// notBefore and notAfter are when the whole chain is valid: a CA from outside may
// outlive one above it, and then nothing below it is good any more.
func (c *chain) notBefore() time.Time {
	return slices.MaxFunc(c.certs, func(a, b *x509.Certificate) int { return a.NotBefore.Compare(b.NotBefore) }).NotBefore
}

func (c *chain) notAfter() time.Time {
	return slices.MinFunc(c.certs, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
}

// below is the chain of a leaf, in DER.
func (c *chain) below(leaf []byte) [][]byte {
	all := [][]byte{leaf}
	for _, cert := range c.certs {
		all = append(all, cert.Raw)
	}
	return all
}

// find returns the record of a CA.
func (s Authorities) find(id string) (Certificate, bool) {
	for _, c := range s.CAs {
		if c.ID == id {
			return c, true
		}
	}
	return Certificate{}, false
}

// rootOf follows a CA up to its root.
func (s Authorities) rootOf(id string) (Certificate, bool) {
	for range maxChain {
		c, found := s.find(id)
		if !found || c.Role == Root {
			return c, found
		}
		id = c.IssuerID
	}
	return Certificate{}, false
}

// Published are the roots that verifiers are to trust, that of the active CA first.
func (s Authorities) Published() []Certificate {
	active, _ := s.rootOf(s.Active)
	var first, rest []Certificate
	for _, c := range s.CAs {
		switch {
		case c.Role != Root || !c.RetiredAt.IsZero() || !c.RevokedAt.IsZero():
		case c.ID == active.ID:
			first = append(first, c)
		default:
			rest = append(rest, c)
		}
	}
	return append(first, rest...)
}

// chainOf reads the chain of an issuing CA and checks that it hangs together.
func (s Authorities) chainOf(id string) (*chain, error) {
	c := &chain{}
	for {
		stored, found := s.find(id)
		if !found || len(c.certs) == maxChain-1 {
			return nil, fmt.Errorf("authority: the chain of the issuing CA %s is not whole in the records: %s is missing", c.record.ID, id)
		}
		cert, err := readCertificate(stored)
		if err != nil {
			return nil, err
		}
		if len(c.certs) == 0 {
			c.record = stored
		} else if err := c.certs[len(c.certs)-1].CheckSignatureFrom(cert); err != nil {
			return nil, fmt.Errorf("authority: the stored issuing CA is not the stored root's: %w", err)
		}
		c.certs = append(c.certs, cert)
		if stored.Role == Root {
			return c, nil
		}
		id = stored.IssuerID
	}
}

func readCertificate(c Certificate) (*x509.Certificate, error) {
	if fingerprint(c.DER) != c.ID {
		return nil, fmt.Errorf("authority: the stored %s certificate does not have the fingerprint it is stored under", c.Role)
	}
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return nil, fmt.Errorf("authority: read the stored %s certificate: %w", c.Role, err)
	}
	return cert, nil
}

// current returns the chain of the CA that is active now, as the store says.
func (a *Authority) current(ctx context.Context) (*chain, error) {
	now, err := a.o.Store.Authorities(ctx)
	if err != nil {
		return nil, err
	}
	return a.follow(ctx, now)
}

// follow takes up the active CA of now, unless it is the one at hand.
func (a *Authority) follow(ctx context.Context, now Authorities) (*chain, error) {
	if now.Active == "" {
		return nil, errNotReady
	}
	if c := a.chain.Load(); c != nil && c.record.ID == now.Active {
		return c, nil
	}
	c, err := now.chainOf(now.Active)
	if err != nil {
		return nil, err
	}
	if err := a.tryKey(ctx, c); err != nil {
		return nil, err
	}
	a.chain.Store(c)
	return c, nil
}

// tryKey finds out whether the chain's issuing key can be used and belongs to it.
func (a *Authority) tryKey(ctx context.Context, c *chain) error {
	if c.record.KeyID == "" {
		return errors.New("authority: the issuing CA has no key here")
	}
	return a.o.Keys.Use(ctx, c.record.KeyID, func(key crypto.Signer) error {
		public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
		if !ok || !public.Equal(c.issuing().PublicKey) {
			return errors.New("authority: the stored issuing key does not belong to the stored issuing CA")
		}
		return nil
	})
}

// CheckIssuing finds out whether leaves can be certified: that the active issuing CA,
// as the records have it, is neither revoked nor at its end, and that its key is there
// and can be used.
func (a *Authority) CheckIssuing(ctx context.Context) error {
	now, err := a.o.Store.Authorities(ctx)
	if err != nil {
		return err
	}
	c, err := a.follow(ctx, now)
	if err != nil {
		return err
	}
	if record, _ := now.find(c.record.ID); !record.RevokedAt.IsZero() {
		return revokedIssuing(record.ID)
	}
	if err := ended(c, a.o.Now()); err != nil {
		return err
	}
	return a.tryKey(ctx, c)
}

// revokedIssuing is why nothing is certified by an issuing CA.
func revokedIssuing(id string) error {
	return fault.Becausef(ErrCertificateBad, "the issuing CA is revoked: signing is not possible until \"sealwright ca rotate %s\" has made another", id)
}

// RootsPEM is the root certificates for trust stores, as the records have them
// now, that of the active CA first.
func (a *Authority) RootsPEM(ctx context.Context) ([]byte, error) {
	now, err := a.o.Store.Authorities(ctx)
	if err != nil {
		return nil, err
	}
	return bundle(now.Published()), nil
}

// bundle is certificates one after another, in PEM.
func bundle(certificates []Certificate) []byte {
	var text []byte
	for _, c := range certificates {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.DER})...)
	}
	return text
}
