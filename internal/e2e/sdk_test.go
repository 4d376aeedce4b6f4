package e2e

import (
	"io"
	"net/http"
)

// sdkClient is the HTTP client of AWS's SDK where nothing is tried again, as in the
// tests of internal/server, which say why.
func sdkClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 10
	return &http.Client{Transport: readOnly{t}}
}

// readOnly sends bodies that can be read, and no more.
type readOnly struct{ to http.RoundTripper }

func (o readOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r = r.WithContext(r.Context()) // a copy
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return o.to.RoundTrip(r)
}
