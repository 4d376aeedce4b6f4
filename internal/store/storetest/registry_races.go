package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// headStart is how long a rival gets to do harm while a push is held open. It
// can only let a fault go unnoticed; no test fails for being slow.
const headStart = 100 * time.Millisecond

// beside runs rival while m's push stands in its transaction, after its checks:
// the rule about its tag is what holds it there. It returns what became of both.
func (s *shop) beside(m registry.Manifest, rival func() error) (pushed, rivaled error) {
	entered, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	hold := func(registry.Repository, ociref.Tag, ociref.Digest) error {
		once.Do(func() { close(entered) })
		<-finish
		return nil
	}
	push, other := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.PutManifest(ctx, m, []ociref.Tag{"held"}, registry.Rules{Tag: hold}, event("PutImage"))
		push <- err
	}()
	<-entered
	go func() { other <- rival() }()
	select {
	case rivaled = <-other:
		other <- rivaled
	case <-time.After(headStart):
	}
	close(finish)
	return <-push, <-other
}

func (s *shop) deleting(d ociref.Digest) func() error {
	return func() error {
		_, err := s.DeleteManifest(ctx, app, d, event("BatchDeleteImage"))
		return err
	}
}

func (s *shop) putting(m registry.Manifest, tags ...ociref.Tag) func() error {
	return func() error {
		_, err := s.PutManifest(ctx, m, tags, freely, event("PutImage"))
		return err
	}
}

func raceIndexAndChild(s *shop) {
	child := s.push(s.image())
	pushed, deleted := s.beside(s.index(child.Digest), s.deleting(child.Digest))
	s.must(pushed)
	s.want(deleted, registry.ErrManifestInUse)
}

func raceReferrerAndSubject(s *shop) {
	subject := s.push(s.image())
	sig := s.referrer(subject.Digest, "application/sig")
	pushed, deleted := s.beside(sig, s.deleting(subject.Digest))
	s.must(pushed)
	s.must(deleted)
	s.gone(subject.Digest)
	s.gone(sig.Digest)
}

func raceWaiting(s *shop) {
	subject := s.image()
	sig := s.referrer(subject.Digest, "application/sig")
	pushed, came := s.beside(sig, s.putting(subject))
	s.must(pushed)
	s.must(came)
	same(s, s.get(sig.Digest).Waiting, false)
}

func raceSubjectFirst(s *shop) {
	subject := s.image()
	sig := s.referrer(subject.Digest, "application/sig")
	pushed, came := s.beside(subject, s.putting(sig))
	s.must(pushed)
	s.must(came)
	same(s, s.get(sig.Digest).Waiting, false)
}

func raceImmutableTag(s *shop) {
	immutable := func(_ registry.Repository, _ ociref.Tag, current ociref.Digest) error {
		if current != "" {
			return registry.ErrTagImmutable
		}
		return nil
	}
	first, second := s.image(), s.image()
	pushed, moved := s.beside(first, func() error {
		_, err := s.PutManifest(ctx, second, []ociref.Tag{"held"}, registry.Rules{Tag: immutable}, event("PutImage"))
		return err
	})
	s.must(pushed)
	s.want(moved, registry.ErrTagImmutable)
	s.gone(second.Digest)
	same(s, s.get(first.Digest).Tags, []ociref.Tag{"held"})
}

// A tag that is there moves once: who comes second decides upon what the first
// left.
func raceMovingTag(s *shop) {
	from := s.push(s.image(), "held")
	fromThere := func(_ registry.Repository, _ ociref.Tag, current ociref.Digest) error {
		if current != from.Digest {
			return errNotNow
		}
		return nil
	}
	first, second := s.image(), s.image()
	pushed, moved := s.beside(first, func() error {
		_, err := s.PutManifest(ctx, second, []ociref.Tag{"held"}, registry.Rules{Tag: fromThere}, event("PutImage"))
		return err
	})
	s.must(pushed)
	s.want(moved, errNotNow)
	same(s, s.get(first.Digest).Tags, []ociref.Tag{"held"})
}

func raceBlobAndManifest(s *shop) {
	blob := s.blob()
	pushed, unlinked := s.beside(s.image(blob), func() error { return s.UnlinkBlob(ctx, app, blob, event("DeleteLayer")) })
	s.must(pushed)
	s.want(unlinked, registry.ErrBlobInUse)
}

func racePushAndRepository(s *shop) {
	m := s.image(s.blob())
	pushed, deleted := s.beside(m, func() error {
		_, err := s.DeleteRepository(ctx, app, true, event("DeleteRepository"))
		return err
	})
	s.must(pushed)
	s.must(deleted)
	s.want(s.putting(m)(), registry.ErrRepositoryNotFound)
	s.create(app.Name)
	s.gone(m.Digest)
}

func raceSameManifest(s *shop) {
	m := s.image(s.blob())
	var created atomic.Int32
	errs := atOnce(8, func(i int) error {
		first, err := s.PutManifest(ctx, m, []ociref.Tag{ociref.Tag(fmt.Sprint("t", i))}, freely, event("PutImage"))
		if first {
			created.Add(1)
		}
		return err
	})
	s.must(errors.Join(errs...))
	same(s, created.Load(), 1)
	same(s, len(s.get(m.Digest).Tags), 8)
}

func raceTagOrders(s *shop) {
	forth, back := []ociref.Tag{"a", "b", "c"}, []ociref.Tag{"c", "b", "a"}
	var images []registry.Manifest
	for range 16 {
		images = append(images, s.image())
	}
	s.must(errors.Join(atOnce(16, func(i int) error {
		if i%2 == 0 {
			return s.putting(images[i], forth...)()
		}
		return s.putting(images[i], back...)()
	})...))
	for _, tag := range forth { // whoever came last has all of them
		m, err := s.Manifest(ctx, app, ociref.Reference{Tag: tag})
		s.must(err)
		same(s, s.get(m.Digest).Tags, forth)
	}
}

// refused are the errors that other people's work may cause.
var refused = []error{registry.ErrManifestNotFound, registry.ErrManifestInUse, registry.ErrManifestBlob, registry.ErrChildNotFound,
	registry.ErrBlobInUse, registry.ErrBlobNotFound, registry.ErrRepositoryNotFound, registry.ErrRepositoryExists}

// raceEverything does all there is to do, on few things, from many sides. What
// comes of it is for the invariants to judge.
func raceEverything(s *shop) {
	var blobs []ociref.Digest
	var images []registry.Manifest
	for range 3 {
		blobs = append(blobs, s.blob())
	}
	for i := range 4 {
		images = append(images, s.image(blobs[i%3]))
	}
	for i := range 4 {
		images = append(images, s.referrer(images[i].Digest, "application/sig"))
	}
	images = append(images, s.index(images[0].Digest, images[4].Digest), s.referrer(images[5].Digest, "application/on-sig"))
	s.must(errors.Join(atOnce(8, func(worker int) error {
		random := rand.New(rand.NewPCG(1, uint64(worker)))
		for range 60 {
			if err := s.anything(random, images, blobs); err != nil && !isRefused(err) {
				return err
			}
		}
		return nil
	})...))
}

// anything is one random step.
func (s *shop) anything(random *rand.Rand, images []registry.Manifest, blobs []ociref.Digest) error {
	m, blob := images[random.IntN(len(images))], blobs[random.IntN(len(blobs))]
	tag := ociref.Tag(fmt.Sprint("t", random.IntN(3)))
	switch n := random.IntN(100); {
	case n < 44:
		return s.putting(m, tag)()
	case n < 48:
		return s.PutReferrals(ctx, app, m.Digest, digests(images[:4]), event("PutImage"))
	case n < 50:
		return s.DeleteReferrals(ctx, app, m.Digest, event("BatchDeleteImage"))
	case n < 65:
		return s.deleting(m.Digest)()
	case n < 75:
		_, _, err := s.Untag(ctx, app, registry.Untagging{Tag: tag, DeleteLast: n%2 == 0}, event("BatchDeleteImage"))
		return err
	case n < 85:
		return s.LinkBlob(ctx, app, registry.Blob{Digest: blob, Size: 1}, event("CompleteLayerUpload"))
	case n < 90:
		return s.UnlinkBlob(ctx, app, blob, event("DeleteLayer"))
	case n < 94:
		_, err := s.DeleteWaiting(ctx, app, m.Digest, event("Expire"))
		return err
	case n < 96:
		_, err := s.DeleteRepository(ctx, app, true, event("DeleteRepository"))
		return err
	default:
		return s.CreateRepository(ctx, registry.Repository{Key: app, Region: testRegion, Mutability: registry.Mutable, CreatedAt: time.UnixMicro(1).UTC()}, event("CreateRepository"))
	}
}

func isRefused(err error) bool {
	for _, r := range refused {
		if errors.Is(err, r) {
			return true
		}
	}
	return false
}
