package discovery

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net"
	"strings"
)

// dialTLS dials an issuer and judges its certificate for the host that was asked
// for, which the state of a connection does not tell of addresses.
func (s *Source) dialTLS(dialer *net.Dialer, thumbprints []string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialPatience)
		defer cancel()
		plain, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		host, _, _ := net.SplitHostPort(address)
		secure := tls.Client(plain, s.tls(host, thumbprints))
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, plain.Close())
		}
		return secure, nil
	}
}

// tls is how a host's certificate is judged. Thumbprints count only where no
// authority that is known stands behind it: then a certificate of the chain that
// was shown, with one of the thumbprints, is taken for an authority.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html
func (s *Source) tls(host string, thumbprints []string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         host,
		InsecureSkipVerify: true, // VerifyConnection verifies
		VerifyConnection: func(c tls.ConnectionState) error {
			err := verify(c.PeerCertificates, host, s.options.Roots)
			var unknown x509.UnknownAuthorityError
			if pinned := marked(c.PeerCertificates, thumbprints); pinned != nil && errors.As(err, &unknown) {
				return verify(c.PeerCertificates, host, pinned)
			}
			return err
		},
	}
}

func verify(chain []*x509.Certificate, host string, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, certificate := range chain[1:] { // a server shows one at least
		between.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between})
	return err
}

// marked returns the certificates that have one of the thumbprints; nil if none.
func marked(chain []*x509.Certificate, thumbprints []string) (pool *x509.CertPool) {
	for _, certificate := range chain {
		sum := sha1.Sum(certificate.Raw) // AWS's choice
		for _, t := range thumbprints {
			if !strings.EqualFold(t, hex.EncodeToString(sum[:])) {
				continue
			}
			if pool == nil {
				pool = x509.NewCertPool()
			}
			pool.AddCert(certificate)
		}
	}
	return pool
}
