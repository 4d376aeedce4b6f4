package storetest

import (
	"bytes"
	"fmt"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// brought names a blob that comes with its content.
func (s *shop) brought() registry.Blob {
	s.serial++
	content := fmt.Appendf(nil, "content %d", s.serial)
	return registry.Blob{Digest: ociref.DigestOf(ociref.SHA512, content), Size: int64(len(content)), Content: content}
}

// kept checks that the records keep a blob's content.
func (s *shop) kept(b registry.Blob) {
	s.Helper()
	content, err := s.BlobContent(ctx, b.Digest)
	if err != nil || !bytes.Equal(content, b.Content) {
		s.Errorf("content of %s is %q, %v", b.Digest, content, err)
	}
}

// sweepContents goes through all contents, some at a time.
func (s *shop) sweepContents(limit int) (gone []registry.Blob) {
	s.Helper()
	for next, pages := ociref.Digest(""), 0; ; pages++ {
		var page []registry.Blob
		var err error
		page, next, err = s.SweepContents(ctx, next, limit, s.tick())
		s.must(err)
		if gone = append(gone, page...); next == "" {
			return gone
		}
		if pages > 1000 {
			s.Fatal("it never ends")
		}
	}
}

// testContents: what comes with a link is kept for all who hold the blob, and goes
// when nobody does.
func testContents(s *shop) {
	other := s.create("team/other")
	b := s.brought()
	_, err := s.BlobContent(ctx, b.Digest)
	s.want(err, registry.ErrBlobNotFound)
	s.want(s.linking(key("team/none"), b), registry.ErrRepositoryNotFound)
	_, err = s.BlobContent(ctx, b.Digest)
	s.want(err, registry.ErrBlobNotFound) // one transaction
	s.must(s.linking(app, b))
	s.kept(b)
	s.must(s.linking(app, b)) // again is fine
	mount := s.found(registry.Blob{Digest: b.Digest, Size: b.Size})
	s.must(s.linking(other.Key, mount))
	empty := registry.Blob{Digest: ociref.DigestOf(ociref.SHA256, nil), Content: []byte{}}
	s.must(s.linking(app, empty))
	s.kept(empty)

	same(s, s.sweepContents(1), nil)
	s.must(s.UnlinkBlob(ctx, app, b.Digest, event("DeleteLayer")))
	same(s, s.sweepContents(1), nil)
	s.must(s.UnlinkBlob(ctx, other.Key, b.Digest, event("DeleteLayer")))
	same(s, s.sweepContents(1), []registry.Blob{{Digest: b.Digest, Size: b.Size}})
	_, err = s.BlobContent(ctx, b.Digest)
	s.want(err, registry.ErrBlobNotFound)
	s.kept(empty)

	s.want(s.linking(other.Key, mount), registry.ErrBlobCollected)
	s.must(s.linking(app, b)) // whatever was claimed
	s.kept(b)
	s.must(s.linking(other.Key, s.found(mount)))
}

// testContentOfHeld: a blob that is held, and whose content lies elsewhere, has it
// kept when it comes again; and a claim does not need it.
func testContentOfHeld(s *shop) {
	b := s.brought()
	elsewhere := registry.Blob{Digest: b.Digest, Size: b.Size}
	s.must(s.linking(app, elsewhere))
	s.must(s.linking(app, b))
	s.kept(b)
	same(s, s.claim(b), false)
	s.must(s.UnlinkBlob(ctx, app, b.Digest, event("DeleteLayer")))
	same(s, s.claim(b), true)
	same(s, len(s.sweepContents(100)), 1)
}

// testManyContents: pages and batches, and blobs that are held among them.
func testManyContents(s *shop) {
	const count = 200
	var held []registry.Blob
	for i := range count {
		b := s.brought()
		s.must(s.linking(app, b))
		if i%10 == 0 {
			held = append(held, b)
			continue
		}
		s.must(s.UnlinkBlob(ctx, app, b.Digest, event("DeleteLayer")))
	}
	first, next, err := s.SweepContents(ctx, "", 30, s.tick())
	s.must(err)
	if len(first) > 30 || next == "" {
		s.Fatalf("a page of 30 has %d, next %q", len(first), next)
	}
	same(s, len(first)+len(s.sweepContents(150)), count-len(held))
	for _, b := range held {
		s.kept(b)
	}
}

// raceContents: of a sweep, a push and a mount of one blob, whatever came first,
// who was told that it holds the blob finds its content.
func raceContents(s *shop) {
	other := s.create("team/other")
	for range 30 {
		b := s.brought()
		s.must(s.linking(app, b))
		mount := s.found(registry.Blob{Digest: b.Digest, Size: b.Size})
		s.must(s.UnlinkBlob(ctx, app, b.Digest, event("DeleteLayer")))
		at := s.tick()
		errs := atOnce(3, func(i int) error {
			switch i {
			case 0:
				_, _, err := s.SweepContents(ctx, "", 1000, at)
				return err
			case 1:
				return s.linking(app, b)
			}
			return s.linking(other.Key, mount)
		})
		s.must(errs[0])
		s.must(errs[1])
		s.kept(b)
		_, err := s.LinkedBlob(ctx, other.Key, b.Digest)
		if errs[2] == nil {
			s.must(err)
		} else {
			s.want(errs[2], registry.ErrBlobCollected)
			s.want(err, registry.ErrBlobNotFound)
		}
	}
}
