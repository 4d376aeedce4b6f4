package awshttp_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// BenchmarkHandler is a whole signed request but for the wire: what the surface
// adds to an operation.
func BenchmarkHandler(b *testing.B) {
	s, root := newAccess(b)
	h, err := awshttp.New(awshttp.Options{Authenticator: s, Authorizer: s, Region: region}, (&toy{}).signer())
	if err != nil {
		b.Fatal(err)
	}
	w := &world{Server: &httptest.Server{URL: "http://localhost:5000"}, Root: root}
	signed := w.sign(b, goodRequest())
	b.ReportAllocs()
	for b.Loop() {
		r := signed.Clone(b.Context())
		r.RequestURI, r.RemoteAddr = "/signing-jobs/with-payload", "127.0.0.1:1"
		r.Body = io.NopCloser(strings.NewReader(goodBody))
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		if answer.Code != http.StatusOK {
			b.Fatal(answer.Body)
		}
	}
}
