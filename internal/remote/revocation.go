package remote

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/notaryproject/notation-core-go/revocation"
	corecrl "github.com/notaryproject/notation-core-go/revocation/crl"
	"github.com/notaryproject/notation-core-go/revocation/purpose"
	"github.com/notaryproject/notation-core-go/revocation/result"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/log"
	"github.com/notaryproject/notation-go/verifier/crl"
	"github.com/notaryproject/tspclient-go"
)

// How long the servers beside a registry may take, as in Notation.
const (
	ocspTimeout      = 2 * time.Second
	crlTimeout       = 5 * time.Second
	timestampTimeout = 15 * time.Second
)

// NewRevocationValidator checks certificates by OCSP and by the lists kept in
// cache, a directory. Nothing is made before it is first asked: signatures of
// the signing service never ask it.
func NewRevocationValidator(why purpose.Purpose, cache string) revocation.Validator {
	return lazyValidator{sync.OnceValues(func() (revocation.Validator, error) {
		fetcher, err := corecrl.NewHTTPFetcher(&http.Client{Timeout: crlTimeout})
		if err != nil {
			return nil, err
		}
		fetcher.DiscardCacheError = true // a list that cannot be kept can still be used
		if files, err := crl.NewFileCache(cache); err == nil {
			fetcher.Cache = files
		}
		return revocation.NewWithOptions(revocation.Options{
			OCSPHTTPClient:   &http.Client{Timeout: ocspTimeout},
			CRLFetcher:       fetcher,
			CertChainPurpose: why,
		})
	})}
}

// lazyValidator is a validator that is made when it is first asked.
type lazyValidator struct {
	make func() (revocation.Validator, error)
}

// ValidateContext checks a certificate chain.
func (v lazyValidator) ValidateContext(ctx context.Context, o revocation.ValidateContextOptions) ([]*result.CertRevocationResult, error) {
	validator, err := v.make()
	if err != nil {
		return nil, err
	}
	return validator.ValidateContext(ctx, o)
}

// SetTimestamper has options countersigned by the RFC 3161 authority at url.
// The caller sets TSARootCAs. Revoked authority certificates are refused by
// what is in cache, a directory, and by asking their issuers.
func SetTimestamper(ctx context.Context, options *notation.SignOptions, url, cache string) error {
	log.GetLogger(ctx).Infof("Configured to timestamp with TSA %q", url)
	timestamper, err := tspclient.NewHTTPTimestamper(&http.Client{Timeout: timestampTimeout}, url)
	if err != nil {
		return err
	}
	options.Timestamper = timestamper
	options.TSARevocationValidator = NewRevocationValidator(purpose.Timestamping, cache)
	return nil
}
