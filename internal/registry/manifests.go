package registry

import (
	"context"
	"errors"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
)

// Push is a manifest on its way in.
type Push struct {
	Key
	MediaType string        // as the client declared it, parameters removed; "" takes the manifest's own
	Content   []byte        // the exact bytes; kept, and served, unchanged
	Digest    ociref.Digest // what the client says the content is; "" means: its sha256
	Tags      []ociref.Tag  // to point at it; none is fine
	// If is asked of what each tag points at ("" for nothing), in the transaction
	// that moves it; nil lets any move. A list of referrers moves none.
	If func(current ociref.Digest) bool
}

// Put checks a manifest and saves it with its tags, all or nothing, and returns
// it as stored. created is false when the repository held it already (its tags
// may have moved all the same), or has no need of it: an index of the referrers
// tag schema is answered from what is known.
// ErrRepositoryNotFound, ErrManifestTooLarge, ErrManifestInvalid, ErrMediaType,
// ErrDigestMismatch, ErrManifestBlob, ErrChildNotFound, ErrTagImmutable,
// ErrPrecondition, ErrTooManyImages, ErrTooManyImageTags.
func (s *Service) Put(ctx context.Context, p Push) (m Manifest, created bool, err error) {
	m, err = s.manifest(ctx, p)
	if err != nil {
		return Manifest{}, false, err
	}
	if p.Digest == "" { // what is pushed under a digest must be there under it
		if absorbed, err := s.absorb(ctx, m, p.Tags); absorbed || err != nil {
			return m, false, explain(p.Key, err)
		}
	}
	if err := s.sizeIndex(ctx, &m); err != nil {
		return Manifest{}, false, explain(p.Key, err)
	}
	e := s.event(ctx, "PutImage", p.Key, imageDetail(m.Digest, p.Tags, m.Subject))
	created, err = s.o.Manifests.PutManifest(ctx, m, p.Tags, Rules{MaxImages: s.o.MaxImages, MaxTags: maxTags, Tag: p.decide(m.Digest)}, e)
	if err != nil {
		return Manifest{}, false, s.explainFull(p.Key, m.Digest, err)
	}
	return m, created, nil
}

// decide is decideTag, and ErrPrecondition where If does not hold.
func (p Push) decide(digest ociref.Digest) func(Repository, ociref.Tag, ociref.Digest) error {
	decide := decideTag(digest)
	if p.If == nil {
		return decide
	}
	return func(r Repository, tag ociref.Tag, current ociref.Digest) error {
		if !p.If(current) {
			return ErrPrecondition
		}
		return decide(r, tag, current)
	}
}

// explainFull is explain for a push; a full repository is told in ECR's words, and
// an image with all its tags in such.
// Source: https://github.com/aws/containers-roadmap/issues/2159 and those it names.
func (s *Service) explainFull(key Key, digest ociref.Digest, err error) error {
	switch {
	case errors.Is(err, ErrTooManyImageTags):
		return fault.Becausef(ErrTooManyImageTags, "The image with imageId {imageDigest:'%s', imageTag:'null'} in the repository with name '%s' already has the maximum allowed number of tags which is '%d'", digest, key.Name, maxTags)
	case errors.Is(err, ErrTooManyImages):
		return fault.Becausef(ErrTooManyImages, "The repository with name '%s' in registry with id '%s' already has the maximum allowed number of images which is '%d'", key.Name, key.Account, s.o.MaxImages)
	}
	return explain(key, err)
}

// Manifest reads one with its content. ErrRepositoryNotFound, ErrManifestNotFound.
func (s *Service) Manifest(ctx context.Context, key Key, ref ociref.Reference) (Manifest, error) {
	m, err := s.o.Manifests.Manifest(ctx, key, ref)
	return m, explainImage(key, ref, err)
}

// ImageTags lists the tags of one image in byte order; none if it is not there.
// ErrRepositoryNotFound.
func (s *Service) ImageTags(ctx context.Context, key Key, digest ociref.Digest) ([]ociref.Tag, error) {
	tags, err := s.o.Manifests.ImageTags(ctx, key, digest)
	return tags, explain(key, err)
}

// Manifests lists without content, in the order they were pushed.
// ErrRepositoryNotFound.
func (s *Service) Manifests(ctx context.Context, key Key, f ManifestFilter) ([]Manifest, error) {
	list, err := s.o.Manifests.Manifests(ctx, key, f)
	return list, explain(key, err)
}

// Tags lists at most limit tags in byte order, those after the given one.
// ErrRepositoryNotFound.
func (s *Service) Tags(ctx context.Context, key Key, after ociref.Tag, limit int) ([]ociref.Tag, error) {
	tags, err := s.o.Manifests.Tags(ctx, key, after, limit)
	return tags, explain(key, err)
}

// Referrers lists what refers to a subject, oldest first and without content, up
// to the filter's limit and [ReferrersPage]; more says whether others may come
// after. The subject need not be there. ErrRepositoryNotFound.
func (s *Service) Referrers(ctx context.Context, key Key, subject ociref.Digest, f ReferrerFilter) (page []Manifest, more bool, err error) {
	page, more, err = s.o.Manifests.Referrers(ctx, key, subject, f)
	return page, more, explain(key, err)
}

// ReferrersRevision returns a number that is another one after any change of
// what Referrers tells of the subject. ErrRepositoryNotFound.
func (s *Service) ReferrersRevision(ctx context.Context, key Key, subject ociref.Digest) (uint64, error) {
	revision, err := s.o.Manifests.ReferrersRevision(ctx, key, subject)
	return revision, explain(key, err)
}

// DeleteManifest deletes an image, its tags, its referrers and theirs, and
// returns all that is gone, the named one first.
// ErrRepositoryNotFound, ErrManifestNotFound, ErrManifestInUse.
func (s *Service) DeleteManifest(ctx context.Context, key Key, digest ociref.Digest) ([]ociref.Digest, error) {
	e := s.event(ctx, "BatchDeleteImage", key, imageDetail(digest, nil, ""))
	gone, err := s.o.Manifests.DeleteManifest(ctx, key, digest, e)
	if len(gone) > manyGone {
		s.wakeSweep()
	}
	return gone, explainImage(key, ociref.Reference{Digest: digest}, err)
}

// Untag removes a tag and returns what it pointed at. With DeleteLast, as
// BatchDeleteImage has it, an image that loses its last tag goes as in
// DeleteManifest, and deleted says what is gone; without, as /v2 has it, the
// image stays. ErrRepositoryNotFound, ErrManifestNotFound, ErrTagElsewhere,
// ErrManifestInUse.
func (s *Service) Untag(ctx context.Context, key Key, u Untagging) (was ociref.Digest, deleted []ociref.Digest, err error) {
	e := s.event(ctx, "BatchDeleteImage", key, imageDetail(u.If, []ociref.Tag{u.Tag}, ""))
	was, deleted, err = s.o.Manifests.Untag(ctx, key, u, e)
	if len(deleted) > manyGone {
		s.wakeSweep()
	}
	return was, deleted, explainImage(key, ociref.Reference{Tag: u.Tag}, err)
}

// imageDetail is what the journal keeps of an image, in ECR's names.
func imageDetail(digest ociref.Digest, tags []ociref.Tag, subject ociref.Digest) any {
	return struct {
		Digest  ociref.Digest `json:"imageDigest,omitempty"`
		Tags    []ociref.Tag  `json:"imageTags,omitempty"`
		Subject ociref.Digest `json:"subjectManifestDigest,omitempty"`
	}{digest, tags, subject}
}
