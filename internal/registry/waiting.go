package registry

import (
	"context"
	"errors"
	"time"

	"github.com/sealwright/sealwright/internal/leader"
)

// Run expires what waited too long, forgets uploads that stand still and collects
// garbage, at every CollectInterval until ctx ends, while this process is the one
// that leads. What large deletions left is swept at once, whoever leads. What fails
// is reported to onError and tried again later.
func (s *Service) Run(ctx context.Context, onError func(error)) error {
	tick := time.NewTicker(min(s.o.CollectInterval, leader.BeatEvery))
	defer tick.Stop()
	defer s.leader.Part(ctx)
	for work := s.Lead; ; {
		if err := work(ctx); err != nil && ctx.Err() == nil {
			onError(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			work = s.Lead
		case <-s.wake:
			work = s.sweepAll
		}
	}
}

// Lead is a step of Run: it makes a round if this process leads and one is due. Who has come to lead
// just now makes one at once: nobody knows how far the one before had come.
func (s *Service) Lead(ctx context.Context) error {
	led := s.leader.Leads()
	leads, err := s.leader.Keep(ctx)
	if err != nil || !leads {
		return err
	}
	begun := s.o.Now()
	if led && begun.Before(s.due) {
		return nil
	}
	s.due = begun.Add(s.o.CollectInterval)
	return s.sweep(ctx)
}

// sweep is one round of Run. It ends early when another process has come to lead.
func (s *Service) sweep(ctx context.Context) error {
	_, err := s.collect(ctx, s.leader.Keep)
	return err
}

// expireWaiting deletes a page of the referrers that have waited for their subject
// longer than WaitingFor, with what refers to them. A referrer whose subject arrives
// meanwhile, or that a living index lists, stays.
func (s *Service) expireWaiting(ctx context.Context) (c Collected, more bool, err error) {
	batch, err := s.o.Manifests.Waiting(ctx, s.now().Add(-s.o.WaitingFor), s.garbage.waiting, expiryBatch)
	if err == nil {
		c.Waiting, err = s.expire(ctx, batch)
	}
	if more = err == nil && len(batch) == expiryBatch; more {
		s.garbage.waiting = batch[len(batch)-1].Cursor() // past those that stay
	} else {
		s.garbage.waiting = Cursor{}
	}
	return c, more, err
}

// expire deletes those of the batch that still wait.
func (s *Service) expire(ctx context.Context, batch []Manifest) (int, error) {
	total := 0
	for _, m := range batch {
		e := s.event(ctx, "PolicyExecutionEvent", m.Key, imageDetail(m.Digest, nil, m.Subject))
		gone, err := s.o.Manifests.DeleteWaiting(ctx, m.Key, m.Digest, e)
		if err != nil && !stays(err) {
			return total, err
		}
		total += len(gone)
	}
	return total, nil
}

// stays reports whether a waiting manifest is not to be deleted, or went already.
func stays(err error) bool {
	return errors.Is(err, ErrManifestNotFound) || errors.Is(err, ErrRepositoryNotFound) || errors.Is(err, ErrManifestInUse)
}

// expireUploads looks at some uploads, and forgets those that nothing was added to for
// UploadIdle.
func (s *Service) expireUploads(ctx context.Context) (c Collected, more bool, err error) {
	c.Uploads, more, err = s.o.Blobs.ExpireUploads(ctx, s.now().Add(-s.o.UploadIdle), uploadPage)
	return c, more && err == nil, err
}
