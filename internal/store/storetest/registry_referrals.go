package storetest

import (
	"slices"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// tell says that manifests refer to a subject.
func (s *shop) tell(subject ociref.Digest, manifests ...ociref.Digest) {
	s.Helper()
	s.must(s.PutReferrals(ctx, app, subject, manifests, event("PutImage")))
}

// list are all referrers of a subject, two a page, each of which ends where it
// should.
func (s *shop) list(subject ociref.Digest, types ...string) (all []registry.Manifest) {
	s.Helper()
	f := registry.ReferrerFilter{ArtifactTypes: types, Limit: 2}
	for more := true; more; {
		page, next, err := s.Referrers(ctx, app, subject, f)
		s.must(err)
		if more = next; more {
			same(s, len(page), 2)
			f.After = page[1].Cursor()
		}
		all = append(all, page...)
	}
	return all
}

// kind makes a manifest of an artifact type, and no subject.
func (s *shop) kind(artifactType string) registry.Manifest {
	m := s.image()
	m.ArtifactType, m.Annotations = artifactType, map[string]string{"note": "old"}
	return m
}

// testReferrals: they are listed with the referrers, in the order of their push,
// filtered like them, each once, and each with a new revision of the list.
func testReferrals(s *shop) {
	image := s.push(s.image(), "v1")
	r := &revisions{shop: s, of: image.Digest}
	var want []registry.Manifest
	for i := range 8 {
		kind := []string{"application/a", "application/b", "application/c"}[i%3]
		m := s.kind(kind)
		if i%2 == 0 {
			m = s.referrer(image.Digest, kind)
		}
		want = append(want, referring(s.push(m)))
	}
	r.changed()
	var told []ociref.Digest
	for _, m := range want {
		if m.Subject == "" {
			told = append(told, m.Digest)
		}
	}
	before := len(s.entries())
	s.tell(image.Digest, told[:2]...)
	r.changed()
	s.tell(image.Digest, told...)
	r.changed()
	same(s, len(s.entries()), before+2)
	s.tell(image.Digest, digests(want)...) // those that refer to it by themselves, too
	s.tell(image.Digest, s.image().Digest)
	r.stands()
	same(s, len(s.entries()), before+2)

	same(s, s.list(image.Digest), want)
	for _, types := range [][]string{{"application/a"}, {"application/b", "application/c"}, {"application/d"}} {
		var some []registry.Manifest
		for _, m := range want {
			if slices.Contains(types, m.ArtifactType) {
				some = append(some, m)
			}
		}
		same(s, s.list(image.Digest, types...), some)
	}
	same(s, s.list(want[1].Digest), nil)
	s.want(s.PutReferrals(ctx, key("team/none"), image.Digest, told, event("PutImage")), registry.ErrRepositoryNotFound)
}

func testManyReferrals(s *shop) {
	m, other := s.push(s.kind("application/a")), s.push(s.kind("application/a"))
	subject := func() ociref.Digest { return s.image().Digest } // which need not be there
	for range registry.MaxReferrals {
		s.tell(subject(), m.Digest)
	}
	full := subject()
	err := s.PutReferrals(ctx, app, full, []ociref.Digest{m.Digest, other.Digest}, event("PutImage"))
	s.want(err, registry.ErrTooManyReferrals)
	same(s, s.list(full), nil)
	s.tell(full, other.Digest)
	same(s, digests(s.list(full)), []ociref.Digest{other.Digest})
}

// testReferralsEnd: a referral goes with either, and takes neither along.
func testReferralsEnd(s *shop) {
	image, other := s.push(s.image()), s.push(s.image())
	m, kept := s.push(s.kind("application/a")), s.push(s.kind("application/a"))
	on := s.push(s.referrer(m.Digest, registry.SignatureType)) // which goes with m
	r := &revisions{shop: s, of: other.Digest}
	s.tell(image.Digest, m.Digest, kept.Digest)
	s.tell(other.Digest, m.Digest)
	s.tell(on.Digest, kept.Digest)
	r.changed()
	gone, err := s.DeleteManifest(ctx, app, image.Digest, event("BatchDeleteImage"))
	s.must(err)
	same(s, gone, []ociref.Digest{image.Digest})
	same(s, s.get(m.Digest), m)
	same(s, s.list(image.Digest), nil)
	s.push(image)
	same(s, s.list(image.Digest), nil)
	same(s, digests(s.list(other.Digest)), []ociref.Digest{m.Digest})
	r.stands()

	gone, err = s.DeleteManifest(ctx, app, m.Digest, event("BatchDeleteImage"))
	s.must(err)
	same(s, gone, []ociref.Digest{m.Digest, on.Digest})
	same(s, s.list(other.Digest), nil)
	r.none()
	s.push(m)
	same(s, s.list(other.Digest), nil)
	s.push(on)
	same(s, s.list(on.Digest), nil)
	s.get(kept.Digest)
}

// testBuriedReferrals: with its subject, each of many referrals is gone at once,
// and does not come back with it.
func testBuriedReferrals(s *shop) {
	image := s.push(s.image())
	var told []ociref.Digest
	for range many {
		told = append(told, s.push(s.kind("application/a")).Digest)
	}
	s.tell(image.Digest, told...)
	sig := s.push(s.referrer(image.Digest, registry.SignatureType))
	_, err := s.DeleteManifest(ctx, app, image.Digest, event("BatchDeleteImage"))
	s.must(err)
	s.gone(sig.Digest)
	r := &revisions{shop: s, of: image.Digest}
	same(s, s.list(image.Digest), nil)
	same(s, s.list(image.Digest, "application/a"), nil)
	r.none()
	s.want(s.DeleteReferrals(ctx, app, image.Digest, event("Nothing")), registry.ErrManifestNotFound)
	early := s.push(withWaiting(s.referrer(image.Digest, "application/a")))
	same(s, digests(s.list(image.Digest)), []ociref.Digest{early.Digest})
	s.tell(image.Digest, told[7])
	same(s, digests(s.list(image.Digest)), []ociref.Digest{told[7], early.Digest})
	s.push(image)
	same(s, len(s.list(image.Digest)), 2)
	s.sweep()
	same(s, len(s.list(image.Digest)), 2)
	same(s, s.get(early.Digest).Waiting, false)
}

func testDeleteReferrals(s *shop) {
	image, other := s.push(s.image()), s.push(s.image())
	sig := s.push(s.referrer(image.Digest, registry.SignatureType))
	var told []ociref.Digest
	for range 2 * many {
		told = append(told, s.push(s.kind("application/a")).Digest)
	}
	s.tell(image.Digest, told...)
	s.tell(other.Digest, told[0])
	before := len(s.entries())
	s.must(s.DeleteReferrals(ctx, app, image.Digest, event("BatchDeleteImage")))
	same(s, len(s.entries()), before+1)
	same(s, digests(s.list(image.Digest)), []ociref.Digest{sig.Digest})
	same(s, digests(s.list(other.Digest)), told[:1])
	s.want(s.DeleteReferrals(ctx, app, image.Digest, event("Nothing")), registry.ErrManifestNotFound)
	s.want(s.DeleteReferrals(ctx, key("team/none"), image.Digest, event("Nothing")), registry.ErrRepositoryNotFound)
	same(s, len(s.entries()), before+1)
}

// raceReferral: what is told beside a deletion of the manifest or the subject
// leaves nothing that dangles.
func raceReferral(s *shop) {
	for range 20 {
		image, m := s.push(s.image()), s.push(s.kind("application/a"))
		deletes := []func() error{s.deleting(m.Digest), s.deleting(image.Digest)}
		errs := atOnce(3, func(i int) error {
			if i < 2 {
				return deletes[i]()
			}
			return s.PutReferrals(ctx, app, image.Digest, []ociref.Digest{m.Digest}, event("PutImage"))
		})
		for _, err := range errs {
			s.must(err)
		}
		same(s, s.list(image.Digest), nil)
	}
}

// testAbsorbOldTag: an index that was kept under its tag goes with it, unless
// something else knows it, and what it tells stays.
func testAbsorbOldTag(s *shop) {
	image, m := s.push(s.image()), s.push(s.kind("application/a"))
	sig := s.push(s.referrer(image.Digest, registry.SignatureType))
	absorb := func(index registry.Manifest) error {
		return s.AbsorbOldTag(ctx, app, registry.Absorption{Tag: "old", Index: index.Digest, Subject: image.Digest, Referrals: []ociref.Digest{m.Digest}}, event("PolicyExecutionEvent"))
	}
	r := &revisions{shop: s, of: image.Digest}
	r.changed()
	index := s.push(s.index(sig.Digest, m.Digest), "old")
	s.must(absorb(index))
	r.changed()
	s.gone(index.Digest)
	same(s, digests(s.list(image.Digest)), []ociref.Digest{m.Digest, sig.Digest})
	s.want(absorb(index), registry.ErrTagElsewhere)
	tags, err := s.Tags(ctx, app, "", 10)
	s.must(err)
	same(s, tags, nil)

	known := s.push(s.index(sig.Digest), "old", "v1")
	s.must(absorb(known))
	same(s, s.get(known.Digest).Tags, []ociref.Tag{"v1"})
	signed := s.push(s.index(m.Digest), "old")
	on := s.push(s.referrer(signed.Digest, registry.SignatureType))
	s.must(absorb(signed))
	s.get(signed.Digest)
	s.get(on.Digest)
	_, _, err = s.OldTag(ctx)
	s.want(err, registry.ErrManifestNotFound)
	s.must(s.KeepOldTag(ctx, app, "v1"))
	s.want(s.AbsorbOldTag(ctx, key("team/none"), registry.Absorption{}, event("Nothing")), registry.ErrRepositoryNotFound)
}

// testSubject: a digest is completed from its beginning.
func testSubject(s *shop) {
	m := s.image()
	m.Digest = ociref.DigestOf(ociref.SHA512, m.Content)
	begin := func(d ociref.Digest) string { return string(d)[:len("sha512:")+64] }
	complete := func(d ociref.Digest, want error) {
		s.Helper()
		got, err := s.Subject(ctx, app, begin(d))
		s.want(err, want)
		if want == nil {
			same(s, got, d)
		}
	}
	complete(m.Digest, registry.ErrManifestNotFound)
	s.push(withWaiting(s.referrer(m.Digest, registry.SignatureType)))
	complete(m.Digest, nil)
	s.push(m)
	complete(m.Digest, nil)
	complete(ociref.DigestOf(ociref.SHA512, nil), registry.ErrManifestNotFound)
}
