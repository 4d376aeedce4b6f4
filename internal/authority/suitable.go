package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	corex509 "github.com/notaryproject/notation-core-go/x509"

	"github.com/sealwright/sealwright/internal/fault"
)

// Sources of these rules:
// https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md#certificate-requirements
// https://www.rfc-editor.org/rfc/rfc5280#section-4.2

// minCALife is what must be left of a CA that is brought in.
const minCALife = 30 * 24 * time.Hour

var (
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidNameConstraints  = asn1.ObjectIdentifier{2, 5, 29, 30}
)

// checkChain says whether leaves may be certified below chain[0]: every
// certificate is a CA that may do so, each is signed by the next, and the last is
// a self-signed root. The first one's key is to be kept here.
func checkChain(chain []*x509.Certificate, now time.Time) error {
	if len(chain) == 0 || len(chain) >= maxChain {
		return unsuitable("the chain has %d certificates: give 1 to %d, the issuing CA first and the root last", len(chain), maxChain-1)
	}
	for i, cert := range chain {
		if err := checkCA(cert, i, now); err != nil {
			return err
		}
		parent := chain[min(i+1, len(chain)-1)]
		if i == len(chain)-1 && !isSelfSigned(cert) {
			return unsuitable("the chain ends with %q, which did not sign itself: append who signed it, up to the root", cert.Subject)
		}
		if !bytes.Equal(cert.RawIssuer, parent.RawSubject) || cert.CheckSignatureFrom(parent) != nil {
			return unsuitable("%q is not signed by %q: give the issuing CA first, then who signed it, and so on to the root, which signed itself", cert.Subject, parent.Subject)
		}
		if i < len(chain)-1 && isSelfSigned(cert) {
			return unsuitable("%q is a root and stands before another certificate: the root comes last, and alone", cert.Subject)
		}
	}
	if key, ok := chain[0].PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P384() {
		return unsuitable("the key of %q is not on the curve P-384, the one this service's platform signs with", chain[0].Subject)
	}
	return nil
}

func isSelfSigned(cert *x509.Certificate) bool {
	return bytes.Equal(cert.RawIssuer, cert.RawSubject) && cert.CheckSignatureFrom(cert) == nil
}

// checkCA looks at one certificate, below which there are so many other CAs.
func checkCA(cert *x509.Certificate, below int, now time.Time) error {
	name := cert.Subject
	switch {
	case cert.Version != 3 || !cert.IsCA || !cert.BasicConstraintsValid:
		return unsuitable("%q is not a CA: it needs the basic constraint CA", name)
	case weakSignature(cert.SignatureAlgorithm):
		return unsuitable("%q is signed with %s, which verifiers refuse: have it signed with SHA-256, SHA-384 or SHA-512", name, cert.SignatureAlgorithm)
	case !critical(cert, oidBasicConstraints):
		return unsuitable("%q has basic constraints that are not critical", name)
	case cert.KeyUsage&x509.KeyUsageCertSign == 0 || cert.KeyUsage&x509.KeyUsageCRLSign == 0 || !critical(cert, oidKeyUsage):
		return unsuitable("%q needs a critical key usage with certificate signing and CRL signing", name)
	case (cert.MaxPathLen > 0 || cert.MaxPathLenZero) && cert.MaxPathLen < below:
		return unsuitable("%q permits %d CAs below it and there would be %d", name, cert.MaxPathLen, below)
	case !mayCertifyCodeSigning(cert):
		return unsuitable("%q has an extended key usage without code signing", name)
	case hasExtension(cert, oidNameConstraints) || len(cert.UnhandledCriticalExtensions) > 0:
		return unsuitable("%q has name constraints or a critical extension that verifiers may not understand", name)
	case len(cert.SubjectKeyId) == 0:
		return unsuitable("%q has no subject key identifier", name)
	case now.Before(cert.NotBefore) || now.Add(minCALife).After(cert.NotAfter):
		return unsuitable("%q is valid from %s to %s: it must be valid now and for %d days", name,
			cert.NotBefore.Format(time.RFC3339), cert.NotAfter.Format(time.RFC3339), int(minCALife.Hours()/24))
	}
	return checkStrength(cert)
}

func weakSignature(algorithm x509.SignatureAlgorithm) bool {
	switch algorithm {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
		return false
	}
	return true
}

// checkStrength refuses keys that the specification does not know.
func checkStrength(cert *x509.Certificate) error {
	switch key := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if key.Curve.Params().BitSize >= 256 {
			return nil
		}
	case *rsa.PublicKey:
		if key.N.BitLen() >= 2048 {
			return nil
		}
	}
	return unsuitable("%q has a key that is neither RSA of 2048 bits nor ECDSA of 256 or more", cert.Subject)
}

func mayCertifyCodeSigning(cert *x509.Certificate) bool {
	return len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0 ||
		slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageCodeSigning)
}

func critical(cert *x509.Certificate, id asn1.ObjectIdentifier) bool {
	for _, e := range cert.Extensions {
		if e.Id.Equal(id) {
			return e.Critical
		}
	}
	return false
}

func hasExtension(cert *x509.Certificate, id asn1.ObjectIdentifier) bool {
	for _, e := range cert.Extensions {
		if e.Id.Equal(id) {
			return true
		}
	}
	return false
}

// checkLeaf asks the reference whether a chain, leaf first, is one to sign with.
func checkLeaf(chain []*x509.Certificate, now time.Time) error {
	if err := corex509.ValidateCodeSigningCertChain(chain, &now); err != nil {
		return unsuitable("Notation would refuse a signature below it: %v", err)
	}
	return nil
}

func unsuitable(format string, args ...any) error {
	return fault.Becausef(ErrUnsuitable, format, args...)
}

// ParseChain reads the certificates of a PEM text that holds nothing else.
func ParseChain(text []byte) ([]*x509.Certificate, error) {
	ders, err := decodePEM(text, "CERTIFICATE", maxChain)
	if err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for _, der := range ders {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("read a certificate: %w", err)
		}
		chain = append(chain, cert)
	}
	return chain, nil
}
