package authority

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
)

// Request returns the request (PKCS#10, PEM) for an issuing CA that a root
// elsewhere is to certify. Its key is made and kept here; until the certificate
// is installed, it is the same key each time.
func (a *Authority) Request(ctx context.Context) ([]byte, error) {
	now, err := a.o.Store.Authorities(ctx)
	if err != nil {
		return nil, err
	}
	key, err := a.pending(ctx, forRequest, now)
	if err != nil {
		return nil, err
	}
	var der []byte
	err = a.o.Keys.Use(ctx, key.ID, func(signer crypto.Signer) error {
		der, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
			Subject:            subject(fmt.Sprintf("Sealwright %s Code Signing CA G%d", a.o.Region, now.generation(Issuing))),
			SignatureAlgorithm: x509.ECDSAWithSHA384,
			ExtraExtensions:    wantedExtensions(),
		}, signer)
		return err
	})
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), err
}

// wantedExtensions ask for a CA of leaves: no CA below it; certificate and CRL
// signing.
func wantedExtensions() []pkix.Extension {
	constraints, _ := asn1.Marshal(struct {
		CA  bool
		Len int
	}{true, 0})
	usage, _ := asn1.Marshal(asn1.BitString{Bytes: []byte{0x06}, BitLength: 7}) // keyCertSign, cRLSign
	return []pkix.Extension{{Id: oidBasicConstraints, Critical: true, Value: constraints}, {Id: oidKeyUsage, Critical: true, Value: usage}}
}

// Install records the issuing CA that was requested, with its chain: the CA
// first, its self-signed root last. The root is published from now on; the CA
// signs when it is activated, or at once if there is none yet. If it is there
// already, nothing is done. Errors: [ErrUnsuitable], [ErrNoKey].
func (a *Authority) Install(ctx context.Context, chain []*x509.Certificate) (Certificate, error) {
	if err := checkChain(chain, a.o.Now()); err != nil {
		return Certificate{}, err
	}
	if len(chain) == 1 {
		return Certificate{}, unsuitable("%q is a root: install the issuing CA that was requested, followed by its root", chain[0].Subject)
	}
	id, err := keyID(chain[0].PublicKey)
	if err != nil {
		return Certificate{}, err
	}
	err = a.o.Keys.Use(ctx, id, func(key crypto.Signer) error { return a.tryLeaf(chain, key) })
	if errors.Is(err, ErrNoKey) {
		return Certificate{}, fault.Becausef(ErrNoKey, "the key of %q is not here: have the request of \"sealwright ca csr\" signed, or bring certificate and key with \"sealwright ca import\"", chain[0].Subject)
	}
	if err != nil {
		return Certificate{}, err
	}
	return a.bringIn(ctx, a.records(chain, id), Authorities.admit, func(now Authorities) (Certificate, bool) { return now.here(chain[0]) })
}

// tryLeaf certifies a leaf that is thrown away, to have the chain judged whole.
func (a *Authority) tryLeaf(certs []*x509.Certificate, key crypto.Signer) error {
	leaf, err := a.certifyLeaf(a.o.Now(), &chain{certs: certs}, key)
	if err != nil {
		return err
	}
	cert, err := readCertificate(leaf.Certificate)
	if err != nil {
		return err
	}
	return checkLeaf(append([]*x509.Certificate{cert}, certs...), a.o.Now())
}

// records describes a chain, root first, whose first certificate's key is here.
func (a *Authority) records(chain []*x509.Certificate, keyID string) []Certificate {
	var all []Certificate
	for i := len(chain) - 1; i >= 0; i-- {
		role, issuer := Issuing, chain[min(i+1, len(chain)-1)]
		if i == len(chain)-1 {
			role = Root
		}
		c := record(role, a.o.Region, chain[i], issuer, a.o.Now())
		if i == 0 {
			c.KeyID = keyID
		}
		all = append(all, c)
	}
	return all
}

// here finds a CA from outside that is in service and whose key is here.
func (s Authorities) here(cert *x509.Certificate) (Certificate, bool) {
	c, found := s.find(fingerprint(cert.Raw))
	return c, found && c.KeyID != "" && s.InService(c)
}

// bringIn records CAs from outside, root first, the issuing CA last, unless it is
// there already.
func (a *Authority) bringIn(ctx context.Context, made []Certificate, admit admission, there func(Authorities) (Certificate, bool)) (Certificate, error) {
	issuing := made[len(made)-1]
	stands, err := a.o.Store.ChangeAuthorities(ctx, func(now Authorities) (*Change, error) {
		if _, found := there(now); found {
			return nil, nil
		}
		add, err := admit(now, made...)
		if err != nil {
			return nil, err
		}
		e := a.event(ctx, a.o.Now(), "ImportCertificateAuthorityCertificate", map[string]any{
			"certificateId": issuing.ID, "notAfter": issuing.NotAfter, "rootCertificateId": made[0].ID,
		})
		change := &Change{Add: add, Event: e}
		if now.Active == "" {
			change.Activate = issuing.ID
		}
		return change, nil
	})
	if err != nil {
		return Certificate{}, err
	}
	c, _ := there(stands)
	return c, nil
}

// Importer takes in a CA key from outside: not every [Keys] can.
type Importer interface {
	Import(ctx context.Context, key *ecdsa.PrivateKey) (Key, error)
}

// Import brings in a CA with its key, which goes into keys: a root, below which
// an issuing CA is made, or an issuing CA with its chain. It returns the issuing
// CA, which signs when it is activated, or at once if there is none yet. Repeated,
// it does nothing. ErrUnsuitable.
func (a *Authority) Import(ctx context.Context, keys Importer, chain []*x509.Certificate, key *ecdsa.PrivateKey) (Certificate, error) {
	if err := checkChain(chain, a.o.Now()); err != nil {
		return Certificate{}, err
	}
	if !key.PublicKey.Equal(chain[0].PublicKey) {
		return Certificate{}, unsuitable("the key is not that of %q, the first certificate", chain[0].Subject)
	}
	if err := a.tryImport(chain, key); err != nil {
		return Certificate{}, err
	}
	now, err := a.o.Store.Authorities(ctx)
	if err != nil {
		return Certificate{}, err
	}
	if _, err := now.admit(a.records(chain, "")...); err != nil {
		return Certificate{}, err
	}
	k, err := keys.Import(ctx, key)
	if err != nil {
		return Certificate{}, err
	}
	made := a.records(chain, k.ID)
	if len(chain) > 1 {
		return a.bringIn(ctx, made, Authorities.admit, func(now Authorities) (Certificate, bool) { return now.here(chain[0]) })
	}
	return a.importRoot(ctx, now, made[0])
}

// tryImport has the chain judged before its key is taken in; that of a root with an
// issuing CA below it, which is thrown away.
func (a *Authority) tryImport(certs []*x509.Certificate, key *ecdsa.PrivateKey) error {
	if len(certs) > 1 {
		return a.tryLeaf(certs, key)
	}
	if err := checkCA(certs[0], 1, a.o.Now()); err != nil {
		return err
	}
	below, err := newKey()
	if err != nil {
		return err
	}
	issuing, err := certify(issuingTemplate(a.o.Region, &chain{certs: certs}, a.o.Now(), 1), certs[0], below.Public(), key)
	if err != nil {
		return err
	}
	return a.tryLeaf([]*x509.Certificate{issuing, certs[0]}, below)
}

// importRoot records a root whose key is here and an issuing CA below it, unless
// that was done.
func (a *Authority) importRoot(ctx context.Context, now Authorities, root Certificate) (Certificate, error) {
	there := func(now Authorities) (Certificate, bool) { return now.below(root.ID, a.o.Now()) }
	if c, found := there(now); found {
		return c, nil
	}
	above, err := Authorities{CAs: []Certificate{root}}.chainOf(root.ID)
	if err != nil {
		return Certificate{}, err
	}
	key, err := a.pending(ctx, forIssuing, now)
	if err != nil {
		return Certificate{}, err
	}
	issuing, err := a.certifyIssuing(ctx, key, above, now.generation(Issuing))
	if err != nil {
		return Certificate{}, err
	}
	return a.bringIn(ctx, []Certificate{root, issuing}, Authorities.admitMade, there)
}

// below finds the newest issuing CA below a root whose key is here. One that was
// there before the root's key came is older than the one made then.
func (s Authorities) below(root string, at time.Time) (Certificate, bool) {
	if above, _ := s.find(root); above.KeyID == "" {
		return Certificate{}, false
	}
	for _, c := range slices.Backward(s.CAs) {
		if c.IssuerID == root && s.canIssue(c, at) {
			return c, true
		}
	}
	return Certificate{}, false
}

// ParseKey reads a P-384 private key from PEM: PKCS#8 or SEC 1.
func ParseKey(text []byte) (*ecdsa.PrivateKey, error) {
	block, rest := pem.Decode(text)
	if block != nil && block.Type == "EC PARAMETERS" { // openssl ecparam writes it first
		block, rest = pem.Decode(rest)
	}
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("this is not one private key in PEM")
	}
	defer clear(block.Bytes)
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("this private key is encrypted: decrypt it first, with \"openssl pkey\", say, and destroy what that wrote when it is imported")
	}
	if block.Type != "EC PRIVATE KEY" {
		return parseKey(block.Bytes)
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("this is not a private key of an elliptic curve") // the cause could quote it
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, errors.New("this is not a private key of a known curve")
	}
	defer clear(der)
	return parseKey(der)
}

// decodePEM returns the blocks of a text that has nothing but blocks of a kind,
// at most so many.
func decodePEM(text []byte, kind string, most int) (all [][]byte, err error) {
	block, rest := pem.Decode(text)
	for ; block != nil; block, rest = pem.Decode(rest) {
		if block.Type != kind {
			return nil, fmt.Errorf("a block %.64q stands in it: only %s may", block.Type, kind)
		}
		if len(all) == most {
			return nil, fmt.Errorf("it has more than %d blocks %s", most, kind)
		}
		all = append(all, block.Bytes)
	}
	if len(all) == 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("this is not PEM with blocks %s, and nothing else", kind)
	}
	return all, nil
}
