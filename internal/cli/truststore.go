package cli

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	corex509 "github.com/notaryproject/notation-core-go/x509"
	"github.com/notaryproject/notation-go/dir"

	"github.com/sealwright/sealwright/internal/durable"
	"github.com/sealwright/sealwright/internal/ownerfile"
)

// maxRoots bounds the roots that are taken at once; a service has one, or two
// while one is being replaced.
const maxRoots = 16

// parseRoots reads the root certificates in data, PEM or DER.
func parseRoots(name string, data []byte) ([]*x509.Certificate, error) {
	block, rest := pem.Decode(data)
	if block == nil {
		root, err := parseRoot(name, data)
		return []*x509.Certificate{root}, err
	}
	var roots []*x509.Certificate
	for ; block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" || len(roots) == maxRoots {
			return nil, fmt.Errorf("%s is not root certificates alone, %d at most", name, maxRoots)
		}
		root, err := parseRoot(name, block.Bytes)
		if err != nil {
			return nil, err
		}
		roots = append(roots, root)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%s is not certificates alone", name)
	}
	return roots, nil
}

// parseRoot reads a root certificate, DER. A trust store takes certificates of
// authorities only, so a leaf is refused here already.
func parseRoot(name string, der []byte) (*x509.Certificate, error) {
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s is not a certificate: %w", name, err)
	}
	if !root.IsCA || !bytes.Equal(root.RawSubject, root.RawIssuer) || root.CheckSignatureFrom(root) != nil {
		return nil, fmt.Errorf("%s is not a root: it must be an authority's certificate, signed by itself", name)
	}
	return root, nil
}

// addRoot puts root into the trust store, beside the roots that are there, and
// returns the file it is in.
func addRoot(root *x509.Certificate) (string, error) {
	store := configPath(dir.X509TrustStoreDir(trustStoreType, trustStoreName))
	if path, err := findRoot(store, root); path != "" || err != nil {
		return path, err
	}
	return moveIn(root, store)
}

// moveIn writes root outside the store and moves it in whole: every file there
// must be a certificate, so a half-written one, which a crash may leave for
// good, would have no signature verified.
func moveIn(root *x509.Certificate, store string) (string, error) {
	name := "sealwright-" + fingerprint(root)[:16] + ".pem"
	made, path := configPath(name), filepath.Join(store, name)
	if err := ownerfile.Write(made, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})); err != nil {
		return "", err
	}
	if err := os.MkdirAll(store, ownerfile.DirMode); err != nil {
		return "", err
	}
	if err := os.Rename(made, path); err != nil {
		return "", err
	}
	return path, durable.SyncDir(store)
}

// findRoot is the file of the store that has root, empty if there is none.
func findRoot(store string, root *x509.Certificate) (string, error) {
	files, err := os.ReadDir(store)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, file := range files {
		path := filepath.Join(store, file.Name())
		certificates, err := corex509.ReadCertificateFile(path)
		if err != nil {
			return "", fmt.Errorf("%s: every file of a trust store must be a certificate: %w", path, err)
		}
		for _, certificate := range certificates {
			if certificate.Equal(root) {
				return path, nil
			}
		}
	}
	return "", nil
}
