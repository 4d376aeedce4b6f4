package signerapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
)

// RootHandler serves the root certificates, for trust stores, to anybody: they
// are public, and what people need before they have credentials. While a root is
// being replaced there are several, that of new signatures first. pem returns
// them.
func RootHandler(pem func(context.Context) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		roots, err := pem(r.Context())
		if err != nil || len(roots) == 0 {
			http.Error(w, "the root certificates cannot be told at the moment; try again", http.StatusServiceUnavailable)
			return
		}
		public(w, r, "application/pem-certificate-chain", roots) // RFC 8555, section 9.1
	})
}

// CRLPath begins the path of a revocation list; the CA's fingerprint and ".crl"
// end it.
const CRLPath = "/sealwright/crl/"

// CRLHandler serves certificate revocation lists to anybody. crl makes that of a
// CA, by its fingerprint; authority.ErrNoCRL.
//
// Source: https://www.rfc-editor.org/rfc/rfc5280#section-5; the media type is
// https://www.rfc-editor.org/rfc/rfc2585#section-4.2
func CRLHandler(crl func(ctx context.Context, issuer string) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		issuer, named := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, CRLPath), ".crl")
		if !named {
			http.Error(w, authority.ErrNoCRL.Error(), http.StatusNotFound)
			return
		}
		list, err := crl(r.Context(), issuer)
		switch {
		case errors.Is(err, authority.ErrNoCRL):
			http.Error(w, err.Error(), http.StatusNotFound)
		case err != nil:
			http.Error(w, "the revocation list cannot be made at the moment; try again", http.StatusServiceUnavailable)
		default:
			w.Header().Set("Cache-Control", "no-cache") // what was revoked a moment ago is on it
			public(w, r, "application/pkix-crl", list)
		}
	})
}

// public answers a GET with what anybody may know.
func public(w http.ResponseWriter, r *http.Request, mediaType string, content []byte) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}
