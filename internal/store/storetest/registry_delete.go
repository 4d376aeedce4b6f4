package storetest

import (
	"slices"
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

func testDeleteManifest(s *shop) {
	image, other := s.push(s.image(s.blob()), "v1", "v2"), s.push(s.image())
	a, b := s.push(s.referrer(image.Digest, "application/a")), s.push(s.referrer(image.Digest, "application/b"), "sbom")
	onA := s.push(s.referrer(a.Digest, "application/a"))
	onOther := s.push(s.referrer(other.Digest, "application/a"))

	gone, err := s.DeleteManifest(ctx, app, image.Digest, event("BatchDeleteImage"))
	s.must(err)
	same(s, gone[0], image.Digest)
	want := []ociref.Digest{image.Digest, a.Digest, b.Digest, onA.Digest}
	slices.Sort(gone)
	slices.Sort(want)
	same(s, gone, want)
	for _, d := range want {
		s.gone(d)
	}
	tags, err := s.Tags(ctx, app, "", 10)
	s.must(err)
	same(s, tags, nil)
	same(s, s.get(other.Digest), other)
	same(s, s.get(onOther.Digest), onOther)

	_, err = s.DeleteManifest(ctx, app, image.Digest, event("BatchDeleteImage"))
	s.want(err, registry.ErrManifestNotFound)
	_, err = s.DeleteManifest(ctx, key("team/none"), image.Digest, event("BatchDeleteImage"))
	s.want(err, registry.ErrRepositoryNotFound)
	back := image // it can come back, and is new then
	back.PushedAt = s.tick()
	created, err := s.PutManifest(ctx, back, nil, freely, event("PutImage"))
	s.must(err)
	same(s, created, true)
	same(s, s.get(image.Digest), stored(back))
}

func testDeleteInUse(s *shop) {
	child := s.push(s.image(s.blob()), "amd64")
	sig := s.push(s.referrer(child.Digest, "application/sig"))
	index := s.push(s.index(child.Digest), "v1")
	_, err := s.DeleteManifest(ctx, app, child.Digest, event("BatchDeleteImage"))
	s.want(err, registry.ErrManifestInUse)
	message, _ := fault.Message(err)
	same(s, strings.Contains(message, string(child.Digest)) && strings.Contains(message, string(index.Digest)), true)
	_, _, err = s.Untag(ctx, app, registry.Untagging{Tag: "amd64", DeleteLast: true}, event("BatchDeleteImage"))
	s.want(err, registry.ErrManifestInUse)
	same(s, s.get(child.Digest).Tags, []ociref.Tag{"amd64"})

	sigs := s.push(s.index(sig.Digest)) // a referrer that a living index lists keeps its subject
	_, err = s.DeleteManifest(ctx, app, index.Digest, event("BatchDeleteImage"))
	s.must(err)
	_, err = s.DeleteManifest(ctx, app, child.Digest, event("BatchDeleteImage"))
	s.want(err, registry.ErrManifestInUse)
	same(s, s.get(sig.Digest), sig)
	_, err = s.DeleteManifest(ctx, app, sigs.Digest, event("BatchDeleteImage"))
	s.must(err)
	_, err = s.DeleteManifest(ctx, app, child.Digest, event("BatchDeleteImage"))
	s.must(err)

	subject := s.push(s.image()) // an index that itself refers to the subject goes with it, and does not block
	part := s.push(s.referrer(subject.Digest, "application/part"))
	bundle := s.index(part.Digest)
	bundle.Subject = subject.Digest
	bundle.Content = []byte(`{"subject":{"digest":"` + string(subject.Digest) + `"},"manifests":[{"digest":"` + string(part.Digest) + `"}]}`)
	bundle.ContentSize = int64(len(bundle.Content))
	bundle.Digest = ociref.DigestOf(ociref.SHA256, bundle.Content)
	s.push(bundle)
	_, err = s.DeleteManifest(ctx, app, part.Digest, event("BatchDeleteImage"))
	s.want(err, registry.ErrManifestInUse)
	gone, err := s.DeleteManifest(ctx, app, subject.Digest, event("BatchDeleteImage"))
	s.must(err)
	same(s, len(gone), 3)
}

func testUntag(s *shop) {
	image := s.push(s.image(), "a", "b", "c")
	sig := s.push(s.referrer(image.Digest, "application/sig"))
	untag := func(tag ociref.Tag, deleteLast bool) []ociref.Digest {
		was, deleted, err := s.Untag(ctx, app, registry.Untagging{Tag: tag, DeleteLast: deleteLast}, event("BatchDeleteImage"))
		s.must(err)
		same(s, was, image.Digest)
		return deleted
	}
	elsewhere := registry.Untagging{Tag: "a", If: sig.Digest, DeleteLast: true}
	_, _, err := s.Untag(ctx, app, elsewhere, event("BatchDeleteImage"))
	s.want(err, registry.ErrTagElsewhere)
	elsewhere.If = image.Digest
	_, _, err = s.Untag(ctx, app, elsewhere, event("BatchDeleteImage"))
	s.must(err)
	same(s, s.get(image.Digest).Tags, []ociref.Tag{"b", "c"})
	same(s, untag("b", false), nil)
	same(s, untag("c", false), nil)
	same(s, s.get(image.Digest), stored(image)) // without tags, and there
	_, _, err = s.Untag(ctx, app, registry.Untagging{Tag: "c", DeleteLast: true}, event("BatchDeleteImage"))
	s.want(err, registry.ErrManifestNotFound)
	_, _, err = s.Untag(ctx, key("team/none"), registry.Untagging{Tag: "c"}, event("BatchDeleteImage"))
	s.want(err, registry.ErrRepositoryNotFound)

	_, err = s.PutManifest(ctx, image, []ociref.Tag{"d"}, freely, event("PutImage"))
	s.must(err)
	same(s, untag("d", true), []ociref.Digest{image.Digest, sig.Digest})
	s.gone(image.Digest)
	s.gone(sig.Digest)
}
