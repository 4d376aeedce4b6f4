package registry

import (
	"context"
	"errors"
	"io"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
)

// Upload names an upload under way: it is found only in the repository it was
// started in.
type Upload struct {
	Key
	ID string
}

// scope is the upload's scope in the blob store: one for each repository, since
// accounts have one length.
func (k Key) scope() string { return string(k.Account) + "/" + string(k.Name) }

// StatBlob returns the size of a blob the repository holds.
// ErrRepositoryNotFound, ErrBlobNotFound.
func (s *Service) StatBlob(ctx context.Context, key Key, digest ociref.Digest) (int64, error) {
	size, err := s.o.Links.LinkedBlob(ctx, key, digest)
	return size, explainBlob(key, digest, err)
}

// DeleteBlob takes a blob out of the repository; its bytes may serve others.
// ErrRepositoryNotFound, ErrBlobNotFound, ErrBlobInUse.
func (s *Service) DeleteBlob(ctx context.Context, key Key, digest ociref.Digest) error {
	e := s.event(ctx, "DeleteLayer", key, layerDetail(digest, 0, ""))
	return explainBlob(key, digest, s.o.Links.UnlinkBlob(ctx, key, digest, e))
}

// MountBlob lets a repository hold a blob that another of the account's holds,
// without moving bytes. Whether the caller may read it there is the edge's to
// ask. ErrRepositoryNotFound, ErrBlobNotFound.
func (s *Service) MountBlob(ctx context.Context, to, from Key, digest ociref.Digest) error {
	if _, err := s.Repository(ctx, to); err != nil {
		return err
	}
	claim, err := s.o.Links.BlobClaim(ctx, digest)
	if err != nil {
		return err
	}
	size, err := s.StatBlob(ctx, from, digest)
	if err != nil {
		return err
	}
	e := s.event(ctx, "CompleteLayerUpload", to, layerDetail(digest, size, from.Name))
	err = s.o.Links.LinkBlob(ctx, to, Blob{Digest: digest, Size: size, Claim: claim}, e)
	if errors.Is(err, ErrBlobCollected) {
		err = ErrBlobNotFound
	}
	return explainBlob(to, digest, err)
}

// Holders lists at most limit repositories of an account that hold a blob. None
// is no error. Which of them the caller may read is the edge's to ask.
func (s *Service) Holders(ctx context.Context, account arn.AccountID, digest ociref.Digest, limit int) ([]ociref.Name, error) {
	return s.o.Links.Holders(ctx, account, digest, limit)
}

// StartUpload begins an upload. ErrRepositoryNotFound.
func (s *Service) StartUpload(ctx context.Context, key Key) (Upload, error) {
	if _, err := s.Repository(ctx, key); err != nil {
		return Upload{}, err
	}
	id, err := s.o.Blobs.StartUpload(ctx, key.scope())
	return Upload{key, id}, err
}

// UploadSize returns how many bytes have arrived. Uploads of a repository that
// is gone are told so before they bring more.
// ErrRepositoryNotFound, ErrUploadNotFound.
func (s *Service) UploadSize(ctx context.Context, u Upload) (int64, error) {
	if _, err := s.Repository(ctx, u.Key); err != nil {
		return 0, err
	}
	return s.o.Blobs.UploadSize(ctx, u.scope(), u.ID)
}

// AppendUpload adds r's bytes at offset and returns the new size. A reader that
// fails leaves the upload usable at the size UploadSize then tells.
// ErrUploadNotFound, ErrUploadRange, ErrUploadBusy, ErrUploadTooLarge.
func (s *Service) AppendUpload(ctx context.Context, u Upload, offset int64, r io.Reader) (int64, error) {
	if offset < 0 || offset > s.o.MaxUpload {
		return 0, ErrUploadRange
	}
	return s.o.Blobs.Append(ctx, u.scope(), u.ID, offset, &bounded{r: r, left: s.o.MaxUpload - offset})
}

// CommitUpload makes the upload a blob of its repository and returns its size:
// the content is checked against the digest, durable, and then linked.
// ErrUploadNotFound, ErrUploadBusy, ErrDigestMismatch, ErrRepositoryNotFound,
// ErrBlobCollected.
func (s *Service) CommitUpload(ctx context.Context, u Upload, digest ociref.Digest) (int64, error) {
	if _, err := s.Repository(ctx, u.Key); err != nil {
		return 0, err // and no blob is left that nobody holds
	}
	b, err := s.take(ctx, u, digest)
	if err != nil {
		return 0, err
	}
	e := s.event(ctx, "CompleteLayerUpload", u.Key, layerDetail(digest, b.Size, ""))
	if b.Content == nil {
		return b.Size, explain(u.Key, s.linkPut(ctx, u.Key, b, e))
	}
	if err = s.o.Links.LinkBlob(ctx, u.Key, b, e); err == nil {
		s.o.Blobs.CancelUpload(ctx, u.scope(), u.ID) // what stays, expires
	}
	return b.Size, explain(u.Key, err)
}

// CancelUpload forgets an upload. ErrUploadNotFound, ErrUploadBusy.
func (s *Service) CancelUpload(ctx context.Context, u Upload) error {
	return s.o.Blobs.CancelUpload(ctx, u.scope(), u.ID)
}

// bounded passes r on until it has given more than left bytes, and then fails
// with ErrUploadTooLarge.
type bounded struct {
	r    io.Reader
	left int64
}

// Read reads at most one byte beyond the bound, to tell full from too much.
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if int64(n) > b.left {
		return int(b.left), ErrUploadTooLarge
	}
	b.left -= int64(n)
	return n, err
}

// explainBlob gives a store's sentinel its words.
func explainBlob(key Key, digest ociref.Digest, err error) error {
	if errors.Is(err, ErrBlobNotFound) {
		return fault.Becausef(ErrBlobNotFound, "The layer %s does not exist in the repository '%s' of the registry with id '%s'", digest, key.Name, key.Account)
	}
	return explain(key, err)
}

// layerDetail is what the journal keeps of a blob, in ECR's names.
func layerDetail(digest ociref.Digest, size int64, from ociref.Name) any {
	return struct {
		Digest ociref.Digest `json:"layerDigest"`
		Size   int64         `json:"layerSize,omitempty"`
		From   ociref.Name   `json:"mountedFrom,omitempty"`
	}{digest, size, from}
}
