package server

import (
	"crypto/x509"
	"fmt"
	"os"

	"github.com/sealwright/sealwright/internal/discovery"
)

// issuers is how OpenID Connect issuers are asked for their keys.
func (s *Server) issuers() (*discovery.Source, error) {
	files, err := s.config.IssuerFiles()
	if err != nil {
		return nil, err
	}
	o := discovery.Options{Files: files, Loopback: s.config.OIDCLoopback, Asked: s.metrics.Issuer}
	if o.Roots, err = roots(s.config.OIDCCAFile); err != nil {
		return nil, fmt.Errorf("oidc-ca-file: %w", err)
	}
	return discovery.New(o), nil
}

// roots are the authorities of a PEM file beside those the system knows; nil,
// which means these alone, for no file.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pem, err := os.ReadFile(file)
	if err == nil && !pool.AppendCertsFromPEM(pem) {
		err = fmt.Errorf("%s has no certificate in PEM", file)
	}
	return pool, err
}
