package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// content names a blob that nobody holds.
func (s *shop) content() registry.Blob {
	s.serial++
	return registry.Blob{Digest: ociref.DigestOf(ociref.SHA512, fmt.Appendf(nil, "content %d", s.serial)), Size: 1}
}

// found completes a blob with the claim that stands on it.
func (s *shop) found(b registry.Blob) registry.Blob {
	s.Helper()
	var err error
	b.Claim, err = s.BlobClaim(ctx, b.Digest)
	s.must(err)
	return b
}

func (s *shop) claim(b registry.Blob) bool {
	s.Helper()
	claimed, err := s.ClaimBlob(ctx, b.Digest, s.tick())
	s.must(err)
	return claimed
}

func (s *shop) linking(key registry.Key, b registry.Blob) error {
	return s.LinkBlob(ctx, key, b, event("CompleteLayerUpload"))
}

// testClaims: a claim is for what nobody holds, and turns away whoever found the
// content before.
func testClaims(s *shop) {
	other := s.create("team/other")
	b := s.found(s.content())
	same(s, b.Claim, 0)
	s.must(s.linking(other.Key, b))
	same(s, s.claim(b), false)
	same(s, s.found(b), b)
	s.must(s.UnlinkBlob(ctx, other.Key, b.Digest, event("DeleteLayer")))
	same(s, s.claim(b), true)
	s.want(s.linking(app, b), registry.ErrBlobCollected)
	first := s.found(b)
	same(s, s.claim(b), true)
	s.want(s.linking(app, first), registry.ErrBlobCollected)
	s.must(s.linking(app, s.found(b)))
	s.must(s.linking(app, first)) // it is linked, so it is there
	same(s, s.claim(b), false)

	unlinked, err := s.UnlinkedBlobs(ctx, []ociref.Digest{b.Digest, s.content().Digest})
	s.must(err)
	same(s, len(unlinked), 1)
	n, err := s.ForgetClaims(ctx, s.tick(), 10)
	s.must(err)
	same(s, n, 1)
	same(s, s.found(b).Claim, 0)
}

// testLinkAges: a link goes when no manifest has named its blob since it was
// marked, and nobody linked it again.
func testLinkAges(s *shop) {
	var digests []ociref.Digest
	for range 5 {
		b := s.content()
		s.must(s.linking(app, b))
		digests = append(digests, b.Digest)
	}
	s.must(s.linking(s.create("team/zoo").Key, s.content()))
	s.push(s.image(digests[0]))
	all, err := s.LinkStates(ctx, registry.LinkState{}, 100)
	s.must(err)
	same(s, len(all), 6)
	for i := range all { // page by page, in the same order
		var after registry.LinkState
		if i > 0 {
			after = all[i-1]
		}
		page, err := s.LinkStates(ctx, after, 1)
		s.must(err)
		same(s, page, all[i:i+1])
		same(s, all[i].Named, all[i].Digest == digests[0])
	}
	marked := s.tick()
	s.must(s.MarkLinks(ctx, app, digests[:4], marked))
	s.must(s.MarkLinks(ctx, app, digests[1:2], time.Time{}))
	s.must(s.linking(app, registry.Blob{Digest: digests[2], Size: 1}))
	gone, err := s.UnlinkUnnamed(ctx, app, digests, marked, event("Nothing"))
	s.must(err)
	same(s, gone, nil)
	gone, err = s.UnlinkUnnamed(ctx, app, digests, s.tick(), event("Expire"))
	s.must(err)
	same(s, gone, digests[3:4]) // not the named, the unmarked, the linked again, the never marked
	_, err = s.LinkedBlob(ctx, app, digests[3])
	s.want(err, registry.ErrBlobNotFound)
	_, err = s.UnlinkUnnamed(ctx, key("team/none"), digests, s.tick(), event("Nothing"))
	s.want(err, registry.ErrRepositoryNotFound)
	s.must(s.MarkLinks(ctx, key("team/none"), digests, s.tick()))
}

// raceClaims: of a claim and the links of a blob found before it, only one side
// comes through.
func raceClaims(s *shop) {
	for range 30 {
		b := s.content()
		at := s.tick()
		var claimed atomic.Bool
		errs := atOnce(4, func(i int) error {
			if i > 0 {
				return s.linking(app, b)
			}
			yes, err := s.ClaimBlob(ctx, b.Digest, at)
			claimed.Store(yes)
			return err
		})
		s.must(errs[0])
		linked := 0
		for _, err := range errs[1:] {
			if err == nil {
				linked++
			} else if !errors.Is(err, registry.ErrBlobCollected) {
				s.Fatal(err)
			}
		}
		if claimed.Load() == (linked > 0) {
			s.Fatalf("claimed: %t, and %d links", claimed.Load(), linked)
		}
	}
}

// raceUnnamed: a manifest that comes in keeps the blobs it names.
func raceUnnamed(s *shop) {
	blob := s.blob()
	s.must(s.MarkLinks(ctx, app, []ociref.Digest{blob}, s.tick()))
	before := s.tick()
	pushed, expired := s.beside(s.image(blob), func() error {
		_, err := s.UnlinkUnnamed(ctx, app, []ociref.Digest{blob}, before, event("Expire"))
		return err
	})
	s.must(pushed)
	s.must(expired)
	_, err := s.LinkedBlob(ctx, app, blob)
	s.must(err)
}
