package server

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	ourRegistry   = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
	theirRegistry = "444455556666.dkr.ecr.us-east-1.amazonaws.com"
)

// harbour is a server with two accounts, under AWS's own names, which a private
// DNS leads to it.
type harbour struct {
	*testing.T
	*Server
	client       *http.Client
	ours, theirs bearer
	image        v1.Image
}

func newHarbour(t *testing.T) *harbour {
	t.Helper()
	c := settings(t)
	c.PublicURL = []string{"http://registry.example.com", "http://" + ourRegistry}
	s, _ := run(t, c)
	dns := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Address())
	}
	h := &harbour{T: t, Server: s, client: &http.Client{Transport: &http.Transport{DialContext: dns}}}
	t.Cleanup(h.client.CloseIdleConnections)
	_, root, err := s.access.CreateAccount(t.Context(), "444455556666")
	must(t, err)
	h.ours = h.bearer(rootOf(t, s))
	h.theirs = h.bearer(aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: root.Secret})
	h.image, err = random.Image(1024, 1)
	must(t, err)
	for host, b := range map[string]bearer{ourRegistry: h.ours, theirRegistry: h.theirs} {
		made, err := h.ecr(b).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
		must(t, err)
		if *made.Repository.RepositoryUri != host+"/app" {
			t.Errorf("repository %s", *made.Repository.RepositoryUri)
		}
		must(t, h.push(b, *made.Repository.RepositoryUri+":v1"))
	}
	return h
}

func (h *harbour) config(b bearer, host string) aws.Config {
	c := b.config(h.Server)
	c.HTTPClient, c.BaseEndpoint = h.client, aws.String("http://"+host)
	return c
}

func (h *harbour) ecr(b bearer) *ecr.Client {
	return ecr.NewFromConfig(h.config(b, "api.ecr.us-east-1.amazonaws.com"))
}

// bearer logs in.
func (h *harbour) bearer(c aws.Credentials) bearer {
	h.Helper()
	b := bearer{credentials: c}
	out, err := h.ecr(b).GetAuthorizationToken(h.Context(), nil)
	must(h, err)
	b.token = *out.AuthorizationData[0].AuthorizationToken
	return b
}

func (h *harbour) push(b bearer, reference string) error {
	r, err := name.ParseReference(reference, name.Insecure)
	must(h, err)
	plain, err := base64.StdEncoding.DecodeString(b.token)
	must(h, err)
	auth := &authn.Basic{Username: "AWS", Password: strings.TrimPrefix(string(plain), "AWS:")}
	return remote.Write(r, h.image, remote.WithAuth(auth), remote.WithTransport(h.client.Transport))
}

// get asks with a token, without one for the zero bearer.
func (h *harbour) get(b bearer, url string) (status int, body string) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), "GET", url, nil)
	must(h, err)
	if b.token != "" {
		r.Header.Set("Authorization", "Basic "+b.token)
	}
	answer, err := h.client.Do(r)
	must(h, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(h, err)
	return answer.StatusCode, string(text)
}

// TestTheHostNamesTheRegistry: whoever calls, and policies say whether it may.
func TestTheHostNamesTheRegistry(t *testing.T) {
	h := newHarbour(t)
	for _, tt := range []struct {
		who  string
		b    bearer
		host string
		want int
	}{
		{"we at ours", h.ours, ourRegistry, 200},
		{"they at theirs", h.theirs, theirRegistry, 200},
		{"we at theirs", h.ours, theirRegistry, 403},
		{"they at ours", h.theirs, ourRegistry, 403},
		{"they at the public URL, where credentials choose", h.theirs, "registry.example.com", 200},
		{"they at an account that is none", h.theirs, "999988887777.dkr.ecr.us-east-1.amazonaws.com", 403},
		{"another region", h.ours, "111122223333.dkr.ecr.eu-west-1.amazonaws.com", 421},
		{"below a public URL", h.ours, "111122223333.dkr.ecr.us-east-1.registry.example.com", 200},
		{"another domain", h.ours, "111122223333.dkr.ecr.us-east-1.example.org", 421},
		{"everyone", bearer{}, theirRegistry, 401},
	} {
		if status, body := h.get(tt.b, "http://"+tt.host+"/v2/app/manifests/v1"); status != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.who, status, body, tt.want)
		}
	}
	if status, body := h.get(h.ours, "http://"+theirRegistry+"/v2/_catalog"); status != 403 || !strings.Contains(body, "arn:aws:ecr:us-east-1:444455556666:repository/*") {
		t.Errorf("their catalog: %d %s", status, body)
	}
	_, err := h.ecr(h.theirs).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["ecr:BatchGetImage"]}]}`)})
	must(t, err)
	if status, body := h.get(h.ours, "http://"+theirRegistry+"/v2/app/manifests/v1"); status != 200 {
		t.Errorf("allowed by their policy: %d %s", status, body)
	}
	if err := h.push(h.ours, theirRegistry+"/app:v2"); err == nil {
		t.Error("pushed, where the policy lets pull")
	}
}

// TestEveryonePullsByTheHost: without credentials the host alone says whose
// registry is meant.
func TestEveryonePullsByTheHost(t *testing.T) {
	h := newHarbour(t)
	_, err := h.ecr(h.theirs).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: aws.String(everyonePulls)})
	must(t, err)
	for host, want := range map[string]int{theirRegistry: 200, ourRegistry: 401, "registry.example.com": 401} {
		if status, body := h.get(bearer{}, "http://"+host+"/v2/app/manifests/v1"); status != want {
			t.Errorf("%s: %d %s, want %d", host, status, body, want)
		}
		if status, body := h.get(bearer{}, "http://"+host+"/v2/token"); status != want {
			t.Errorf("%s/v2/token: %d %s, want %d", host, status, body, want)
		}
	}
	for _, host := range []string{theirRegistry, ourRegistry} {
		r, err := name.ParseReference(host+"/app:v1", name.Insecure)
		must(t, err)
		if _, err := remote.Image(r, remote.WithTransport(h.client.Transport)); (err == nil) != (host == theirRegistry) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestNamesOfRegistriesInAnswers: in AWS's shape for who came by it or names a
// registry, as Amazon's credential helper does and insists.
func TestNamesOfRegistriesInAnswers(t *testing.T) {
	h := newHarbour(t)
	public := ecr.NewFromConfig(h.config(h.ours, "registry.example.com"))
	for _, tt := range []struct {
		who    string
		client *ecr.Client
		ids    []string
		want   []string
	}{
		{"at AWS's name", h.ecr(h.theirs), nil, []string{theirRegistry}},
		{"at AWS's name, of another", h.ecr(h.theirs), []string{"111122223333"}, []string{ourRegistry}},
		{"at the public URL", public, nil, []string{"registry.example.com"}},
		{"at the public URL, named", public, []string{"111122223333", "444455556666"}, []string{ourRegistry, theirRegistry}},
	} {
		out, err := tt.client.GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{RegistryIds: tt.ids}) //lint:ignore SA1019 clients in use send it
		must(t, err)
		var got []string
		for _, d := range out.AuthorizationData {
			got = append(got, strings.TrimPrefix(*d.ProxyEndpoint, "http://"))
		}
		if strings.Join(got, " ") != strings.Join(tt.want, " ") {
			t.Errorf("%s: %v, want %v", tt.who, got, tt.want)
		}
	}
	layers, err := h.image.Layers()
	must(t, err)
	digest, err := layers[0].Digest()
	must(t, err)
	layer, err := h.ecr(h.theirs).GetDownloadUrlForLayer(t.Context(), &ecr.GetDownloadUrlForLayerInput{RepositoryName: aws.String("app"), LayerDigest: aws.String(digest.String())})
	must(t, err)
	if !strings.HasPrefix(*layer.DownloadUrl, "http://"+theirRegistry+"/v2/app/blobs/sha256:") {
		t.Error(*layer.DownloadUrl)
	}
	for host, want := range map[string]int{theirRegistry: 200, ourRegistry: 401} {
		if status, _ := h.get(bearer{}, strings.Replace(*layer.DownloadUrl, theirRegistry, host, 1)); status != want {
			t.Errorf("a ticket at %s: %d, want %d", host, status, want)
		}
	}
}

// TestServicesAnswerToNamesOfAWS: those that the SDKs take without an endpoint.
func TestServicesAnswerToNamesOfAWS(t *testing.T) {
	h := newHarbour(t)
	_, err := signer.NewFromConfig(h.config(h.ours, "signer.us-east-1.amazonaws.com")).ListSigningPlatforms(t.Context(), nil)
	must(t, err)
	for _, host := range []string{"sts.amazonaws.com", "sts.us-east-1.amazonaws.com"} {
		who, err := sts.NewFromConfig(h.config(h.theirs, host)).GetCallerIdentity(t.Context(), nil)
		must(t, err)
		if *who.Account != "444455556666" {
			t.Errorf("%s: %s", host, *who.Account)
		}
	}
	_, err = iam.NewFromConfig(h.config(h.ours, "iam.amazonaws.com")).ListUsers(t.Context(), nil)
	must(t, err)
	for host, want := range map[string]int{
		"verification.signer.us-east-1.amazonaws.com": 200, "data-signer.us-east-1.amazonaws.com": 200, "SIGNER.us-east-1.AmazonAWS.com": 200,
		"signer.eu-west-1.amazonaws.com": 421, "s3.us-east-1.amazonaws.com": 421, "amazonaws.com": 421, "x.sts.amazonaws.com": 421, "sts.amazonaws.com.evil.example": 421,
	} {
		r := request(host)
		w := httptest.NewRecorder()
		if h.Handler().ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d, want %d", host, w.Code, want)
		}
	}
}

// TestEscalationByHosts: however a host is written, it is the one that the request
// is for or the request is refused. The repository is there in both accounts; only
// our own is ours to read.
func TestEscalationByHosts(t *testing.T) {
	h := newHarbour(t)
	send := func(line string, headers ...string) string {
		t.Helper()
		c, err := net.Dial("tcp", h.Address())
		must(t, err)
		defer c.Close()
		headers = append([]string{line + " HTTP/1.1", "Authorization: Basic " + h.ours.token, "Connection: close"}, headers...)
		_, err = io.WriteString(c, strings.Join(headers, "\r\n")+"\r\n\r\n")
		must(t, err)
		answer, err := io.ReadAll(c)
		must(t, err)
		_, rest, _ := strings.Cut(string(answer), " ")
		status, _, _ := strings.Cut(rest, " ")
		return status
	}
	const get, absolute = "GET /v2/app/manifests/v1", "GET http://HOST/v2/app/manifests/v1"
	for name, test := range map[string]struct {
		line    string
		headers []string
		want    string
	}{
		"ours":                             {get, []string{"Host: " + ourRegistry}, "200"},
		"theirs":                           {get, []string{"Host: " + theirRegistry}, "403"},
		"theirs in capitals":               {get, []string{"Host: " + strings.ToUpper(theirRegistry)}, "403"},
		"theirs at a port":                 {get, []string{"Host: " + theirRegistry + ":5000"}, "403"},
		"theirs with a prefix":             {get, []string{"Host: verification." + theirRegistry}, "403"},
		"theirs with the other prefix":     {get, []string{"Host: data-" + theirRegistry}, "403"},
		"theirs in absolute form":          {strings.Replace(absolute, "HOST", theirRegistry, 1), []string{"Host: " + ourRegistry}, "403"},
		"theirs with a user":               {strings.Replace(absolute, "HOST", ourRegistry+"@"+theirRegistry, 1), []string{"Host: " + ourRegistry}, "403"},
		"ours in absolute form":            {strings.Replace(absolute, "HOST", ourRegistry, 1), []string{"Host: " + theirRegistry}, "200"},
		"forwarded for us":                 {get, []string{"Host: " + theirRegistry, "X-Forwarded-Host: " + ourRegistry, "Forwarded: host=" + ourRegistry}, "403"},
		"both":                             {get, []string{"Host: " + ourRegistry, "Host: " + theirRegistry}, "400"},
		"both in one":                      {get, []string{"Host: " + ourRegistry + ", " + theirRegistry}, "400"},
		"none":                             {get, nil, "400"},
		"a dot at the end":                 {get, []string{"Host: " + theirRegistry + "."}, "421"},
		"a label before":                   {get, []string{"Host: x." + theirRegistry}, "421"},
		"a label after":                    {get, []string{"Host: " + theirRegistry + ".example.com"}, "421"},
		"an account of 11 digits":          {get, []string{"Host: 1" + ourRegistry[2:]}, "421"},
		"an account of full-width digits":  {get, []string{"Host: １" + ourRegistry[1:]}, "400"},
		"a letter that folds into another": {get, []string{"Host: " + strings.Replace(theirRegistry, "dkr", "d\u212ar", 1)}, "400"},
		"an encoded letter":                {get, []string{"Host: " + strings.Replace(theirRegistry, "dkr", "d%6br", 1)}, "421"},
	} {
		if got := send(test.line, test.headers...); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
