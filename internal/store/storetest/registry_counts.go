package storetest

import (
	"errors"
	"sync/atomic"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// counts are those of one repository.
func (s *shop) counts(k registry.Key) registry.Counts {
	s.Helper()
	all, err := s.Counts(ctx, k.Account, []ociref.Name{k.Name, "absent"})
	s.must(err)
	same(s, len(all), 1)
	return all[k.Name]
}

// atMost puts a manifest in a repository that may hold so many.
func (s *shop) atMost(most int64, m registry.Manifest, tags ...ociref.Tag) error {
	_, err := s.PutManifest(ctx, m, tags, registry.Rules{MaxImages: most}, event("PutImage"))
	return err
}

func testCounts(s *shop) {
	same(s, s.counts(app), registry.Counts{})
	image := s.push(s.image(s.blob()), "v1")
	sig := s.push(s.referrer(image.Digest, registry.SignatureType))
	s.push(s.referrer(sig.Digest, "application/sbom"))
	early := s.push(s.referrer(s.image().Digest, registry.SignatureType)) // waits
	same(s, s.counts(app), registry.Counts{Images: 4, Signatures: 2})

	s.must(s.putting(image, "v2")()) // there already
	same(s, s.counts(app), registry.Counts{Images: 4, Signatures: 2})
	_, err := s.DeleteWaiting(ctx, app, early.Digest, event("Expire"))
	s.must(err)
	same(s, s.counts(app), registry.Counts{Images: 3, Signatures: 1})
	s.must(s.deleting(image.Digest)())
	same(s, s.counts(app), registry.Counts{})

	last := s.push(s.image(), "only")
	_, _, err = s.Untag(ctx, app, registry.Untagging{Tag: "only", DeleteLast: true}, event("BatchDeleteImage"))
	s.must(err)
	s.gone(last.Digest)
	same(s, s.counts(app), registry.Counts{})
}

// A full repository takes nothing new, and loses nothing for it.
func testQuota(s *shop) {
	first, second, third := s.image(s.blob()), s.image(), s.image()
	sig := s.referrer(first.Digest, registry.SignatureType)
	s.must(s.atMost(2, first, "a"))
	s.must(s.atMost(2, sig))
	s.want(s.atMost(2, second, "a", "b"), registry.ErrTooManyImages)
	s.want(s.atMost(2, s.referrer(first.Digest, registry.SignatureType)), registry.ErrTooManyImages)
	s.want(s.atMost(2, s.referrer(third.Digest, registry.SignatureType)), registry.ErrTooManyImages)
	s.gone(second.Digest)
	same(s, s.get(first.Digest).Tags, []ociref.Tag{"a"}) // the tag did not move

	s.must(s.atMost(2, first, "a", "c")) // what is there may be tagged
	s.must(s.atMost(1, sig))             // even beyond a quota that was lowered
	s.must(s.atMost(0, third))           // no quota
	s.want(s.atMost(2, second), registry.ErrTooManyImages)
	s.must(s.deleting(first.Digest)())
	s.must(s.atMost(2, second))
	same(s, s.counts(app), registry.Counts{Images: 2})
}

// Of pushes that come at once, as many get in as there is room for.
func raceQuota(s *shop) {
	var images []registry.Manifest
	for range 16 {
		images = append(images, s.image())
	}
	var in, refused atomic.Int32
	s.must(errors.Join(atOnce(16, func(i int) error {
		err := s.atMost(5, images[i], "latest")
		switch {
		case err == nil:
			in.Add(1)
		case errors.Is(err, registry.ErrTooManyImages):
			refused.Add(1)
			err = nil
		}
		return err
	})...))
	same(s, in.Load(), 5)
	same(s, refused.Load(), 11)
	same(s, s.counts(app), registry.Counts{Images: 5})
}

// testTagQuota: an image has as many tags as it may, and what is refused changes
// nothing.
func testTagQuota(s *shop) {
	image := s.push(s.image(), "a", "b", "c")
	tag := func(m registry.Manifest, tags ...ociref.Tag) error {
		_, err := s.PutManifest(ctx, m, tags, registry.Rules{MaxTags: 3}, event("PutImage"))
		return err
	}
	s.want(tag(image, "c", "d"), registry.ErrTooManyImageTags)
	s.must(tag(image, "a", "c"))
	same(s, s.get(image.Digest).Tags, []ociref.Tag{"a", "b", "c"})
	other := s.image(s.blob())
	s.want(tag(other, "1", "2", "3", "4"), registry.ErrTooManyImageTags)
	s.gone(other.Digest)
	s.must(tag(other, "a", "1", "2"))
	s.must(tag(image, "d"))
	same(s, s.get(image.Digest).Tags, []ociref.Tag{"b", "c", "d"})
}
