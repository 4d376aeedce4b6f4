package signerapi

import (
	"bytes"
	"net/http"
	"time"
)

// RootHandler serves the root certificate, for trust stores, to anybody: it is
// public, and it is what people need before they have credentials. pem returns
// it, or nil while there is none.
func RootHandler(pem func() []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
			return
		}
		root := pem()
		if root == nil {
			http.Error(w, "the certificate authority is not ready yet; try again", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/pem-certificate-chain") // RFC 8555, section 9.1
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(root))
	})
}
