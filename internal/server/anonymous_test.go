package server

import (
	"encoding/base64"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/regclient/regclient"
	"github.com/regclient/regclient/config"
	"github.com/regclient/regclient/types/ref"
	orasremote "oras.land/oras-go/v2/registry/remote"
	orasauth "oras.land/oras-go/v2/registry/remote/auth"

	"github.com/sealwright/sealwright/internal/peertest"
)

// everyonePulls is a policy that opens a repository for reading.
const everyonePulls = `{"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]}]}`

// gallery is a server with a repository that everybody may read and one that
// nobody but the account may.
type gallery struct {
	*testing.T
	*Server
	host     string
	password string
	digest   v1.Hash
}

func newGallery(t *testing.T) *gallery {
	t.Helper()
	s, _ := run(t, settings(t))
	g := &gallery{T: t, Server: s, host: strings.TrimPrefix(s.URL(), "http://")}
	b := newBearer(t, s, rootOf(t, s))
	plain, err := base64.StdEncoding.DecodeString(b.token)
	must(t, err)
	g.password = strings.TrimPrefix(string(plain), "AWS:")
	image, err := random.Image(1024, 1)
	must(t, err)
	g.digest, err = image.Digest()
	must(t, err)
	client := ecr.NewFromConfig(b.config(s))
	for _, repository := range []string{"public", "private"} {
		_, err := client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &repository})
		must(t, err)
		must(t, remote.Write(g.reference(repository), image, g.loggedIn()))
	}
	_, err = client.SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("public"), PolicyText: aws.String(everyonePulls)})
	must(t, err)
	return g
}

func (g *gallery) reference(repository string) name.Reference {
	r, err := name.ParseReference(g.host+"/"+repository+":v1", name.Insecure)
	must(g, err)
	return r
}

func (g *gallery) loggedIn() remote.Option {
	return remote.WithAuth(&authn.Basic{Username: "AWS", Password: g.password})
}

// anonymously sends a request without credentials.
func (g *gallery) anonymously(method, path string) *http.Response {
	g.Helper()
	r, err := http.NewRequestWithContext(g.Context(), method, g.URL()+path, nil)
	must(g, err)
	answer, err := http.DefaultTransport.RoundTrip(r)
	must(g, err)
	answer.Body.Close()
	return answer
}

// TestEveryoneReadsWhatIsOpen: what a policy opens, and nothing else; what is not
// open looks like what is not there.
func TestEveryoneReadsWhatIsOpen(t *testing.T) {
	g := newGallery(t)
	for path, want := range map[string]int{
		"/v2/public/manifests/v1":  200,
		"/v2/public/tags/list":     401,
		"/v2/private/manifests/v1": 401,
		"/v2/absent/manifests/v1":  401,
		"/v2/_catalog":             401,
		"/v2/":                     401,
	} {
		r := g.anonymously("GET", path)
		if r.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, r.StatusCode, want)
		}
		if got := r.Header.Get("WWW-Authenticate"); want == 401 && got != `Bearer realm="`+g.URL()+`/v2/token",service="`+g.host+`"` {
			t.Errorf("GET %s: challenge %q", path, got)
		}
	}
	for _, path := range []string{"/v2/public/blobs/uploads/", "/v2/private/blobs/uploads/"} {
		if r := g.anonymously("POST", path); r.StatusCode != 401 {
			t.Errorf("POST %s: %d", path, r.StatusCode)
		}
	}
	client := ecr.NewFromConfig(newBearer(t, g.Server, rootOf(t, g.Server)).config(g.Server))
	_, err := client.DeleteRepositoryPolicy(t.Context(), &ecr.DeleteRepositoryPolicyInput{RepositoryName: aws.String("public")})
	must(t, err)
	r := g.anonymously("GET", "/v2/public/manifests/v1")
	if got := r.Header.Get("WWW-Authenticate"); r.StatusCode != 401 || !strings.HasPrefix(got, "Basic ") {
		t.Errorf("closed again: %d, challenge %q", r.StatusCode, got)
	}
	if r := g.anonymously("GET", "/v2/token"); r.StatusCode != 401 {
		t.Errorf("a token for everyone where nothing is open: %d", r.StatusCode)
	}
}

// TestClientsPullWithoutCredentials: with the libraries and programs that people
// pull with, anonymous and logged in.
func TestClientsPullWithoutCredentials(t *testing.T) {
	g := newGallery(t)
	for _, c := range []struct {
		client string
		pull   func(repository string, loggedIn bool) error
	}{
		{"go-containerregistry", g.crane}, {"regclient", g.regctl}, {"oras-go", g.oras}, {"skopeo", g.skopeo},
	} {
		t.Run(c.client, func(t *testing.T) {
			for _, pull := range []struct {
				repository         string
				loggedIn, succeeds bool
			}{{"public", false, true}, {"public", true, true}, {"private", false, false}, {"private", true, true}} {
				if err := c.pull(pull.repository, pull.loggedIn); pull.succeeds != (err == nil) {
					t.Errorf("%+v: %v", pull, err)
				}
			}
		})
	}
}

func (g *gallery) crane(repository string, loggedIn bool) error {
	auth := remote.WithAuth(authn.Anonymous)
	if loggedIn {
		auth = g.loggedIn()
	}
	image, err := remote.Image(g.reference(repository), auth)
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	content, err := layers[0].Compressed()
	if err == nil {
		content.Close()
	}
	return err
}

func (g *gallery) regctl(repository string, loggedIn bool) error {
	host := config.Host{Name: g.host, Hostname: g.host, TLS: config.TLSDisabled}
	if loggedIn {
		host.User, host.Pass = "AWS", g.password
	}
	client := regclient.New(regclient.WithConfigHost(host))
	r, err := ref.New(g.host + "/" + repository + ":v1")
	if err != nil {
		return err
	}
	_, err = client.ManifestGet(g.Context(), r)
	return err
}

func (g *gallery) oras(repository string, loggedIn bool) error {
	r, err := orasremote.NewRepository(g.host + "/" + repository)
	if err != nil {
		return err
	}
	r.PlainHTTP = true
	if loggedIn {
		r.Client = orasClient(g.host, g.password)
	}
	_, content, err := r.FetchReference(g.Context(), "v1")
	if err == nil {
		content.Close()
	}
	return err
}

func (g *gallery) skopeo(repository string, loggedIn bool) error {
	program := peertest.Program(g, "skopeo", "skopeo")
	args := []string{"copy", "--src-tls-verify=false", "--src-no-creds"}
	if loggedIn {
		args = []string{"copy", "--src-tls-verify=false", "--src-creds", "AWS:" + g.password}
	}
	_, err := exec.CommandContext(g.Context(), program, append(args, "docker://"+g.host+"/"+repository+":v1", "dir:"+g.TempDir())...).Output()
	return err
}

func orasClient(host, password string) *orasauth.Client {
	return &orasauth.Client{Credential: orasauth.StaticCredential(host, orasauth.Credential{Username: "AWS", Password: password})}
}
