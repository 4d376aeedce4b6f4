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
	o := discovery.Options{Files: files, Loopback: s.config.OIDCLoopback}
	if s.config.OIDCCAFile == "" {
		return discovery.New(o), nil
	}
	if o.Roots, err = x509.SystemCertPool(); err != nil {
		o.Roots = x509.NewCertPool()
	}
	pem, err := os.ReadFile(s.config.OIDCCAFile)
	if err == nil && !o.Roots.AppendCertsFromPEM(pem) {
		err = fmt.Errorf("%s has no certificate in PEM", s.config.OIDCCAFile)
	}
	if err != nil {
		return nil, fmt.Errorf("oidc-ca-file: %w", err)
	}
	return discovery.New(o), nil
}
