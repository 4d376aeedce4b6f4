package cli

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	corex509 "github.com/notaryproject/notation-core-go/x509"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/remote"
)

// timestampFlags name the authority that countersigns a signature's time.
type timestampFlags struct{ url, root string }

// check refuses empty values.
func (f timestampFlags) check(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("timestamp-url") {
		return nil
	}
	if f.url == "" {
		return errors.New("timestamping: tsa url cannot be empty")
	}
	if f.root == "" {
		return errors.New("timestamping: tsa root certificate path cannot be empty")
	}
	return nil
}

// apply sets up the countersigning, if it was asked for.
func (f timestampFlags) apply(ctx context.Context, options *notation.SignOptions) error {
	if f.url == "" {
		return nil
	}
	if err := remote.SetTimestamper(ctx, options, f.url, crlCache()); err != nil {
		return fmt.Errorf("cannot get http timestamper for timestamping: %w", err)
	}
	var err error
	options.TSARootCAs, err = rootPool(f.root)
	return err
}

// crlCache is the directory of kept revocation lists.
func crlCache() string {
	path, _ := dir.CacheFS().SysPath(dir.PathCRLCache) // never fails
	return path
}

// rootPool reads the one root certificate in a file.
func rootPool(path string) (*x509.CertPool, error) {
	certificates, err := corex509.ReadCertificateFile(path)
	if err != nil {
		return nil, err
	}
	if len(certificates) != 1 {
		return nil, fmt.Errorf("found %d certificates in %q. Expecting single x509 root certificate in PEM or DER format from the file", len(certificates), path)
	}
	root := certificates[0]
	if err := root.CheckSignatureFrom(root); err != nil {
		return nil, fmt.Errorf("failed to check root certificate with error: %w", err)
	}
	if !bytes.Equal(root.RawSubject, root.RawIssuer) {
		return nil, fmt.Errorf("certificate from %q is not a root certificate. Expecting single x509 root certificate in PEM or DER format from the file", path)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return pool, nil
}
