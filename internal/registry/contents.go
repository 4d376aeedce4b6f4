package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
)

// take checks an upload against its digest and brings its content to where it
// stays: what is small into memory, for the transaction that links it; what is
// not into the blob store.
func (s *Service) take(ctx context.Context, u Upload, digest ociref.Digest) (b Blob, err error) {
	b.Digest = digest
	b.Content, err = s.o.Blobs.ReadUpload(ctx, u.scope(), u.ID, digest, s.o.SmallBlob)
	if b.Size = int64(len(b.Content)); err != nil || b.Content != nil {
		return b, err
	}
	if b.Claim, err = s.o.Links.BlobClaim(ctx, digest); err != nil {
		return b, err
	}
	b.Size, err = s.o.Blobs.Commit(ctx, u.scope(), u.ID, digest)
	return b, err
}

// linkPatience is how long content that was put may wait for its link.
const linkPatience = 30 * time.Second

// linkPut links content that was just put into the blob store. The upload is gone by
// now, so it does so for a client that hung up too, and again when a collection took
// the claim but not the content. ErrRepositoryNotFound, ErrBlobCollected.
func (s *Service) linkPut(ctx context.Context, key Key, b Blob, e journal.Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), linkPatience)
	defer cancel()
	err := s.o.Links.LinkBlob(ctx, key, b, e)
	for range 3 { // each time another collection came in between
		if !errors.Is(err, ErrBlobCollected) {
			break
		}
		if b.Claim, err = s.rescue(ctx, b.Digest); err == nil {
			err = s.o.Links.LinkBlob(ctx, key, b, e)
		}
	}
	return err
}

// rescue finds content again that a collection may have removed, brings it back if
// it is set aside, and returns the claim from before it looked. ErrBlobCollected.
//
// What is found aside afterwards was set aside since, and is asked about after that
// claim, so a link under the claim is seen or refused.
func (s *Service) rescue(ctx context.Context, digest ociref.Digest) (Claim, error) {
	claim, err := s.o.Links.BlobClaim(ctx, digest)
	if err != nil {
		return 0, err
	}
	aside, err := s.o.Blobs.LeftAside(ctx)
	for _, a := range aside {
		if err == nil && a.Digest == digest {
			err = s.o.Blobs.Restore(ctx, a)
		}
	}
	if err != nil {
		return 0, err
	}
	content, _, err := s.o.Blobs.Open(ctx, digest)
	if errors.Is(err, ErrBlobNotFound) {
		return 0, ErrBlobCollected
	}
	if err != nil {
		return 0, err
	}
	return claim, content.Close()
}

// OpenBlob opens a blob the repository holds. The caller closes it.
// ErrRepositoryNotFound, ErrBlobNotFound.
func (s *Service) OpenBlob(ctx context.Context, key Key, digest ociref.Digest) (Content, int64, error) {
	size, err := s.StatBlob(ctx, key, digest)
	if err != nil {
		return nil, 0, err
	}
	content, size, err := s.content(ctx, digest, size)
	if !errors.Is(err, ErrBlobNotFound) {
		return content, size, err
	}
	if _, err := s.StatBlob(ctx, key, digest); err != nil {
		return nil, 0, err // it went just now
	}
	// Not the client's mistake: what is linked was durable before it was.
	return nil, 0, fmt.Errorf("blob %s of %s is recorded, but its content is gone", digest, key.scope())
}

// content finds content by its size first where it is put now, and then in the
// other place: the bound was another one, or there was none, when it was pushed.
func (s *Service) content(ctx context.Context, digest ociref.Digest, size int64) (content Content, _ int64, err error) {
	places := []func(context.Context, ociref.Digest) (Content, int64, error){s.openRecorded, s.o.Blobs.Open}
	if size > s.o.SmallBlob {
		slices.Reverse(places)
	}
	for _, open := range places {
		if content, size, err = open(ctx, digest); !errors.Is(err, ErrBlobNotFound) {
			break
		}
	}
	return content, size, err
}

// openRecorded opens what is in the records. ErrBlobNotFound.
func (s *Service) openRecorded(ctx context.Context, digest ociref.Digest) (Content, int64, error) {
	content, err := s.o.Links.BlobContent(ctx, digest)
	if err != nil {
		return nil, 0, err
	}
	return recorded{bytes.NewReader(content)}, int64(len(content)), nil
}

// recorded is content from the records.
type recorded struct{ *bytes.Reader }

// Close has nothing to do.
func (recorded) Close() error { return nil }
