package remote_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	ggcrremote "github.com/google/go-containerregistry/pkg/v1/remote"
	notationlog "github.com/notaryproject/notation-go/log"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/sealwright/sealwright/internal/remote"
)

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "LOCALHOST:1": true,
		"127.0.0.1": true, "127.0.0.1:5000": true, "127.9.8.7:80": true, "[::1]:5000": true, "[::1]": true, "::1": true,
		"localhost.example.com:5000": false, "registry.example.com": false, "128.0.0.1:5000": false,
		"10.0.0.1": false, "[::2]:5000": false, "": false, "127.0.0.1.example.com": false, "localhost@example.com": false,
	} {
		if got := remote.IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) = %v", host, got)
		}
	}
}

// serveImage starts a registry that wants the login user:secret, holds one
// image, and counts the manifest requests that passed.
func serveImage(t *testing.T) (host, digest string, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	inner := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(true))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, secret, _ := r.BasicAuth(); user != "user" || secret != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if strings.Contains(r.URL.Path, "/manifests/") {
			requests.Add(1)
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	host = strings.TrimPrefix(server.URL, "http://")
	target, err := name.ParseReference(host+"/app:v1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := ggcrremote.Write(target, empty.Image, ggcrremote.WithAuth(basic{})); err != nil {
		t.Fatal(err)
	}
	sum, err := empty.Image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	requests.Store(0)
	return host, sum.String(), requests
}

func TestADigestIsAskedForOnce(t *testing.T) {
	host, digest, requests := serveImage(t)
	repository, err := remote.NewRepository(registry.Reference{Registry: host, Repository: "app", Reference: "v1"},
		remote.RegistryOptions{Credential: auth.Credential{Username: "user", Password: "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{"v1", digest, digest, "v1"} {
		found, err := repository.Resolve(context.Background(), reference)
		if err != nil || found.Digest.String() != digest {
			t.Fatalf("%s: %v, %v", reference, found.Digest, err)
		}
	}
	if got := requests.Load(); got != 2 {
		t.Errorf("%d requests, want 2: a tag is asked for each time, a known digest never", got)
	}
}

// lines is a notation-go logger that keeps what it is told.
type lines struct {
	notationlog.Logger
	text strings.Builder
}

func (l *lines) Debugf(format string, args ...any) { fmt.Fprintf(&l.text, format+"\n", args...) }
func (l *lines) Errorf(format string, args ...any) { fmt.Fprintf(&l.text, format+"\n", args...) }

func TestTheTraceTellsNoSecret(t *testing.T) {
	host, _, _ := serveImage(t)
	kept := &lines{Logger: notationlog.Discard}
	ctx := notationlog.WithLogger(context.Background(), kept)
	repository, err := remote.NewRepository(registry.Reference{Registry: host, Repository: "app", Reference: "v1"},
		remote.RegistryOptions{Trace: true, Credential: auth.Credential{Username: "user", Password: "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := repository.Resolve(ctx, "v1"); err != nil {
		t.Fatal(err)
	}
	traced := kept.text.String()
	if !strings.Contains(traced, "HEAD http://"+host) || !strings.Contains(traced, `"Authorization": "*****"`) {
		t.Errorf("the trace lacks the request:\n%s", traced)
	}
	if strings.Contains(traced, "dXNlcjpzZWNyZXQ") {
		t.Errorf("the trace tells the password:\n%s", traced)
	}
}

// basic is the login of the registry these tests serve.
type basic struct{}

func (basic) Authorization() (*authn.AuthConfig, error) {
	return &authn.AuthConfig{Username: "user", Password: "secret"}, nil
}

// TestADeniedHeadSaysWhy: the answer to a HEAD has no body, that to a GET does.
func TestADeniedHeadSaysWhy(t *testing.T) {
	const reason = "User: arn:aws:iam::111122223333:user/eve is not authorized to perform: ecr:BatchGetImage"
	get := http.StatusForbidden
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.WriteHeader(get)
		io.WriteString(w, `{"errors":[{"code":"DENIED","message":"`+reason+`"}]}`)
	}))
	defer server.Close()
	resolve := func() error {
		repository, err := remote.NewRepository(registry.Reference{Registry: strings.TrimPrefix(server.URL, "http://"), Repository: "app", Reference: "v1"}, remote.RegistryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = repository.Resolve(t.Context(), "v1")
		return err
	}
	if err := resolve(); err == nil || !strings.Contains(err.Error(), reason) {
		t.Errorf("%v does not say why", err)
	}
	get = http.StatusOK
	if err := resolve(); err == nil || strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), "403") {
		t.Errorf("a GET that is let in: %v", err)
	}
}
