package ociapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/ociapi"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/blobstore"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

const account = arn.AccountID("111122223333")

// service is a registry on real stores behind a real listener.
type service struct {
	t        *testing.T
	registry *registry.Service
	access   *access.Service
	url      string // http://127.0.0.1:port
	password string
	clock    *atomic.Int64 // microseconds added to the time
	denied   *atomic.Value // the action that is refused, "" for none
}

// serve starts a service with repositories; options may change what it stands on.
func serve(t *testing.T, options func(*registry.Options, *ociapi.Options), repositories ...string) *service {
	t.Helper()
	s := &service{t: t, clock: &atomic.Int64{}, denied: &atomic.Value{}}
	s.denied.Store("")
	now := func() time.Time { return time.Now().Add(time.Duration(s.clock.Load()) * time.Microsecond) }
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "records.db"))
	must(t, err)
	t.Cleanup(func() { db.Close() })
	blobs, err := blobstore.Open(filepath.Join(t.TempDir(), "blobs"))
	must(t, err)
	sealer, err := seal.New(seal.NewKey())
	must(t, err)
	s.access, err = access.New(access.Options{Store: db.Access(), Sealer: sealer, Now: now})
	must(t, err)
	_, _, err = s.access.Bootstrap(t.Context(), account, "us-east-1")
	must(t, err)
	ro := registry.Options{Repositories: db.Repositories(), Manifests: db.Manifests(), Links: db.Links(), Blobs: blobs, Region: "us-east-1", Now: now}
	oo := ociapi.Options{Tokens: s.access, Authorizer: s}
	if options != nil {
		options(&ro, &oo)
	}
	s.registry, err = registry.New(ro)
	must(t, err)
	oo.Registry = s.registry
	server := httptest.NewServer(ociapi.New(oo))
	t.Cleanup(server.Close)
	s.url = server.URL
	s.password = s.token()
	for _, name := range repositories {
		s.create(registry.NewRepository{Key: key(name)})
	}
	return s
}

// Authorize is access's decision, save for the action a test denies.
func (s *service) Authorize(ctx context.Context, r access.Request) (access.Decision, error) {
	if r.Action == s.denied.Load() {
		return access.Decision{Allowed: false, Reason: "because the test says so"}, nil
	}
	return s.access.Authorize(ctx, r)
}

func (s *service) create(n registry.NewRepository) {
	s.t.Helper()
	_, err := s.registry.CreateRepository(s.t.Context(), n)
	must(s.t, err)
}

// token issues a registry token to root.
func (s *service) token() string {
	s.t.Helper()
	c, err := s.access.RootCredentials(s.t.Context())
	must(s.t, err)
	_, p, err := s.access.Credential(s.t.Context(), c.AccessKeyID, "")
	must(s.t, err)
	password, _, err := s.access.IssueToken(s.t.Context(), p, c.AccessKeyID)
	must(s.t, err)
	return password
}

func key(name string) registry.Key { return registry.Key{Account: account, Name: ociref.Name(name)} }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reply is an answer, read to its end.
type reply struct {
	*http.Response
	body []byte
}

// do sends a request with headers given as "Name: value".
func (s *service) do(method, path string, body io.Reader, headers ...string) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	must(s.t, err)
	r.SetBasicAuth("AWS", s.password)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return s.send(r)
}

// send sends any request.
func (s *service) send(r *http.Request) reply {
	s.t.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	must(s.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(s.t, err)
	return reply{response, body}
}

// want checks the status, and the error's code if one is given.
func (s *service) want(r reply, status int, code ...string) reply {
	s.t.Helper()
	if r.StatusCode != status {
		s.t.Fatalf("%s %s: status %d, want %d: %s", r.Request.Method, r.Request.URL.Path, r.StatusCode, status, r.body)
	}
	if len(code) > 0 && r.code() != code[0] {
		s.t.Fatalf("%s %s: code %q, want %q: %s", r.Request.Method, r.Request.URL.Path, r.code(), code[0], r.body)
	}
	return r
}

// errorBody is the body of every error.
type errorBody struct {
	Errors []struct{ Code, Message string }
}

func (r reply) error() errorBody {
	var b errorBody
	if json.Unmarshal(r.body, &b) != nil || len(b.Errors) != 1 {
		return errorBody{Errors: []struct{ Code, Message string }{{"", ""}}}
	}
	return b
}

func (r reply) code() string    { return r.error().Errors[0].Code }
func (r reply) message() string { return r.error().Errors[0].Message }

// pushBlob pushes in one request.
func (s *service) pushBlob(repository string, content []byte) ociref.Digest {
	s.t.Helper()
	d := ociref.DigestOf(ociref.SHA256, content)
	s.want(s.do("POST", "/v2/"+repository+"/blobs/uploads/?digest="+string(d), bytes.NewReader(content)), 201)
	return d
}

// imageJSON is an image manifest of a config and layers that are small texts.
func imageJSON(config string, layers []string, extra string) []byte {
	var list []string
	for _, l := range layers {
		list = append(list, descriptorJSON("application/vnd.oci.image.layer.v1.tar", []byte(l)))
	}
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]%s}`, registry.MediaTypeImage,
		descriptorJSON("application/vnd.oci.image.config.v1+json", []byte(config)), strings.Join(list, ","), extra)
}

func descriptorJSON(mediaType string, content []byte) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, mediaType, ociref.DigestOf(ociref.SHA256, content), len(content))
}

// pushImage pushes config, one layer and manifest, and returns the manifest.
func (s *service) pushImage(repository, reference, config, extra string) (ociref.Digest, []byte) {
	s.t.Helper()
	s.pushBlob(repository, []byte(config))
	s.pushBlob(repository, []byte("a layer"))
	manifest := imageJSON(config, []string{"a layer"}, extra)
	d := ociref.DigestOf(ociref.SHA256, manifest)
	if reference == "" {
		reference = string(d)
	}
	s.want(s.putManifest(repository, reference, registry.MediaTypeImage, manifest), 201)
	return d, manifest
}

func (s *service) putManifest(repository, reference, mediaType string, content []byte) reply {
	s.t.Helper()
	return s.do("PUT", "/v2/"+repository+"/manifests/"+reference, bytes.NewReader(content), "Content-Type: "+mediaType)
}
