package storetest

import (
	"slices"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

func testRepositories(s *shop) {
	full := registry.Repository{Key: key("team/full"), Region: testRegion, Mutability: registry.ImmutableWithExclusion,
		Exclusions: []string{"latest*", "dev-*"}, Tags: map[string]string{"Owner": "Ünïted", "empty": ""}, ScanOnPush: true, CreatedAt: s.tick()}
	s.must(s.CreateRepository(ctx, full, event("CreateRepository")))
	got, err := s.Repository(ctx, full.Key)
	s.must(err)
	same(s, got, full)

	other := full
	other.Mutability = registry.Mutable
	s.want(s.CreateRepository(ctx, other, event("CreateRepository")), registry.ErrRepositoryExists)
	got, err = s.Repository(ctx, full.Key)
	s.must(err)
	same(s, got, full)

	_, err = s.Repository(ctx, key("team/none"))
	s.want(err, registry.ErrRepositoryNotFound)
}

func testRepositoryPages(s *shop) {
	names := []ociref.Name{"a-b", "a.b", "a/b", "a0", "aa", "a_b", "team/app", "zz"} // in no order of bytes
	for _, n := range names {
		if n != app.Name {
			s.create(n)
		}
	}
	slices.Sort(names)
	var got []ociref.Name
	var after ociref.Name
	for {
		page, err := s.Repositories(ctx, testAccount, after, 3)
		s.must(err)
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			got = append(got, r.Name)
		}
		after = got[len(got)-1]
	}
	same(s, got, names)
	none, err := s.Repositories(ctx, otherAccount, "", 10)
	s.must(err)
	same(s, none, nil)
}

func testDeleteRepository(s *shop) {
	_, err := s.DeleteRepository(ctx, key("team/none"), true, event("DeleteRepository"))
	s.want(err, registry.ErrRepositoryNotFound)

	image := s.push(s.image(s.blob()), "v1")
	s.push(s.index(image.Digest))
	s.push(s.referrer(image.Digest, "application/sig"))
	_, err = s.DeleteRepository(ctx, app, false, event("DeleteRepository"))
	s.want(err, registry.ErrRepositoryNotEmpty)
	same(s, s.get(image.Digest).Tags, []ociref.Tag{"v1"})

	want, err := s.Repository(ctx, app)
	s.must(err)
	was, err := s.DeleteRepository(ctx, app, true, event("DeleteRepository"))
	s.must(err)
	same(s, was, want)
	_, err = s.Repository(ctx, app)
	s.want(err, registry.ErrRepositoryNotFound)

	s.create(app.Name) // of the same name, and nothing comes back with it
	s.gone(image.Digest)
	_, err = s.LinkedBlob(ctx, app, s.image(image.Digest).Blobs[0])
	s.want(err, registry.ErrBlobNotFound)

	s.blob() // blobs alone do not keep a repository
	_, err = s.DeleteRepository(ctx, app, false, event("DeleteRepository"))
	s.must(err)
}

func testAccounts(s *shop) {
	image := s.push(s.image(s.blob()), "v1")
	theirs := registry.Key{Account: otherAccount, Name: app.Name}
	_, err := s.Repository(ctx, theirs)
	s.want(err, registry.ErrRepositoryNotFound)
	s.must(s.CreateRepository(ctx, registry.Repository{Key: theirs, Region: testRegion, Mutability: registry.Mutable, CreatedAt: s.tick()}, event("CreateRepository")))
	_, err = s.Manifest(ctx, theirs, ociref.Reference{Digest: image.Digest})
	s.want(err, registry.ErrManifestNotFound)
	_, err = s.Manifest(ctx, theirs, ociref.Reference{Tag: "v1"})
	s.want(err, registry.ErrManifestNotFound)
	_, err = s.LinkedBlob(ctx, theirs, s.blob())
	s.want(err, registry.ErrBlobNotFound)
	_, err = s.DeleteManifest(ctx, theirs, image.Digest, event("BatchDeleteImage"))
	s.want(err, registry.ErrManifestNotFound)

	copied := s.image()
	copied.Key = theirs
	s.push(copied)
	_, err = s.DeleteRepository(ctx, theirs, true, event("DeleteRepository"))
	s.must(err)
	same(s, s.get(image.Digest), image)
}
