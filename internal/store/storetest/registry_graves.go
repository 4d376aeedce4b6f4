package storetest

import (
	"fmt"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// many is more referrers than a store may want to delete in one transaction.
const many = 450

// buried is an image with many signatures over a blob, all deleted, and nothing
// of it swept.
type buried struct {
	subject    registry.Manifest
	signatures []registry.Manifest
	blob       ociref.Digest
}

func (s *shop) bury() (b buried) {
	b.blob = s.blob()
	b.subject = s.image()
	s.push(b.subject, "v1")
	for range many {
		sig := s.referrer(b.subject.Digest, registry.SignatureType)
		sig.Blobs = []ociref.Digest{b.blob}
		b.signatures = append(b.signatures, sig)
		s.push(sig, ociref.Tag("sig-"+sig.Digest.Hex()))
	}
	onSig := s.push(s.referrer(b.signatures[0].Digest, "application/on-sig"))
	tagged := s.push(s.referrer(b.subject.Digest, "application/sbom"), "sbom")
	gone, err := s.DeleteManifest(ctx, app, b.subject.Digest, event("BatchDeleteImage"))
	s.must(err)
	same(s, len(gone), many+3)
	same(s, gone[0], b.subject.Digest)
	s.gone(onSig.Digest)
	s.gone(tagged.Digest)
	return b
}

// sweep removes all that is left of the dead.
func (s *shop) sweep() {
	s.Helper()
	for {
		n, err := s.Sweep(ctx, 100)
		s.must(err)
		if n == 0 {
			return
		}
	}
}

// testBuried: with its subject, each of many referrers is gone at once.
func testBuried(s *shop) {
	other := s.push(s.image())
	b := s.bury()
	for _, sig := range b.signatures {
		s.gone(sig.Digest)
		_, err := s.DeleteManifest(ctx, app, sig.Digest, event("Nothing"))
		s.want(err, registry.ErrManifestNotFound)
	}
	heads, err := s.Heads(ctx, app, append(digests(b.signatures), b.subject.Digest, other.Digest))
	s.must(err)
	same(s, len(heads), 1)
	list, _, err := s.Referrers(ctx, app, b.subject.Digest, registry.ReferrerFilter{Limit: 10})
	s.must(err)
	same(s, list, nil)
	revision, err := s.ReferrersRevision(ctx, app, b.subject.Digest)
	s.must(err)
	same(s, revision, 0)
	images, err := s.Manifests(ctx, app, registry.ManifestFilter{Limit: 10})
	s.must(err)
	same(s, digests(images), []ociref.Digest{other.Digest})
	tags, err := s.Tags(ctx, app, "", 10)
	s.must(err)
	same(s, tags, nil)
	for _, sig := range b.signatures {
		s.untagged(sig)
	}
	CheckRegistry(s.T, s.RegistryStores, testAccount)
	s.sweep()
	s.must(s.UnlinkBlob(ctx, app, b.blob, event("DeleteLayer")))
}

// untagged ends the test unless nobody finds the tag of a signature that is gone.
func (s *shop) untagged(sig registry.Manifest) {
	s.Helper()
	tag := ociref.Tag("sig-" + sig.Digest.Hex())
	_, err := s.Manifest(ctx, app, ociref.Reference{Tag: tag})
	s.want(err, registry.ErrManifestNotFound)
	_, _, err = s.Untag(ctx, app, registry.Untagging{Tag: tag, DeleteLast: true}, event("Nothing"))
	s.want(err, registry.ErrManifestNotFound)
	tags, err := s.ImageTags(ctx, app, sig.Digest)
	s.must(err)
	same(s, tags, nil)
}

// testBuriedTags: a tag of what is gone is free, also an immutable one, and stays
// with who took it.
func testBuriedTags(s *shop) {
	b := s.bury()
	tag := ociref.Tag("sig-" + b.signatures[7].Digest.Hex())
	image := s.image()
	fresh := func(_ registry.Repository, _ ociref.Tag, current ociref.Digest) error {
		same(s, current, "")
		return nil
	}
	_, err := s.PutManifest(ctx, image, []ociref.Tag{tag, "v1"}, registry.Rules{Tag: fresh}, event("PutImage"))
	s.must(err)
	s.sweep()
	same(s, s.get(image.Digest).Tags, []ociref.Tag{tag, "v1"})
}

// testBuriedBlob: no manifest that is gone keeps a blob or a repository.
func testBuriedBlob(s *shop) {
	b := s.bury()
	s.must(s.UnlinkBlob(ctx, app, b.blob, event("DeleteLayer")))
	s.bury()
	_, err := s.DeleteRepository(ctx, app, false, event("DeleteRepository"))
	s.must(err)
	s.create(app.Name)
	s.sweep()
}

// testBuriedComesBack: what is pushed again is new, and brings back nothing else.
func testBuriedComesBack(s *shop) {
	b := s.bury()
	early := s.push(withWaiting(s.referrer(b.subject.Digest, "application/early"))) // beside the grave
	s.push(withWaiting(b.signatures[1]))
	list, _, err := s.Referrers(ctx, app, b.subject.Digest, registry.ReferrerFilter{Limit: 10})
	s.must(err)
	same(s, len(list), 2)
	s.push(b.subject)
	same(s, s.get(early.Digest).Waiting, false)
	for _, sig := range b.signatures[2:] {
		s.gone(sig.Digest)
	}
	s.sweep()
	same(s, s.get(early.Digest).Waiting, false)
	same(s, s.get(b.signatures[1].Digest).Waiting, false)
}

// testBuriedAsPart: a manifest that is gone is no subject and no child.
func testBuriedAsPart(s *shop) {
	b := s.bury()
	s.push(withWaiting(s.referrer(b.signatures[5].Digest, "application/on-sig")))
	b = s.bury()
	_, err := s.PutManifest(ctx, s.index(b.signatures[5].Digest), nil, freely, event("PutImage"))
	s.want(err, registry.ErrChildNotFound)
	s.sweep()
}

// testBuriedChains: with their subject, many referrers are gone that have referrers
// themselves, all of these too, and what was told to refer to them; sweeping keeps
// its steps.
func testBuriedChains(s *shop) {
	image := s.push(s.image())
	var told registry.Manifest
	var all []registry.Manifest
	for i := range many / 2 {
		if i%registry.MaxReferrals == 0 {
			told = s.push(s.kind("application/a"))
		}
		sig := s.push(s.referrer(image.Digest, registry.SignatureType))
		onSig := s.push(s.referrer(sig.Digest, "application/on-sig"))
		s.tell(sig.Digest, told.Digest)
		all = append(all, sig, onSig)
	}
	gone, err := s.DeleteManifest(ctx, app, image.Digest, event("BatchDeleteImage"))
	s.must(err)
	same(s, len(gone), 1+len(all))
	for _, m := range all {
		s.gone(m.Digest)
		(&revisions{shop: s, of: m.Digest}).none()
		same(s, s.list(m.Digest), nil)
	}
	CheckRegistry(s.T, s.RegistryStores, testAccount)
	s.push(withWaiting(all[0])) // it is new, and so is what refers to it
	same(s, s.list(all[0].Digest), nil)
	again := s.push(s.referrer(all[0].Digest, "application/on-sig"))
	same(s, digests(s.list(all[0].Digest)), []ociref.Digest{again.Digest})
	s.sweepIn(50)
	same(s, digests(s.list(all[0].Digest)), []ociref.Digest{again.Digest})
	s.gone(all[2].Digest)
}

// sweepIn sweeps in steps of about so many rows.
func (s *shop) sweepIn(limit int) {
	s.Helper()
	for n, err := s.Sweep(ctx, limit); n > 0; n, err = s.Sweep(ctx, limit) {
		s.must(err)
		if n > limit+1 { // a grave besides
			s.Fatalf("a step of %d rows took %d", limit, n)
		}
	}
}

// testSweepReferrals: each step removes as many rows as it may, also of what refers to
// much and names much.
func testSweepReferrals(s *shop) {
	var blobs []ociref.Digest
	for range 30 {
		blobs = append(blobs, s.blob())
	}
	for range 4 {
		m := s.push(s.image(blobs...))
		for range 30 {
			s.tell(s.image().Digest, m.Digest)
		}
	}
	_, err := s.DeleteRepository(ctx, app, true, event("DeleteRepository"))
	s.must(err)
	s.sweepIn(10)
	s.create(app.Name)
}

// testSweepRepository: of a repository that was deleted nothing is left in the end.
func testSweepRepository(s *shop) {
	for range 250 {
		s.push(s.image(s.blob()), ociref.Tag(fmt.Sprint("t", s.serial)))
	}
	s.bury()
	_, err := s.DeleteRepository(ctx, app, true, event("DeleteRepository"))
	s.must(err)
	s.create(app.Name)
	kept := s.push(s.image(s.blob()), "kept")
	s.sweep()
	same(s, s.get(kept.Digest).Tags, []ociref.Tag{"kept"})
}

// raceDeleteAmongPushes: a deletion has its turn however many keep pushing to the
// repository, each anew as soon as it has pushed. They end when what they build
// upon is gone.
func raceDeleteAmongPushes(s *shop) {
	child := s.push(s.image())
	pushes := make([][]registry.Manifest, 16)
	for i := range pushes {
		for range 40 {
			pushes[i] = append(pushes[i], s.referrer(child.Digest, registry.SignatureType))
		}
	}
	started := make(chan struct{}, 1)
	deleted := make(chan struct{})
	ended := make(chan []error, 1)
	go func() {
		ended <- atOnce(len(pushes), func(worker int) error {
			for i := 0; ; i = (i + 1) % len(pushes[worker]) {
				if err := s.putting(pushes[worker][i])(); err != nil {
					return err
				}
				select {
				case <-deleted:
					return nil
				case started <- struct{}{}:
				default:
				}
			}
		})
	}()
	<-started
	s.must(s.deleting(child.Digest)())
	close(deleted)
	for _, err := range <-ended {
		s.must(err)
	}
}
