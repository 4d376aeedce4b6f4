package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// TestReferrersTagByDigest: an index that is pushed under its digest can be read
// by it, also when a tag of the referrers tag schema comes with it.
func TestReferrersTagByDigest(t *testing.T) {
	p := openPlace(t, onSQLite(t), never)
	config := p.blob(app, "{}")
	image := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"%s","size":2},"layers":[]`, config)
	put := func(content string, more registry.Push) registry.Manifest {
		t.Helper()
		more.Key, more.Content = app, []byte(content)
		m, _, err := p.Put(t.Context(), more)
		must(t, err)
		return m
	}
	subject := put(image+`}`, registry.Push{MediaType: registry.MediaTypeImage})
	entry := `{"mediaType":"` + registry.MediaTypeImage + `","digest":"%s","size":%d}`
	about := fmt.Sprintf(entry, subject.Digest, subject.ContentSize)
	signature := put(image+`,"subject":`+about+`}`, registry.Push{MediaType: registry.MediaTypeImage})
	index := `{"schemaVersion":2,"manifests":[` + fmt.Sprintf(entry, signature.Digest, signature.ContentSize) + `]}`
	named := ociref.DigestOf(ociref.SHA256, []byte(index))
	put(index, registry.Push{MediaType: registry.MediaTypeIndex, Digest: named, Tags: []ociref.Tag{ociref.Tag("sha256-" + subject.Digest.Hex())}})
	if _, err := p.Manifest(t.Context(), app, ociref.Reference{Digest: named}); err != nil {
		t.Error(err)
	}
}

// reading counts the manifests that are read with their content.
type reading struct {
	registry.ManifestStore
	contents int
}

func (r *reading) Manifest(ctx context.Context, key registry.Key, ref ociref.Reference) (registry.Manifest, error) {
	r.contents++
	return r.ManifestStore.Manifest(ctx, key, ref)
}

// TestIndexReadsNoContents: what an index costs does not grow with the sizes of the
// manifests it lists, times as often as it lists them.
func TestIndexReadsNoContents(t *testing.T) {
	s := open(t)
	entries := ""
	for _, config := range []string{"a", "b", "c"} {
		entries += fmt.Sprintf(`,{"mediaType":"`+registry.MediaTypeImage+`","digest":"%s","size":1,"artifactType":"a/b"}`, s.put(s.image(config, "")))
	}
	entries = strings.Repeat(entries, 1000)
	store := &reading{ManifestStore: s.options.Manifests}
	s.options.Manifests = store
	s.Service, _ = registry.New(s.options)
	index := []byte(`{"schemaVersion":2,"mediaType":"` + registry.MediaTypeIndex + `","manifests":[` + entries[1:] + `]}`)
	for _, tag := range []ociref.Tag{"list", "sha256-" + ociref.Tag(ociref.DigestOf(ociref.SHA256, nil).Hex())} {
		store.contents = 0
		if _, _, err := s.Put(t.Context(), registry.Push{Key: app, Content: index, Tags: []ociref.Tag{tag}}); err != nil || store.contents > 1 {
			t.Errorf("%s: %d manifests were read, %v", tag, store.contents, err)
		}
	}
}

// kept is a store with tags from before the view, as the migration left them.
type kept struct {
	registry.ManifestStore
	tags []ociref.Tag
}

func (k *kept) OldTag(context.Context) (registry.Key, ociref.Tag, error) {
	if len(k.tags) == 0 {
		return registry.Key{}, "", registry.ErrManifestNotFound
	}
	return app, k.tags[0], nil
}

func (k *kept) AbsorbOldTag(ctx context.Context, key registry.Key, a registry.Absorption, e journal.Event) error {
	k.drop(a.Tag)
	return k.ManifestStore.AbsorbOldTag(ctx, key, a, e)
}

func (k *kept) KeepOldTag(_ context.Context, _ registry.Key, tag ociref.Tag) error {
	k.drop(tag)
	return nil
}

func (k *kept) drop(tag ociref.Tag) {
	k.tags = slices.DeleteFunc(k.tags, func(t ociref.Tag) bool { return t == tag })
}

// TestOldReferrersTags: lists of referrers that were kept under their tag become
// views at the next collection, and what is anything else stays.
func TestOldReferrersTags(t *testing.T) {
	site := onSQLite(t)
	p := openPlace(t, site, never)
	config := p.blob(app, "{}")
	image := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"%s","size":2},"layers":[]`, config)
	put := func(content string, mediaType string, tags ...ociref.Tag) registry.Manifest {
		t.Helper()
		m, _, err := p.Put(t.Context(), registry.Push{Key: app, Content: []byte(content), MediaType: mediaType,
			Digest: ociref.DigestOf(ociref.SHA256, []byte(content)), Tags: tags})
		must(t, err)
		return m
	}
	entry := func(m registry.Manifest, more string) string {
		return fmt.Sprintf(`{"mediaType":"`+registry.MediaTypeImage+`","digest":"%s","size":%d%s}`, m.Digest, m.ContentSize, more)
	}
	subject := put(image+`}`, registry.MediaTypeImage)
	signature := put(image+`,"subject":`+entry(subject, "")+`}`, registry.MediaTypeImage)
	old := put(image+`,"annotations":{"old":"yes"}}`, registry.MediaTypeImage)
	tag := ociref.Tag("sha256-" + subject.Digest.Hex())
	list := put(`{"schemaVersion":2,"manifests":[`+entry(signature, "")+`,`+entry(old, `,"artifactType":"a/b"`)+`]}`, registry.MediaTypeIndex, tag)
	platform := ociref.Tag("sha256-" + signature.Digest.Hex())
	images := put(`{"schemaVersion":2,"manifests":[`+entry(old, `,"artifactType":"a/b","platform":{"os":"linux"}`)+`]}`, registry.MediaTypeIndex, platform)

	store := &kept{p.stores.ManifestStore, []ociref.Tag{tag, "sha256-" + ociref.Tag(old.Digest.Hex()), platform}}
	s, err := registry.New(registry.Options{Repositories: p.stores.RepositoryStore, Manifests: store, Links: p.stores.BlobLinkStore,
		Blobs: p.blobs, Region: "us-east-1", Now: site.now})
	must(t, err)
	_, err = s.Collect(t.Context())
	must(t, err)
	if len(store.tags) > 0 {
		t.Errorf("left: %v", store.tags)
	}
	tags, err := s.Tags(t.Context(), app, "", 10)
	must(t, err)
	if !slices.Equal(tags, []ociref.Tag{platform}) {
		t.Errorf("tags: %v", tags)
	}
	referrers, _, err := s.Referrers(t.Context(), app, subject.Digest, registry.ReferrerFilter{Limit: 10})
	must(t, err)
	if len(referrers) != 2 {
		t.Errorf("referrers: %+v", referrers)
	}
	if _, err := s.Manifest(t.Context(), app, ociref.Reference{Digest: list.Digest}); !errors.Is(err, registry.ErrManifestNotFound) {
		t.Errorf("the list: %v", err)
	}
	_, err = s.Manifest(t.Context(), app, ociref.Reference{Digest: images.Digest})
	must(t, err)
	_, err = s.DeleteManifest(t.Context(), app, signature.Digest)
	must(t, err)
}
