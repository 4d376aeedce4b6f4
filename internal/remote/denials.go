package remote

import (
	"bytes"
	"io"
	"net/http"
)

// maxDenial bounds how much is read of why a request is denied, in bytes.
const maxDenial = 64 << 10

// denials finds out why a registry denies a HEAD, whose answer has no body: a GET
// of the same that is denied too says it.
type denials struct{ http.RoundTripper }

// RoundTrip sends req. A denied HEAD gets the body of the denied GET.
func (t denials) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if err != nil || req.Method != http.MethodHead || resp.StatusCode != http.StatusForbidden {
		return resp, err
	}
	again := req.Clone(req.Context())
	again.Method = http.MethodGet
	why, err := t.RoundTripper.RoundTrip(again)
	if err != nil {
		return resp, nil // it stays denied, without a reason
	}
	defer why.Body.Close()
	if why.StatusCode != http.StatusForbidden {
		return resp, nil
	}
	if body, err := io.ReadAll(io.LimitReader(why.Body, maxDenial)); err == nil {
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	return resp, nil
}
