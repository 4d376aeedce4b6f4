package peertest

import (
	"io"
	"net/http"
)

// SDKClient is the HTTP client of AWS's SDK in tests, where nothing is tried again.
// The SDK gives a request's body up as soon as an answer begins. If net/http is only
// about to see that the body has ended, it is told an error by the body's WriteTo,
// closes the connection, and the rest of the answer is lost ("use of closed network
// connection"); outside of tests the SDK tries again. Read has no such fault.
func SDKClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 10 // as the SDK's own has it
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
