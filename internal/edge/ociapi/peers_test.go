package ociapi_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/regclient/regclient"
	"github.com/regclient/regclient/config"
	"github.com/regclient/regclient/types/ref"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/peertest"
)

// crane is go-containerregistry's options for a service.
func (s *service) crane() []remote.Option {
	return []remote.Option{remote.WithContext(s.t.Context()), remote.WithAuth(&authn.Basic{Username: "AWS", Password: s.password})}
}

// reference names an image of the service.
func (s *service) reference(image string) name.Reference {
	s.t.Helper()
	r, err := name.ParseReference(strings.TrimPrefix(s.url, "http://") + "/" + image)
	must(s.t, err)
	return r
}

// pushIndex pushes a multi-platform index of random images and returns its bytes.
func (s *service) pushIndex(image string) []byte {
	s.t.Helper()
	index, err := random.Index(10_000, 3, 3)
	must(s.t, err)
	must(s.t, remote.WriteIndex(s.reference(image), index, s.crane()...))
	raw, err := index.RawManifest()
	must(s.t, err)
	return raw
}

// pulled pulls an index, all of its layers hashed, and returns its bytes.
func (s *service) pulled(image string) []byte {
	s.t.Helper()
	index, err := remote.Index(s.reference(image), s.crane()...)
	must(s.t, err)
	list, err := index.IndexManifest()
	must(s.t, err)
	for _, m := range list.Manifests {
		image, err := index.Image(m.Digest)
		must(s.t, err)
		s.pullLayers(image)
	}
	raw, err := index.RawManifest()
	must(s.t, err)
	return raw
}

// pullLayers reads an image's config and layers; the client checks their digests.
func (s *service) pullLayers(image v1.Image) {
	s.t.Helper()
	_, err := image.ConfigFile()
	must(s.t, err)
	layers, err := image.Layers()
	must(s.t, err)
	for _, l := range layers {
		content, err := l.Compressed()
		must(s.t, err)
		_, err = io.Copy(io.Discard, content)
		must(s.t, err)
		must(s.t, content.Close())
	}
}

func TestGoContainerRegistry(t *testing.T) {
	s := serve(t, nil, "team/app", "other")
	raw := s.pushIndex("team/app:multi")
	if got := s.pulled("team/app:multi"); !bytes.Equal(got, raw) {
		t.Error("the index came back changed")
	}
	index, err := remote.Index(s.reference("team/app:multi"), s.crane()...)
	must(t, err)
	must(t, remote.WriteIndex(s.reference("other:copy"), index, s.crane()...)) // mounts the layers
	if got := s.pulled("other:copy"); !bytes.Equal(got, raw) {
		t.Error("the copy is another index")
	}
	tags, err := remote.List(s.reference("team/app").Context(), s.crane()...)
	must(t, err)
	if len(tags) != 1 || tags[0] != "multi" {
		t.Errorf("tags: %v", tags)
	}
	s.attach(index)
}

// attach pushes a signature-like artifact and finds it among the referrers.
func (s *service) attach(subject v1.ImageIndex) {
	s.t.Helper()
	digest, err := subject.Digest()
	must(s.t, err)
	s.pushBlob("team/app", []byte("sig"))
	manifest := imageJSON("sig", nil, subjectJSON(ociref.Digest(digest.String()), "application/vnd.cncf.notary.signature", "x"))
	s.want(s.putManifest("team/app", string(ociref.DigestOf(ociref.SHA256, manifest)), "application/vnd.oci.image.manifest.v1+json", manifest), 201)
	found, err := remote.Referrers(s.reference("team/app").Context().Digest(digest.String()), s.crane()...)
	must(s.t, err)
	list, err := found.IndexManifest()
	must(s.t, err)
	if len(list.Manifests) != 1 || list.Manifests[0].ArtifactType != "application/vnd.cncf.notary.signature" {
		s.t.Errorf("referrers: %+v", list)
	}
}

func TestRegclient(t *testing.T) {
	s := serve(t, nil, "team/app", "other")
	raw := s.pushIndex("team/app:multi")
	host := strings.TrimPrefix(s.url, "http://")
	client := regclient.New(regclient.WithConfigHost(config.Host{Name: host, Hostname: host, TLS: config.TLSDisabled, User: "AWS", Pass: s.password, BlobChunk: 1 << 20, BlobMax: 4096}))
	from, err := ref.New(host + "/team/app:multi")
	must(t, err)
	to, err := ref.New(host + "/other:copy")
	must(t, err)
	must(t, client.ImageCopy(t.Context(), from, to, regclient.ImageWithReferrers()))
	if got := s.pulled("other:copy"); !bytes.Equal(got, raw) {
		t.Error("the copy is another index")
	}
	layout, err := ref.New("ocidir://" + t.TempDir() + ":multi")
	must(t, err)
	must(t, client.ImageCopy(t.Context(), from, layout))
	must(t, client.TagDelete(t.Context(), to))
	must(t, client.ImageCopy(t.Context(), layout, to)) // chunked uploads
	if got := s.pulled("other:copy"); !bytes.Equal(got, raw) {
		t.Error("the index came back from a layout changed")
	}
}

func TestSkopeo(t *testing.T) {
	peertest.Program(t, "skopeo", "skopeo")
	s := serve(t, nil, "team/app", "other", "back")
	raw := s.pushIndex("team/app:multi")
	at := "docker://" + strings.TrimPrefix(s.url, "http://")
	creds := "AWS:" + s.password
	skopeo := func(args ...string) []byte {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "skopeo", args...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("skopeo %s: %v\n%s", args[0], err, out)
		}
		return out
	}
	dir := "dir:" + t.TempDir()
	skopeo("--insecure-policy", "copy", "--all", "--src-tls-verify=false", "--src-creds", creds, at+"/team/app:multi", dir)
	skopeo("--insecure-policy", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", "--dest-creds", creds, dir, at+"/back:multi")
	skopeo("--insecure-policy", "copy", "--all", "--preserve-digests", "--src-tls-verify=false", "--src-creds", creds, "--dest-tls-verify=false", "--dest-creds", creds, at+"/back:multi", at+"/other:copy")
	for _, image := range []string{"/back:multi", "/other:copy"} {
		if got := skopeo("inspect", "--raw", "--tls-verify=false", "--creds", creds, at+image); !bytes.Equal(got, raw) {
			t.Errorf("%s came back changed", image)
		}
		s.pulled(strings.TrimPrefix(image, "/"))
	}
	if out := skopeo("list-tags", "--tls-verify=false", "--creds", creds, at+"/other"); !bytes.Contains(out, []byte(`"copy"`)) {
		t.Errorf("list-tags: %s", out)
	}
	skopeo("delete", "--tls-verify=false", "--creds", creds, at+"/other:copy")
	if got := s.do("GET", "/v2/other/manifests/copy", nil); got.StatusCode != 404 {
		t.Errorf("after delete: %d", got.StatusCode)
	}
}
