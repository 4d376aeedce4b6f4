package ociapi_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/notaryproject/notation-go/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/regclient/regclient"
	"github.com/regclient/regclient/config"
	"github.com/regclient/regclient/scheme/reg"
	"github.com/regclient/regclient/types/manifest"
	"github.com/regclient/regclient/types/ref"
	"oras.land/oras-go/v2"

	"github.com/sealwright/sealwright/internal/ociref"
)

// TestNotationTagSchema: signatures that notation pushes without the referrers
// API, and those from before manifests had subjects, are found by each notation.
func TestNotationTagSchema(t *testing.T) {
	s := serve(t, nil, "app")
	target := s.oras("app", true)
	old, now := registry.NewRepository(target), registry.NewRepository(s.oras("app", false))
	image := s.attached(target, "application/x-image", nil, "image")
	_, pushed, err := old.PushSignature(t.Context(), "application/jose+json", []byte("{}"), image, map[string]string{"note": "old"})
	must(t, err)
	envelope, err := oras.PushBytes(t.Context(), target, "application/jose+json", []byte("{ }"))
	must(t, err)
	before, err := oras.PackManifest(t.Context(), target, oras.PackManifestVersion1_1, registry.ArtifactTypeNotation, oras.PackManifestOptions{Layers: []ocispec.Descriptor{envelope}})
	must(t, err)
	tag := "/v2/app/manifests/" + strings.Replace(image.Digest.String(), ":", "-", 1)
	s.want(s.do("PUT", tag, bytes.NewReader(s.listed(tag, before)), "Content-Type: "+ocispec.MediaTypeImageIndex), 201)
	for name, by := range map[string]registry.Repository{"old": old, "new": now} {
		var found []string
		must(t, by.ListSignatures(t.Context(), image, func(list []ocispec.Descriptor) error {
			for _, d := range list {
				_, _, err := by.FetchSignatureBlob(t.Context(), d)
				must(t, err)
				found = append(found, d.Digest.String())
			}
			return nil
		}))
		if slices.Sort(found); !slices.Equal(found, digestsOf(pushed, before)) {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// withoutReferrers is a way to a registry that does not know the referrers API.
type withoutReferrers struct{}

func (withoutReferrers) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "/referrers/") {
		return &http.Response{StatusCode: 404, Body: http.NoBody, Header: http.Header{}, Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		response.Header.Del("OCI-Subject")
	}
	return response, err
}

// TestRegclientTagSchema: regclient attaches, lists and deletes without the API.
func TestRegclientTagSchema(t *testing.T) {
	s := serve(t, nil, "app")
	image, content := s.pushImage("app", "v1", "config", "")
	host := strings.TrimPrefix(s.url, "http://")
	open := func(options ...reg.Opts) *regclient.RegClient {
		return regclient.New(regclient.WithRegOpts(options...), regclient.WithConfigHost(config.Host{Name: host, Hostname: host, TLS: config.TLSDisabled, User: "AWS", Pass: s.password}))
	}
	old, now := open(reg.WithHTTPClient(&http.Client{Transport: withoutReferrers{}})), open()
	subject, err := ref.New(host + "/app:v1")
	must(t, err)
	subject = subject.SetDigest(string(image))
	var pushed []ref.Ref
	for _, note := range []string{"a", "b"} {
		m, err := manifest.New(manifest.WithRaw(imageJSON("config", nil, subjectJSON(image, "application/x-sbom", note))))
		must(t, err)
		at := subject.SetDigest(m.GetDescriptor().Digest.String())
		must(t, old.ManifestPut(t.Context(), at, m))
		pushed = append(pushed, at)
	}
	check := func(want ...ref.Ref) {
		t.Helper()
		for name, client := range map[string]*regclient.RegClient{"old": old, "new": now} {
			list, err := client.ReferrerList(t.Context(), subject)
			must(t, err)
			if len(list.Descriptors) != len(want) {
				t.Errorf("%s: %+v", name, list.Descriptors)
			}
		}
	}
	check(pushed...)
	must(t, old.ManifestDelete(t.Context(), pushed[0], regclient.WithManifestCheckReferrers()))
	must(t, old.ManifestDelete(t.Context(), pushed[1], regclient.WithManifestCheckReferrers()))
	if got, _ := s.referrersOf("/v2/app/referrers/" + string(image)); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	if got := s.tags("app", ""); !slices.Equal(got, []string{"v1"}) {
		t.Errorf("tags: %v", got)
	}
	if got := s.want(s.do("GET", "/v2/app/manifests/"+string(image), nil), 200); ociref.DigestOf(ociref.SHA256, content) != image || len(got.body) != len(content) {
		t.Error("the subject is another one")
	}
}
