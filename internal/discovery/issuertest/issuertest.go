// Package issuertest is an OpenID Connect issuer for tests: real keys, real tokens,
// in the shapes of those that federate CI jobs and workloads.
package issuertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is an issuer that answers on loopback.
type Issuer struct {
	URL    string
	Server *httptest.Server

	t    testing.TB
	mu   sync.Mutex
	keys []key
	made int
	down bool
	asks int
}

type key struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer
}

// New starts an issuer over plain HTTP with one key, of ES256.
func New(t testing.TB) *Issuer { return start(t, httptest.NewServer) }

// NewTLS starts an issuer over TLS, with the certificate of httptest.
func NewTLS(t testing.TB) *Issuer { return start(t, httptest.NewTLSServer) }

func start(t testing.TB, listen func(http.Handler) *httptest.Server) *Issuer {
	i := &Issuer{t: t}
	i.Server = listen(i)
	i.URL = i.Server.URL
	t.Cleanup(i.Server.Close)
	i.Rotate(jose.ES256)
	return i
}

// ServeHTTP answers the configuration and the key set.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asks++
	switch {
	case i.down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case r.URL.Path == "/.well-known/openid-configuration":
		json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "response_types_supported": []string{"id_token"}})
	case r.URL.Path == "/keys":
		w.Write(i.set())
	default:
		http.NotFound(w, r)
	}
}

// KeySet is the key set, as the issuer answers it.
func (i *Issuer) KeySet() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.set()
}

func (i *Issuer) set() []byte {
	set := jose.JSONWebKeySet{}
	for _, k := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Algorithm: string(k.algorithm), Use: "sig"})
	}
	document, err := json.Marshal(set)
	if err != nil {
		i.t.Error(err)
	}
	return document
}

// Asked is how many requests there were.
func (i *Issuer) Asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asks
}

// Fail has the issuer answer errors, or no longer.
func (i *Issuer) Fail(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Rotate replaces the keys by one of an algorithm.
func (i *Issuer) Rotate(algorithm jose.SignatureAlgorithm) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.made++
	i.keys = []key{{fmt.Sprintf("key-%d", i.made), algorithm, newKey(i.t, algorithm)}}
}

// Add adds a key of an algorithm, which signs from now on.
func (i *Issuer) Add(algorithm jose.SignatureAlgorithm) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.made++
	i.keys = append(i.keys, key{fmt.Sprintf("key-%d", i.made), algorithm, newKey(i.t, algorithm)})
}

func newKey(t testing.TB, algorithm jose.SignatureAlgorithm) crypto.Signer {
	var private crypto.Signer
	var err error
	switch algorithm {
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.ES384:
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.ES512:
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// KeyID is the id of the key that signs.
func (i *Issuer) KeyID() string { return i.signer().id }

// Private is the key that signs.
func (i *Issuer) Private() crypto.Signer { return i.signer().private }

func (i *Issuer) signer() key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[len(i.keys)-1]
}

// Token makes a token that was issued at a time and lasts five minutes; claims
// replace what it says by itself. A claim of nil is left out.
func (i *Issuer) Token(issued time.Time, claims map[string]any) string {
	all := map[string]any{"iss": i.URL, "iat": issued.Unix(), "nbf": issued.Unix(), "exp": issued.Add(5 * time.Minute).Unix(), "jti": "0190"}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	payload, err := json.Marshal(all)
	if err != nil {
		i.t.Fatal(err)
	}
	return i.Sign(string(payload))
}

// Sign makes a token of any payload with the key that signs now.
func (i *Issuer) Sign(payload string) string {
	k := i.signer()
	return Sign(i.t, k.algorithm, k.private, k.id, payload)
}

// Sign makes a token with any key.
func Sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, id, payload string) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	if id != "" {
		options = options.WithHeader("kid", id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// GitHub are the claims of a GitHub Actions job.
//
// Source: https://docs.github.com/en/actions/reference/security/oidc
func GitHub(audience, repository, ref string) map[string]any {
	return map[string]any{
		"sub": "repo:" + repository + ":ref:" + ref, "aud": audience, "repository": repository, "ref": ref, "ref_type": "branch",
		"repository_id": "74", "repository_owner": "octo-org", "repository_visibility": "private", "actor": "octocat", "actor_id": "12",
		"event_name": "push", "workflow": "release", "job_workflow_ref": repository + "/.github/workflows/release.yml@" + ref,
		"run_id": "30433642", "run_attempt": "1", "runner_environment": "github-hosted", "sha": "0123456789abcdef0123456789abcdef01234567",
	}
}

// GitLab are the claims of a GitLab CI job.
//
// Source: https://docs.gitlab.com/ci/secrets/id_token_authentication/
func GitLab(audience, project, ref string) map[string]any {
	return map[string]any{
		"sub": "project_path:" + project + ":ref_type:branch:ref:" + ref, "aud": audience, "project_path": project, "project_id": "22",
		"namespace_id": "72", "namespace_path": "my-group", "user_id": "1", "user_login": "sample", "pipeline_id": "574", "pipeline_source": "push",
		"job_id": "302", "ref": ref, "ref_type": "branch", "ref_path": "refs/heads/" + ref, "ref_protected": "true", "environment_protected": "false",
		"runner_id": 1, "runner_environment": "self-hosted", "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
	}
}

// Kubernetes are the claims of a projected token of a service account.
//
// Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
func Kubernetes(audience, namespace, account string) map[string]any {
	return map[string]any{
		"sub": "system:serviceaccount:" + namespace + ":" + account, "aud": []string{audience},
		"kubernetes.io": map[string]any{
			"namespace": namespace, "serviceaccount": map[string]any{"name": account, "uid": "cc4a4d9b"},
			"pod": map[string]any{"name": "runner-0", "uid": "5e1f0a2c"}, "warnafter": 1700000000,
		},
	}
}
