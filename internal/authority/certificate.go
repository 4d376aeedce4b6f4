package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"time"
)

// How long certificates last, and why.
//
//   - The root is what people copied into their trust stores, by hand; replacing
//     it is the most expensive act there is, so it outlives five issuing CAs.
//   - The issuing CA is replaced without touching a trust store. Ten years is
//     long enough that nobody is surprised and short enough that the ceremony
//     does not depend on someone who has left.
//   - The leaf's end only bounds what a stolen process image is good for.
const (
	rootYears           = 50
	issuingYears        = 10
	DefaultLeafValidity = 72 * time.Hour // AWS Signer's leaves last as long
)

// Certificates begin a little before they are made, so that a replica whose
// clock is behind the one that made them can use them at once.
const (
	caBackdate   = 24 * time.Hour
	leafBackdate = time.Hour
)

// newKey makes a P-384 key: with SHA-384 the pair that ES384 stands for.
func newKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
}

// subject names a certificate. The names need not be unique: trust is by the
// bytes of the root, never by its name.
func subject(commonName string) pkix.Name {
	return pkix.Name{Organization: []string{"Sealwright"}, CommonName: commonName}
}

// rootTemplate leaves the path length open, so that a tier can be added later
// without a new root in every trust store.
func rootTemplate(now time.Time, generation int) *x509.Certificate {
	from := now.Add(-caBackdate)
	return &x509.Certificate{
		Subject:               subject(fmt.Sprintf("Sealwright Code Signing Root CA G%d", generation)),
		NotBefore:             from,
		NotAfter:              from.AddDate(rootYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            -1,
		SignatureAlgorithm:    x509.ECDSAWithSHA384,
	}
}

// issuingTemplate allows leaves below it and nothing else. It ends with those above
// it at the latest.
func issuingTemplate(region string, above *chain, now time.Time, generation int) *x509.Certificate {
	from := now.Add(-caBackdate)
	until := from.AddDate(issuingYears, 0, 0)
	if until.After(above.notAfter()) {
		until = above.notAfter()
	}
	if from.Before(above.notBefore()) {
		from = above.notBefore()
	}
	return &x509.Certificate{
		Subject:               subject(fmt.Sprintf("Sealwright %s Code Signing CA G%d", region, generation)),
		NotBefore:             from,
		NotAfter:              until,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		SignatureAlgorithm:    x509.ECDSAWithSHA384,
	}
}

// leafTemplate keeps the leaf within the life of those above it at both ends.
func leafTemplate(issuer *chain, now time.Time, validity time.Duration) *x509.Certificate {
	from, until := now.Add(-leafBackdate), now.Add(validity)
	if from.Before(issuer.notBefore()) {
		from = issuer.notBefore()
	}
	if until.After(issuer.notAfter()) {
		until = issuer.notAfter()
	}
	return &x509.Certificate{
		Subject:               subject("Sealwright Signer"),
		NotBefore:             from,
		NotAfter:              until,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		BasicConstraintsValid: true,
		SignatureAlgorithm:    x509.ECDSAWithSHA384,
	}
}

// certify makes a certificate for key and reads it back, so that what we keep
// is what verifiers will read. A nil parent means that it signs itself.
func certify(template, parent *x509.Certificate, key crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	issuer := parent
	if issuer == nil {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key, signer)
	if err != nil {
		return nil, fmt.Errorf("authority: make %s: %w", template.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("authority: read back %s: %w", template.Subject.CommonName, err)
	}
	if parent == nil {
		parent = cert
	}
	if err := cert.CheckSignatureFrom(parent); err != nil {
		return nil, fmt.Errorf("authority: check %s: %w", template.Subject.CommonName, err)
	}
	return cert, nil
}

// record is what the store keeps of a certificate made now.
func record(role Role, region string, cert, issuer *x509.Certificate, now time.Time) Certificate {
	return Certificate{
		ID:        fingerprint(cert.Raw),
		Role:      role,
		Region:    region,
		Serial:    cert.SerialNumber.Text(16),
		DER:       cert.Raw,
		Hash:      Hash(cert, issuer),
		IssuerID:  fingerprint(issuer.Raw),
		NotBefore: cert.NotBefore.UTC(),
		NotAfter:  cert.NotAfter.UTC(),
		CreatedAt: now.UTC().Truncate(time.Microsecond),
	}
}

// fingerprint is the lower-case hex SHA-256 of DER bytes.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// Hash names a certificate as GetRevocationStatus does: the hex SHA-384 of its
// TBS bytes, then of its issuer's (192 characters, lower case). A root is its
// own issuer.
//
// Source: https://docs.aws.amazon.com/signer/latest/api/API_GetRevocationStatus.html
func Hash(cert, issuer *x509.Certificate) string {
	child, parent := sha512.Sum384(cert.RawTBSCertificate), sha512.Sum384(issuer.RawTBSCertificate)
	return hex.EncodeToString(child[:]) + hex.EncodeToString(parent[:])
}
