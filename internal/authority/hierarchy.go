package authority

import (
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/sealwright/sealwright/internal/seal"
)

// sealName is the name a certificate's private key is sealed under.
func sealName(certificateID string) string { return "authority/" + certificateID }

// newHierarchy makes a root and an issuing CA, with their keys sealed.
func newHierarchy(region string, sealer *seal.Sealer, now time.Time) (Hierarchy, error) {
	rootKey, err := newKey()
	if err != nil {
		return Hierarchy{}, fmt.Errorf("authority: make the root's key: %w", err)
	}
	defer wipe(rootKey)
	issuingKey, err := newKey()
	if err != nil {
		return Hierarchy{}, fmt.Errorf("authority: make the issuing CA's key: %w", err)
	}
	defer wipe(issuingKey)

	root, err := certify(rootTemplate(now), nil, rootKey.Public(), rootKey)
	if err != nil {
		return Hierarchy{}, err
	}
	issuing, err := certify(issuingTemplate(region, now), root, issuingKey.Public(), rootKey)
	if err != nil {
		return Hierarchy{}, err
	}
	h := Hierarchy{
		Root:    record(Root, region, root, root, now),
		Issuing: record(Issuing, region, issuing, root, now),
	}
	if h.RootKey, err = sealKey(sealer, h.Root.ID, rootKey); err != nil {
		return Hierarchy{}, err
	}
	h.IssuingKey, err = sealKey(sealer, h.Issuing.ID, issuingKey)
	return h, err
}

func sealKey(sealer *seal.Sealer, id string, key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("authority: encode a CA key: %w", err)
	}
	defer clear(der)
	return sealer.Seal(sealName(id), der), nil
}

// chain is a stored hierarchy that was read and found whole. The issuing key
// stays sealed in it until a leaf is to be issued.
type chain struct {
	root, issuing *x509.Certificate
	issuingID     string
	sealedKey     []byte
}

// openHierarchy reads a stored hierarchy and checks that it hangs together and
// that the wrapping key opens the key it issues with.
func openHierarchy(h Hierarchy, sealer *seal.Sealer) (*chain, error) {
	root, err := readCertificate(h.Root)
	if err != nil {
		return nil, err
	}
	issuing, err := readCertificate(h.Issuing)
	if err != nil {
		return nil, err
	}
	if err := issuing.CheckSignatureFrom(root); err != nil {
		return nil, fmt.Errorf("authority: the stored issuing CA is not the stored root's: %w", err)
	}
	c := &chain{root, issuing, h.Issuing.ID, h.IssuingKey}
	key, err := c.openKey(sealer)
	if err != nil {
		return nil, err
	}
	defer wipe(key)
	if !key.PublicKey.Equal(issuing.PublicKey) {
		return nil, errors.New("authority: the stored issuing key does not belong to the stored issuing CA")
	}
	return c, nil
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

// openKey unseals the issuing key. The caller wipes it.
func (c *chain) openKey(sealer *seal.Sealer) (*ecdsa.PrivateKey, error) {
	der, err := sealer.Open(sealName(c.issuingID), c.sealedKey)
	if err != nil {
		return nil, fmt.Errorf("authority: the wrapping key (id %s) is not the one this installation's certificate authority was sealed with; "+
			"start with the key file that was used before (--key-file), or restore it from a backup: no other key can open it: %w", sealer.ID(), err)
	}
	defer clear(der)
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("authority: the stored issuing key is not PKCS#8") // the cause could quote key bytes
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("authority: the stored issuing key is not an ECDSA key")
	}
	return ec, nil
}

// wipe overwrites a private key, as far as Go lets: the runtime may have moved
// or copied it before.
func wipe(key *ecdsa.PrivateKey) {
	clear(key.D.Bits()) //lint:ignore SA1019 overwriting is what the field is deprecated for, and what we want
}
