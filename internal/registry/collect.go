package registry

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
)

// Bounds of one step of a collection.
const (
	expiryBatch = 100 // each takes a transaction
	uploadPage  = 1000
	sweepRows   = 500
	linkPage    = 1000
	claimBatch  = 1000
	contentPage = 1000
	blobBatch   = 100 // each takes a transaction and a few steps of the blob store
	// claimsKept is how long claims are kept: no push takes as long.
	claimsKept = 30 * 24 * time.Hour
)

// Collected are the figures of one step of a collection.
type Collected struct {
	Rows    int   // of manifests and repositories that were deleted
	Links   int   // of blobs that no manifest of their repository named
	Waiting int   // referrers whose subject did not come, and theirs
	Uploads int   // that stood still
	Blobs   int   // whose content nobody held
	Bytes   int64 // of those blobs
	Rounds  int   // that ended with this step
	Errors  int   // 1 when the step failed, in part or as a whole
	Took    time.Duration
}

// collection is where the collection of garbage stands. A new process begins a
// new round.
type collection struct {
	mu       sync.Mutex
	stage    int
	waiting  Cursor
	link     LinkState
	small    ociref.Digest
	asked    bool            // what was left aside is in aside
	aside    []Aside         // yet to be settled
	contents string          // the part of the blob store that was listed last
	listed   []ociref.Digest // of that part, yet to be looked at
}

// CollectStep does a bounded part of a collection: it expires referrers that waited too
// long and uploads that stand still, absorbs indexes of the referrers tag schema from
// before these were absorbed, removes rows of what was deleted, takes blobs that no manifest has named for BlobGrace out of their
// repositories, and removes content older than that which no repository holds.
// done tells that a round has ended; the next step begins another.
//
// It may run beside everything else, in any number of processes, and may stop
// anywhere: see docs/decisions/0091-collecting-blobs.md. A blob whose content
// cannot be removed is passed by, and told in err.
func (s *Service) CollectStep(ctx context.Context) (c Collected, done bool, err error) {
	s.garbage.mu.Lock()
	defer s.garbage.mu.Unlock()
	begun := time.Now()
	stages := []func(context.Context) (Collected, bool, error){s.expireWaiting, s.expireUploads, s.absorbOld, s.sweepRows, s.ageLinks, s.sweepContents, s.settleAside, s.collectContents, s.forgetClaims}
	c, more, err := stages[s.garbage.stage](ctx)
	if !more {
		s.garbage.stage = (s.garbage.stage + 1) % len(stages)
		if done = s.garbage.stage == 0; done {
			c.Rounds = 1
		}
	}
	s.tell(c, begun, err)
	return c, done, err
}

// tell completes the figures of a step and tells the observer.
func (s *Service) tell(c Collected, begun time.Time, err error) {
	if c.Took = time.Since(begun); err != nil {
		c.Errors = 1
	}
	if s.o.Collected != nil {
		s.o.Collected(c)
	}
}

// Collect is a round of steps.
func (s *Service) Collect(ctx context.Context) (total Collected, err error) {
	return s.collect(ctx, func(context.Context) (bool, error) { return true, nil })
}

// collect makes steps to the end of a round, as long as it may go on.
func (s *Service) collect(ctx context.Context, goOn func(context.Context) (bool, error)) (total Collected, err error) {
	for done := false; !done; {
		may, failed := goOn(ctx)
		if !may {
			return total, firstOf(err, failed)
		}
		var c Collected
		c, done, failed = s.CollectStep(ctx)
		total.add(c)
		if err = firstOf(err, failed); ctx.Err() != nil {
			return total, err
		}
	}
	return total, err
}

func (c *Collected) add(step Collected) {
	c.Rows += step.Rows
	c.Waiting += step.Waiting
	c.Uploads += step.Uploads
	c.Links += step.Links
	c.Blobs += step.Blobs
	c.Bytes += step.Bytes
	c.Took += step.Took
	c.Rounds += step.Rounds
	c.Errors += step.Errors
}

// firstOf keeps the first error: a disk that fails would bring thousands alike.
func firstOf(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

// sweepRows removes rows of what was deleted.
func (s *Service) sweepRows(ctx context.Context) (c Collected, more bool, err error) {
	c.Rows, err = s.o.Manifests.Sweep(ctx, sweepRows)
	return c, err == nil && c.Rows > 0, err
}

// ageLinks looks at a page of links.
func (s *Service) ageLinks(ctx context.Context) (c Collected, more bool, err error) {
	page, err := s.o.Links.LinkStates(ctx, s.garbage.link, linkPage)
	if err != nil {
		s.garbage.link = LinkState{}
		return c, false, err
	}
	if more = len(page) == linkPage; more {
		s.garbage.link = page[len(page)-1]
	} else {
		s.garbage.link = LinkState{}
	}
	for len(page) > 0 {
		key := page[0].Key
		n := slices.IndexFunc(page, func(l LinkState) bool { return l.Key != key })
		if n < 0 {
			n = len(page)
		}
		gone, err := s.age(ctx, key, page[:n])
		if c.Links += gone; err != nil {
			return c, more, err
		}
		page = page[n:]
	}
	return c, more, nil
}

// age marks links of one repository that are unnamed now, unmarks those that are
// named again, and takes away those unnamed for too long.
func (s *Service) age(ctx context.Context, key Key, links []LinkState) (gone int, err error) {
	var named, unnamed, old []ociref.Digest
	before := s.now().Add(-s.o.BlobGrace)
	for _, l := range links {
		switch marked := !l.UnnamedSince.IsZero(); {
		case l.Named && marked:
			named = append(named, l.Digest)
		case !l.Named && !marked:
			unnamed = append(unnamed, l.Digest)
		case !l.Named && l.UnnamedSince.Before(before):
			old = append(old, l.Digest)
		}
	}
	if len(named) > 0 {
		err = s.o.Links.MarkLinks(ctx, key, named, time.Time{})
	}
	if err == nil && len(unnamed) > 0 {
		err = s.o.Links.MarkLinks(ctx, key, unnamed, s.now())
	}
	if err != nil || len(old) == 0 {
		return 0, err
	}
	e := s.event(ctx, "PolicyExecutionEvent", key, map[string]any{"layerDigests": old, "reason": "no image names the layer"})
	unlinked, err := s.o.Links.UnlinkUnnamed(ctx, key, old, before, e)
	if errors.Is(err, ErrRepositoryNotFound) {
		err = nil
	}
	return len(unlinked), err
}

// sweepContents looks at a page of the contents in the records.
func (s *Service) sweepContents(ctx context.Context) (c Collected, more bool, err error) {
	gone, next, err := s.o.Links.SweepContents(ctx, s.garbage.small, contentPage, s.now())
	s.garbage.small = next
	for _, b := range gone {
		c.Blobs++
		c.Bytes += b.Size
	}
	return c, err == nil && next != "", err
}

// settleAside settles some of what a process that died has left aside, also past
// what cannot be settled.
func (s *Service) settleAside(ctx context.Context) (c Collected, more bool, err error) {
	g := &s.garbage
	if !g.asked {
		if g.aside, err = s.o.Blobs.LeftAside(ctx); err != nil {
			return c, false, err
		}
	}
	for _, a := range front(&g.aside, blobBatch) {
		if err = firstOf(err, s.settle(ctx, a, &c)); ctx.Err() != nil {
			break
		}
	}
	g.asked = len(g.aside) > 0
	return c, g.asked, err
}

// front takes up to n off the front of a list.
func front[T any](list *[]T, n int) (some []T) {
	n = min(n, len(*list))
	some, *list = (*list)[:n], (*list)[n:]
	return some
}

// collectContents looks at some blobs of one part of the blob store, and at the
// next part when there are no more in this. What it holds in memory meanwhile are
// the digests of a part.
func (s *Service) collectContents(ctx context.Context) (c Collected, more bool, err error) {
	g := &s.garbage
	if len(g.listed) == 0 {
		g.listed, g.contents, err = s.o.Blobs.Contents(ctx, g.contents, s.now().Add(-s.o.BlobGrace))
	}
	if err == nil {
		err = s.collectBlobs(ctx, front(&g.listed, blobBatch), &c)
	}
	return c, len(g.listed) > 0 || g.contents != "", err
}

// collectBlobs collects those of the blobs that no repository holds.
func (s *Service) collectBlobs(ctx context.Context, list []ociref.Digest, c *Collected) error {
	unlinked, err := s.o.Links.UnlinkedBlobs(ctx, list)
	for _, digest := range unlinked {
		if err = firstOf(err, s.collectBlob(ctx, digest, c)); ctx.Err() != nil {
			break
		}
	}
	return err
}

// collectBlob sets a blob aside and has it settled.
func (s *Service) collectBlob(ctx context.Context, digest ociref.Digest, c *Collected) error {
	a, err := s.o.Blobs.SetAside(ctx, digest)
	if errors.Is(err, ErrBlobNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.settle(ctx, a, c)
}

// settle asks the records about a blob that is set aside: it goes, or comes back.
// When they do not answer, it stays aside, where readers find it.
func (s *Service) settle(ctx context.Context, a Aside, c *Collected) error {
	claimed, err := s.o.Links.ClaimBlob(ctx, a.Digest, s.now())
	if err != nil {
		return err
	}
	if !claimed {
		return s.o.Blobs.Restore(ctx, a)
	}
	if err := s.o.Blobs.Discard(ctx, a); err != nil {
		return err
	}
	c.Blobs++
	c.Bytes += a.Size
	return nil
}

// forgetClaims removes claims that no push can have seen.
func (s *Service) forgetClaims(ctx context.Context) (c Collected, more bool, err error) {
	n, err := s.o.Links.ForgetClaims(ctx, s.now().Add(-claimsKept), claimBatch)
	return c, err == nil && n == claimBatch, err
}

// manyGone is how many manifests a deletion takes along for the sweep to begin at
// once.
const manyGone = 100

// wakeSweep has Run remove rows now.
func (s *Service) wakeSweep() {
	select {
	case s.wake <- struct{}{}:
	default: // it is going to
	}
}

// sweepAll removes all rows of what was deleted.
func (s *Service) sweepAll(ctx context.Context) error {
	for {
		begun := time.Now()
		c, more, err := s.sweepRows(ctx)
		s.tell(c, begun, err)
		if err != nil || !more {
			return err
		}
	}
}
