package server

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// reader is a client of a server's handler, without a network between.
type reader struct {
	testing.TB
	server   *Server
	password string
}

func newReader(b *testing.B) *reader {
	s, _ := run(b, settings(b))
	client := ecr.NewFromConfig(awsConfig(b, s))
	if _, err := client.CreateRepository(b.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		b.Fatal(err)
	}
	token, err := client.GetAuthorizationToken(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	return &reader{b, s, *token.AuthorizationData[0].AuthorizationToken}
}

func (r *reader) do(method, path string, body []byte, want int) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, r.server.URL()+path, bytes.NewReader(body))
	request.Header.Set("Authorization", "Basic "+r.password)
	answer := httptest.NewRecorder()
	if r.server.Handler().ServeHTTP(answer, request); answer.Code != want {
		r.Fatalf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
	return answer
}

// signed pushes an image with signatures and returns its digest.
func (r *reader) signed(signatures int) ociref.Digest {
	config := []byte("{}")
	blob := ociref.DigestOf(ociref.SHA256, config)
	r.do("POST", "/v2/app/blobs/uploads/?digest="+string(blob), config, http.StatusCreated)
	push := func(rest string) ociref.Digest {
		m := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},"layers":[]%s}`, registry.MediaTypeImage, blob, rest)
		d := ociref.DigestOf(ociref.SHA256, m)
		r.do("PUT", "/v2/app/manifests/"+string(d), m, http.StatusCreated)
		return d
	}
	image := push("")
	for i := range signatures {
		push(fmt.Sprintf(`,"artifactType":"application/vnd.cncf.notary.signature","subject":{"mediaType":%q,"digest":%q,"size":1},"annotations":{"io.cncf.notary.x509chain.thumbprint#S256":"[\"%064d\"]"}`, registry.MediaTypeImage, image, i))
	}
	return image
}

// BenchmarkRead is what the service itself does for reads, without the network
// and net/http's own work.
func BenchmarkRead(b *testing.B) {
	r := newReader(b)
	image := r.signed(1000)
	for name, path := range map[string]string{
		"manifest":  "/v2/app/manifests/" + string(image),
		"blob HEAD": "/v2/app/blobs/" + string(ociref.DigestOf(ociref.SHA256, []byte("{}"))),
		"referrers": "/v2/app/referrers/" + string(image),
	} {
		method := http.MethodGet
		if name == "blob HEAD" {
			method = http.MethodHead
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.do(method, path, nil, http.StatusOK)
			}
		})
	}
	b.Run("referrers, cold", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			r.do(http.MethodGet, fmt.Sprintf("/v2/app/referrers/%s?artifactType=application/vnd.cncf.notary.signature&artifactType=%d", image, i), nil, http.StatusOK)
		}
	})
}
