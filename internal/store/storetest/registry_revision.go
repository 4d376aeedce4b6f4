package storetest

import (
	"slices"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// revisions sees the revisions of a subject's referrers, and that none comes
// twice.
type revisions struct {
	*shop
	of   ociref.Digest
	seen []uint64
}

// now is the revision at this moment.
func (r *revisions) now() uint64 {
	r.Helper()
	revision, err := r.ReferrersRevision(ctx, app, r.of)
	r.must(err)
	return revision
}

// changed ends the test unless there is a revision that was never there before.
func (r *revisions) changed() {
	r.Helper()
	revision := r.now()
	if revision == 0 || slices.Contains(r.seen, revision) {
		r.Fatalf("revision %d after %d", revision, r.seen)
	}
	r.seen = append(r.seen, revision)
}

// stands ends the test unless the revision is the last one seen.
func (r *revisions) stands() {
	r.Helper()
	same(r.shop, r.now(), r.seen[len(r.seen)-1])
}

// none ends the test unless nothing refers to the subject.
func (r *revisions) none() {
	r.Helper()
	same(r.shop, r.now(), 0)
}

func testReferrersRevision(s *shop) {
	image, other := s.push(s.image()), s.push(s.image())
	r := &revisions{shop: s, of: image.Digest}
	r.none()
	first := s.push(s.referrer(image.Digest, "application/a"))
	r.changed()
	second := s.push(s.referrer(image.Digest, "application/b"))
	r.changed()

	created, err := s.PutManifest(ctx, withWaiting(second), []ociref.Tag{"again"}, freely, event("PutImage"))
	s.must(err)
	same(s, created, false)
	onOther := s.push(s.referrer(other.Digest, "application/a"))
	onFirst := s.push(s.referrer(first.Digest, "application/c"))
	s.push(s.image(), "v1")
	r.stands()

	for _, gone := range []registry.Manifest{onOther, onFirst} {
		_, err = s.DeleteManifest(ctx, app, gone.Digest, event("BatchDeleteImage"))
		s.must(err)
	}
	r.stands()
	_, err = s.DeleteManifest(ctx, app, first.Digest, event("BatchDeleteImage"))
	s.must(err)
	r.changed()
	_, _, err = s.Untag(ctx, app, registry.Untagging{Tag: "again", DeleteLast: true}, event("BatchDeleteImage"))
	s.must(err)
	r.none()
	s.push(s.referrer(image.Digest, "application/a"))
	r.changed()
	_, err = s.DeleteManifest(ctx, app, image.Digest, event("BatchDeleteImage"))
	s.must(err)
	r.none()
	s.push(withWaiting(s.referrer(image.Digest, "application/a")))
	r.changed()
	_, err = s.ReferrersRevision(ctx, key("team/none"), image.Digest)
	s.want(err, registry.ErrRepositoryNotFound)
}

// A repository made anew under its old name shares nothing with it.
func testRevisionOfRepositoryMadeAnew(s *shop) {
	subject := s.image()
	r := &revisions{shop: s, of: subject.Digest}
	s.push(withWaiting(s.referrer(subject.Digest, "application/a")))
	r.changed()
	_, err := s.DeleteRepository(ctx, app, true, event("DeleteRepository"))
	s.must(err)
	_, err = s.ReferrersRevision(ctx, app, subject.Digest)
	s.want(err, registry.ErrRepositoryNotFound)
	s.create(app.Name)
	r.none()
	s.push(withWaiting(s.referrer(subject.Digest, "application/a")))
	r.changed()
}
