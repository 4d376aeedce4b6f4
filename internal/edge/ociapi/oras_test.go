package ociapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// oras is oras-go's client of a repository. An old one keeps the referrers of a
// subject in an index of its own.
func (s *service) oras(name string, old bool) *remote.Repository {
	s.t.Helper()
	r, err := remote.NewRepository(strings.TrimPrefix(s.url, "http://") + "/" + name)
	must(s.t, err)
	r.PlainHTTP = true
	r.Client = &auth.Client{Credential: auth.StaticCredential(r.Reference.Registry, auth.Credential{Username: "AWS", Password: s.password})}
	if old {
		r.SkipReferrersGC = true
		must(s.t, r.SetReferrersCapability(false))
	}
	return r
}

// attached packs an artifact about a subject ("" for an image) and pushes it.
func (s *service) attached(to oras.Target, artifactType string, subject *ocispec.Descriptor, note string) ocispec.Descriptor {
	s.t.Helper()
	d, err := oras.PackManifest(s.t.Context(), to, oras.PackManifestVersion1_1, artifactType, oras.PackManifestOptions{
		Subject: subject, ManifestAnnotations: map[string]string{"note": note, ocispec.AnnotationCreated: "2026-01-02T03:04:05Z"}})
	must(s.t, err)
	return d
}

// discovered are the digests of what a client finds about a subject.
func (s *service) discovered(by *remote.Repository, subject ocispec.Descriptor, artifactType string) (found []string) {
	s.t.Helper()
	must(s.t, by.Referrers(s.t.Context(), subject, artifactType, func(page []ocispec.Descriptor) error {
		for _, d := range page {
			if d.Annotations["note"] == "" || d.ArtifactType == "" {
				s.t.Errorf("%+v has lost its annotations", d)
			}
			found = append(found, d.Digest.String())
		}
		return nil
	}))
	slices.Sort(found)
	return found
}

func digestsOf(list ...ocispec.Descriptor) (digests []string) {
	for _, d := range list {
		digests = append(digests, d.Digest.String())
	}
	slices.Sort(digests)
	return digests
}

// TestOrasReferrers: attach, discover by type, and copy with what refers to it,
// out of the registry, into it, and within it.
func TestOrasReferrers(t *testing.T) {
	s := serve(t, nil, "app", "back", "copy")
	app := s.oras("app", false)
	image := s.attached(app, "application/x-image", nil, "image")
	must(t, app.Tag(t.Context(), image, "v1"))
	sig := s.attached(app, registry.SignatureType, &image, "sig")
	sbom := s.attached(app, "application/x-sbom", &image, "sbom")
	onSBOM := s.attached(app, registry.SignatureType, &sbom, "sig of sbom")
	if got := s.discovered(app, image, ""); !slices.Equal(got, digestsOf(sig, sbom)) {
		t.Errorf("discovered %v", got)
	}
	if got := s.discovered(app, image, registry.SignatureType); !slices.Equal(got, digestsOf(sig)) {
		t.Errorf("discovered by type %v", got)
	}
	local := memory.New()
	for _, hop := range []struct {
		from oras.ReadOnlyGraphTarget
		to   oras.Target
	}{{app, local}, {local, s.oras("back", false)}, {app, s.oras("copy", false)}} {
		d, err := oras.ExtendedCopy(t.Context(), hop.from, "v1", hop.to, "v1", oras.DefaultExtendedCopyOptions)
		must(t, err)
		if d.Digest != image.Digest {
			t.Errorf("copied %s, want %s", d.Digest, image.Digest)
		}
	}
	for _, name := range []string{"back", "copy"} {
		to := s.oras(name, false)
		if got := s.discovered(to, image, ""); !slices.Equal(got, digestsOf(sig, sbom)) {
			t.Errorf("%s: discovered %v", name, got)
		}
		if got := s.discovered(to, sbom, ""); !slices.Equal(got, digestsOf(onSBOM)) {
			t.Errorf("%s: discovered %v about the sbom", name, got)
		}
	}
}

// TestReferrersTagSchema: what clients write that keep referrers by themselves,
// those who ask the API find, and the other way round.
func TestReferrersTagSchema(t *testing.T) {
	s := serve(t, nil, "app")
	old, now := s.oras("app", true), s.oras("app", false)
	image := s.attached(now, "application/x-image", nil, "image")
	tag := "/v2/app/manifests/" + strings.Replace(image.Digest.String(), ":", "-", 1)
	s.want(s.do("GET", tag, nil), 404, "MANIFEST_UNKNOWN")
	want := []ocispec.Descriptor{s.attached(now, registry.SignatureType, &image, "ours")}

	var wg sync.WaitGroup
	theirs := make([]ocispec.Descriptor, 8)
	for i := range theirs { // at once, each with a client that knows nothing of the others
		client := s.oras("app", true)
		wg.Go(func() { theirs[i] = s.attached(client, registry.SignatureType, &image, fmt.Sprint(i)) })
	}
	wg.Wait()
	want = append(want, theirs...)
	for name, by := range map[string]*remote.Repository{"old": old, "new": now} {
		if got := s.discovered(by, image, ""); !slices.Equal(got, digestsOf(want...)) {
			t.Errorf("%s client: %v, want %v", name, got, digestsOf(want...))
		}
	}
	r := s.want(s.do("GET", tag, nil), 200)
	head := s.want(s.do("HEAD", tag, nil), 200)
	if r.Header.Get("Content-Type") != registry.MediaTypeIndex || r.Header.Get("Docker-Content-Digest") == "" || head.Header.Get("Docker-Content-Digest") != r.Header.Get("Docker-Content-Digest") {
		t.Errorf("%v, HEAD %v", r.Header, head.Header)
	}
	s.want(s.do("GET", tag, nil, "If-None-Match: "+r.Header.Get("ETag")), 304)

	// An index that forgets some takes nothing away, and one is not kept.
	s.want(s.do("PUT", tag, bytes.NewReader(indexJSON("", theirs[0].Digest.String())), "Content-Type: "+registry.MediaTypeIndex), 201)
	s.want(s.do("PUT", tag, bytes.NewReader(indexJSON("")), "Content-Type: "+registry.MediaTypeIndex), 201)
	if again := s.want(s.do("GET", tag, nil), 200); !bytes.Equal(again.body, r.body) {
		t.Errorf("rewritten: %s", again.body)
	}
	if got := s.tags("app", ""); len(got) != 0 {
		t.Errorf("tags: %v", got)
	}
	s.want(s.do("DELETE", tag, nil), 404, "MANIFEST_UNKNOWN") // no tag; signatures go by their digest
	s.want(s.do("DELETE", "/v2/app/manifests/"+theirs[0].Digest.String(), nil), 202)
	if got := s.discovered(old, image, ""); !slices.Equal(got, digestsOf(append(theirs[1:], want[0])...)) {
		t.Errorf("after a deletion: %v", got)
	}
	s.want(s.do("DELETE", "/v2/app/manifests/"+image.Digest.String(), nil), 202) // and all that refers to it
	s.want(s.do("GET", tag, nil), 404, "MANIFEST_UNKNOWN")
}

// TestReferrersTagKept: an index that lists something else is kept as it is.
func TestReferrersTagKept(t *testing.T) {
	s := serve(t, nil, "app")
	image, _ := s.pushImage("app", "v1", "config", "")
	sbom, _ := s.pushImage("app", "", "sbom", "")
	sig, _ := s.pushImage("app", "", "config", subjectJSON(image, registry.SignatureType, "x"))
	tag := strings.Replace(string(image), ":", "-", 1)
	mixed := indexJSON("", string(sig), string(sbom))
	s.want(s.putManifest("app", tag, registry.MediaTypeIndex, mixed), 201)
	if r := s.want(s.do("GET", "/v2/app/manifests/"+tag, nil), 200); !bytes.Equal(r.body, mixed) {
		t.Errorf("%s", r.body)
	}
	s.want(s.putManifest("app", tag, registry.MediaTypeIndex, indexJSON("", string(sig))), 201) // a tag like any other
	var index ocispec.Index
	must(t, json.Unmarshal(s.want(s.do("GET", "/v2/app/manifests/"+tag, nil), 200).body, &index))
	if len(index.Manifests) != 1 {
		t.Errorf("%+v", index)
	}
	s.want(s.putManifest("app", "sha256-"+strings.Repeat("0", 64), registry.MediaTypeIndex, indexJSON("", "sha256:"+strings.Repeat("1", 64))), 404, "MANIFEST_BLOB_UNKNOWN")
}

// listed is an index of the referrers tag schema, as a client writes it that
// adds entries to what it read.
func (s *service) listed(tag string, entries ...ocispec.Descriptor) []byte {
	s.t.Helper()
	index := ocispec.Index{MediaType: registry.MediaTypeIndex, Manifests: []ocispec.Descriptor{}}
	index.SchemaVersion = 2
	if r := s.do("GET", tag, nil); r.StatusCode == 200 {
		must(s.t, json.Unmarshal(r.body, &index))
	}
	index.Manifests = append(index.Manifests, entries...)
	content, err := json.Marshal(index)
	must(s.t, err)
	return content
}

// TestReferralsOfOldClients: artifacts of clients that know no subject field are
// found by those who ask the API, and with them what has one; they live without
// the subject.
func TestReferralsOfOldClients(t *testing.T) {
	s := serve(t, nil, "app")
	old, now := s.oras("app", true), s.oras("app", false)
	image := s.attached(now, "application/x-image", nil, "image")
	tag := "/v2/app/manifests/" + strings.Replace(image.Digest.String(), ":", "-", 1)
	put := func(entries ...ocispec.Descriptor) {
		t.Helper()
		s.want(s.do("PUT", tag, bytes.NewReader(s.listed(tag, entries...)), "Content-Type: "+registry.MediaTypeIndex), 201)
	}
	ours := s.attached(now, registry.SignatureType, &image, "ours")
	theirs := s.attached(old, registry.SignatureType, nil, "theirs")
	sbom := s.attached(old, "application/x-sbom", nil, "sbom")
	put(theirs)
	put(sbom, sbom)
	for name, by := range map[string]*remote.Repository{"old": old, "new": now} {
		if got := s.discovered(by, image, ""); !slices.Equal(got, digestsOf(ours, theirs, sbom)) {
			t.Errorf("%s client: %v", name, got)
		}
		if got := s.discovered(by, image, registry.SignatureType); !slices.Equal(got, digestsOf(ours, theirs)) {
			t.Errorf("%s client, signatures: %v", name, got)
		}
	}
	if got := s.tags("app", ""); len(got) != 0 {
		t.Errorf("tags: %v", got)
	}
	s.want(s.do("DELETE", tag, nil), 202) // what was told by the tag
	if got := s.discovered(now, image, ""); !slices.Equal(got, digestsOf(ours)) {
		t.Errorf("without the tag: %v", got)
	}
	s.want(s.do("DELETE", tag, nil), 404, "MANIFEST_UNKNOWN")
	put(theirs, sbom)
	s.want(s.do("DELETE", "/v2/app/manifests/"+sbom.Digest.String(), nil), 202) // which no index keeps
	if got := s.discovered(old, image, ""); !slices.Equal(got, digestsOf(ours, theirs)) {
		t.Errorf("after a deletion: %v", got)
	}
	s.want(s.do("DELETE", "/v2/app/manifests/"+image.Digest.String(), nil), 202)
	s.want(s.do("GET", tag, nil), 404, "MANIFEST_UNKNOWN")
	s.want(s.do("GET", "/v2/app/manifests/"+theirs.Digest.String(), nil), 200) // nobody hung it there to die
	s.want(s.do("GET", "/v2/app/manifests/"+ours.Digest.String(), nil), 404)
}

// TestImagesNamedAfterADigest: an index of images is an image, whatever its name.
func TestImagesNamedAfterADigest(t *testing.T) {
	s := serve(t, nil, "app")
	now := s.oras("app", false)
	amd64 := s.attached(now, "application/x-image", nil, "amd64")
	amd64.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
	bare := s.attached(now, "application/x-image", nil, "bare")
	bare.ArtifactType = ""
	for i, entry := range []ocispec.Descriptor{amd64, bare} {
		tag := "/v2/app/manifests/sha256-" + strings.Repeat(fmt.Sprint(i), 64)
		index := s.listed(tag, entry)
		s.want(s.do("PUT", tag, bytes.NewReader(index), "Content-Type: "+registry.MediaTypeIndex), 201)
		if r := s.want(s.do("GET", tag, nil), 200); !bytes.Equal(r.body, index) {
			t.Errorf("%s", r.body)
		}
	}
}

// TestReferrersTagOfSHA512: its tag has half of the digest, which tells the
// subject by what the repository knows.
func TestReferrersTagOfSHA512(t *testing.T) {
	s := serve(t, nil, "app")
	s.pushBlob("app", []byte("config"))
	content := imageJSON("config", nil, "")
	image := ociref.DigestOf(ociref.SHA512, content)
	tag := "/v2/app/manifests/sha512-" + image.Hex()[:64]
	s.want(s.do("GET", tag, nil), 404, "MANIFEST_UNKNOWN")
	sig, _ := s.pushImage("app", "", "config", subjectJSON(image, registry.SignatureType, "x")) // before its subject
	var index ocispec.Index
	read := func() []string {
		t.Helper()
		index = ocispec.Index{}
		must(t, json.Unmarshal(s.want(s.do("GET", tag, nil), 200).body, &index))
		return digestsOf(index.Manifests...)
	}
	if got := read(); !slices.Equal(got, []string{string(sig)}) {
		t.Errorf("waiting: %v", got)
	}
	s.want(s.putManifest("app", string(image), registry.MediaTypeImage, content), 201)
	old := s.attached(s.oras("app", true), "application/x-sbom", nil, "old")
	s.want(s.do("PUT", tag, bytes.NewReader(s.listed(tag, old)), "Content-Type: "+registry.MediaTypeIndex), 201)
	if got, _ := s.referrersOf("/v2/app/referrers/" + string(image)); len(got) != 2 || len(read()) != 2 || len(s.tags("app", "")) != 0 {
		t.Errorf("referrers %v, under the tag %v", got, index)
	}
	s.want(s.do("DELETE", tag, nil), 202)
	if got := read(); !slices.Equal(got, []string{string(sig)}) {
		t.Errorf("without the tag: %v", got)
	}
	s.want(s.do("DELETE", "/v2/app/manifests/"+string(image), nil), 202)
	s.want(s.do("GET", tag, nil), 404, "MANIFEST_UNKNOWN")
}
