package peers

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	signatureType = "application/vnd.cncf.notary.signature"
	layerSize     = 3 << 20 // more than containerd reads at once
)

// resolver is containerd's as a node would configure it for a registry on
// loopback.
func (s *service) resolver(password string) remotes.Resolver {
	credentials := docker.WithAuthCreds(func(string) (string, string, error) { return "AWS", password, nil })
	return docker.NewResolver(docker.ResolverOptions{
		Hosts: docker.ConfigureDefaultRegistries(
			docker.WithPlainHTTP(docker.MatchLocalhost),
			docker.WithAuthorizer(docker.NewDockerAuthorizer(credentials)),
		),
	})
}

// shelf is a content store in a directory with ways to fill it.
type shelf struct {
	t *testing.T
	content.Store
}

func newShelf(t *testing.T) shelf {
	t.Helper()
	store, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return shelf{t, store}
}

// put stores bytes and describes them.
func (s shelf) put(mediaType string, b []byte) ocispec.Descriptor {
	s.t.Helper()
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
	if err := content.WriteBlob(s.t.Context(), s, d.Digest.String(), bytes.NewReader(b), d); err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s shelf) putJSON(mediaType string, v any) ocispec.Descriptor {
	s.t.Helper()
	b, err := json.MarshalIndent(v, "", "  ") // not as the registry would write it
	if err != nil {
		s.t.Fatal(err)
	}
	return s.put(mediaType, b)
}

func (s shelf) get(d ocispec.Descriptor) []byte {
	s.t.Helper()
	b, err := content.ReadBlob(s.t.Context(), s, d)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// image stores an image of two layers that never was before.
func (s shelf) image(architecture string) ocispec.Descriptor {
	s.t.Helper()
	platform := ocispec.Platform{OS: "linux", Architecture: architecture}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    s.putJSON(ocispec.MediaTypeImageConfig, ocispec.Image{Platform: platform}),
		Layers:    []ocispec.Descriptor{s.put(ocispec.MediaTypeImageLayer, random(layerSize)), s.put(ocispec.MediaTypeImageLayerGzip, random(100))},
	}
	d := s.putJSON(m.MediaType, m)
	d.Platform = &platform
	return d
}

// index stores images for two platforms and their index.
func (s shelf) index() ocispec.Descriptor {
	s.t.Helper()
	return s.putJSON(ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{s.image("amd64"), s.image("arm64")},
	})
}

// signature stores a manifest that refers to subject as Notation's do.
func (s shelf) signature(subject ocispec.Descriptor) ocispec.Descriptor {
	s.t.Helper()
	return s.putJSON(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: signatureType,
		Config:       s.put(ocispec.MediaTypeEmptyJSON, []byte("{}")),
		Layers:       []ocispec.Descriptor{s.put("application/jose+json", random(3000))},
		Subject:      &ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
		Annotations:  map[string]string{"io.cncf.notary.x509chain.thumbprint#S256": "[]"},
	})
}

func random(size int) []byte {
	b := make([]byte, size)
	rand.Read(b)
	return b
}

// push sends an image and all below it under a name, as `ctr images push` does.
func (s shelf) push(to remotes.Resolver, name string, d ocispec.Descriptor) {
	s.t.Helper()
	pusher, err := to.Pusher(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := remotes.PushContent(s.t.Context(), pusher, d, s, nil, platforms.All, nil); err != nil {
		s.t.Fatalf("push %s: %v", name, err)
	}
}

// pull resolves a name and fetches all that it names, as `ctr images pull` does.
// containerd checks each digest.
func (s shelf) pull(from remotes.Resolver, name string) ocispec.Descriptor {
	s.t.Helper()
	_, d, err := from.Resolve(s.t.Context(), name)
	if err != nil {
		s.t.Fatalf("resolve %s: %v", name, err)
	}
	fetcher, err := from.Fetcher(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	handler := images.Handlers(remotes.FetchHandler(s, fetcher), images.ChildrenHandler(s))
	if err := images.Dispatch(s.t.Context(), handler, nil, d); err != nil {
		s.t.Fatalf("pull %s: %v", name, err)
	}
	return d
}

// sameAs wants all that d names here to be there too, bit for bit, and returns
// how much that was.
func (s shelf) sameAs(other shelf, d ocispec.Descriptor) (count int) {
	s.t.Helper()
	handler := images.HandlerFunc(func(ctx context.Context, d ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if !bytes.Equal(s.get(d), other.get(d)) {
			s.t.Errorf("%s %s differs", d.MediaType, d.Digest)
		}
		count++
		return images.Children(ctx, s, d)
	})
	if err := images.Walk(s.t.Context(), handler, d); err != nil {
		s.t.Fatal(err)
	}
	return count
}

func TestContainerdPushesAndPulls(t *testing.T) {
	s := serve(t)
	repository := s.repository("team/app")
	for _, c := range []struct {
		tag     string
		make    func(shelf) ocispec.Descriptor
		objects int
	}{
		{"image", func(s shelf) ocispec.Descriptor { return s.image("amd64") }, 4},
		{"index", shelf.index, 9},
	} {
		t.Run(c.tag, func(t *testing.T) {
			ours, theirs := newShelf(t), newShelf(t)
			pushed := c.make(ours)
			name := repository + ":" + c.tag
			ours.push(s.resolver(s.password), name, pushed)
			pulled := theirs.pull(s.resolver(s.password), name)
			if pulled.Digest != pushed.Digest || pulled.MediaType != pushed.MediaType || pulled.Size != pushed.Size {
				t.Errorf("pulled %+v, pushed %+v", pulled, pushed)
			}
			if count := ours.sameAs(theirs, pushed); count != c.objects {
				t.Errorf("%d objects were compared, not %d", count, c.objects)
			}
			ours.push(s.resolver(s.password), name, pushed) // again: all is there
		})
	}
}

func TestContainerdMovesATag(t *testing.T) {
	s := serve(t)
	name, here := s.repository("app")+":latest", newShelf(t)
	for range 2 {
		d := here.image("amd64")
		here.push(s.resolver(s.password), name, d)
		if _, resolved, err := s.resolver(s.password).Resolve(t.Context(), name); err != nil || resolved.Digest != d.Digest {
			t.Errorf("resolved %s, want %s: %v", resolved.Digest, d.Digest, err)
		}
	}
}

func TestContainerdFindsReferrers(t *testing.T) {
	s := serve(t)
	repository, here := s.repository("app"), newShelf(t)
	to := s.resolver(s.password)
	image := here.index()
	here.push(to, repository+":1", image)
	signature := here.signature(image)
	here.push(to, repository+"@"+signature.Digest.String(), signature)

	fetcher, err := to.Fetcher(t.Context(), repository+":1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		artifactType string
		want         int
	}{{signatureType, 1}, {"application/vnd.example.sbom", 0}, {"", 1}} {
		found, err := fetchReferrers(t, fetcher, image.Digest, c.artifactType)
		if err != nil || len(found) != c.want {
			t.Fatalf("type %q: %d referrers, want %d: %v", c.artifactType, len(found), c.want, err)
		}
		if c.want == 1 {
			checkReferrer(t, found[0], signature)
		}
	}
	there := newShelf(t)
	there.pull(to, repository+"@"+signature.Digest.String())
	if here.sameAs(there, signature) != 3 {
		t.Error("the signature did not come whole")
	}
	if found, err := fetchReferrers(t, fetcher, signature.Digest, ""); err != nil || len(found) != 0 {
		t.Errorf("the signature has %d referrers, %v", len(found), err)
	}
}

func fetchReferrers(t *testing.T, from remotes.Fetcher, subject digest.Digest, artifactType string) ([]ocispec.Descriptor, error) {
	var options []remotes.FetchReferrersOpt
	if artifactType != "" {
		options = append(options, remotes.WithReferrerArtifactTypes(artifactType))
	}
	return from.(remotes.ReferrersFetcher).FetchReferrers(t.Context(), subject, options...)
}

func checkReferrer(t *testing.T, got, want ocispec.Descriptor) {
	t.Helper()
	if got.Digest != want.Digest || got.MediaType != want.MediaType || got.Size != want.Size || got.ArtifactType != signatureType || len(got.Annotations) != 1 {
		t.Errorf("listed as %+v, want %+v", got, want)
	}
}

// TestContainerdResumesABlob reads on from the middle, as containerd does after
// a connection broke.
func TestContainerdResumesABlob(t *testing.T) {
	s := serve(t)
	name, here := s.repository("app")+":1", newShelf(t)
	image := here.image("amd64")
	here.push(s.resolver(s.password), name, image)
	var m ocispec.Manifest
	if err := json.Unmarshal(here.get(image), &m); err != nil {
		t.Fatal(err)
	}
	fetcher, err := s.resolver(s.password).Fetcher(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := fetcher.Fetch(t.Context(), m.Layers[0])
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	const from = layerSize/2 + 1
	if _, err := blob.(io.Seeker).Seek(from, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(blob)
	if err != nil || !bytes.Equal(rest, here.get(m.Layers[0])[from:]) {
		t.Errorf("%d bytes from %d on differ, %v", len(rest), from, err)
	}
}

// TestContainerdMountsAcrossRepositories pushes what another repository has: the
// pusher asks for a mount where the descriptor says from where.
func TestContainerdMountsAcrossRepositories(t *testing.T) {
	s := serve(t)
	from, to, here := s.repository("from"), s.repository("to"), newShelf(t)
	d := here.put(ocispec.MediaTypeImageLayer, random(1000))
	pusher, err := s.resolver(s.password).Pusher(t.Context(), from+":1")
	if err != nil {
		t.Fatal(err)
	}
	writer, err := pusher.Push(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := content.Copy(t.Context(), writer, bytes.NewReader(here.get(d)), d.Size, d.Digest); err != nil {
		t.Fatal(err)
	}
	if pusher, err = s.resolver(s.password).Pusher(t.Context(), to+":1"); err != nil {
		t.Fatal(err)
	}
	host, _, _ := strings.Cut(s.host, ":")
	d.Annotations = map[string]string{"containerd.io/distribution.source." + host: "from"}
	if _, err := pusher.Push(t.Context(), d); !errdefs.IsAlreadyExists(err) {
		t.Errorf("a blob that another repository has was not mounted: %v", err)
	}
}

func TestContainerdIsToldWhatIsWrong(t *testing.T) {
	s := serve(t)
	name, here := s.repository("app")+":1", newShelf(t)
	here.push(s.resolver(s.password), name, here.image("amd64"))
	for what, c := range map[string]struct {
		password, name string
		is             func(error) bool
	}{
		"a wrong password":   {"wrong", name, func(err error) bool { return err != nil && strings.Contains(err.Error(), "401") }},
		"no such tag":        {s.password, s.host + "/app:2", errdefs.IsNotFound},
		"no such repository": {s.password, s.host + "/none:1", errdefs.IsNotFound},
		"no such digest":     {s.password, s.host + "/app@" + digest.FromString("none").String(), errdefs.IsNotFound},
	} {
		if _, d, err := s.resolver(c.password).Resolve(t.Context(), c.name); !c.is(err) {
			t.Errorf("%s: %v, %v", what, d.Digest, err)
		}
	}
}
