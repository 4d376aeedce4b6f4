package registry

import (
	"context"
	"errors"
	"strings"

	"github.com/sealwright/sealwright/internal/ociref"
)

// TagSubject is the subject that a tag of the referrers tag schema is about: the
// algorithm, '-', and the first 64 hex digits. That is all of a sha256; a sha512 is
// looked for among what the repository knows. ok is false for any other tag.
// Source: distribution-spec v1.1.1, "Referrers Tag Schema".
func (s *Service) TagSubject(ctx context.Context, key Key, tag ociref.Tag) (subject ociref.Digest, ok bool, err error) {
	algorithm, hex, _ := strings.Cut(string(tag), "-")
	subject, err = ociref.ParseDigest(ociref.SHA256 + ":" + hex)
	if err != nil {
		return "", false, nil
	}
	switch algorithm {
	case ociref.SHA256:
		return subject, true, nil
	case ociref.SHA512:
		subject, err = s.o.Manifests.Subject(ctx, key, ociref.SHA512+":"+hex)
		if errors.Is(err, ErrManifestNotFound) {
			return "", false, nil
		}
		return subject, err == nil, err
	}
	return "", false, nil
}

// absorb takes the push of a client which keeps a subject's referrers in an index
// by itself. Such an index is not kept: its like is answered from the records, so
// clients that write it at once lose nothing, and it stands in the way of no
// deletion. What it tells that is not known becomes a referral. It reports false
// for any other push, and for one that tells too much.
// See docs/decisions/0081-referrers-tag-schema.md.
func (s *Service) absorb(ctx context.Context, m Manifest, tags []ociref.Tag) (bool, error) {
	if len(tags) != 1 {
		return false, nil
	}
	subject, ok, err := s.TagSubject(ctx, m.Key, tags[0])
	if err != nil || !ok {
		return false, err
	}
	_, err = s.o.Manifests.Manifest(ctx, m.Key, ociref.Reference{Tag: tags[0]})
	if !errors.Is(err, ErrManifestNotFound) {
		return false, err // a tag that is there stays one like any other
	}
	referrals, ok, err := s.referrals(ctx, m, subject)
	if err != nil || !ok || len(referrals) == 0 {
		return ok, err
	}
	e := s.event(ctx, "PutImage", m.Key, imageDetail(m.Digest, tags, subject))
	err = s.o.Manifests.PutReferrals(ctx, m.Key, subject, referrals, e)
	if errors.Is(err, ErrTooManyReferrals) {
		return false, nil
	}
	return err == nil, err
}

// referrals are the manifests of an index that refer to the subject by being
// listed there alone. ok is false if the index is anything else than a list of
// referrers: each of its entries has the subject in its manifest, or neither
// subject nor platform but an artifact type, as the specification asks of such
// entries. So no image that was named after a digest is taken for a list.
func (s *Service) referrals(ctx context.Context, m Manifest, subject ociref.Digest) (list []ociref.Digest, ok bool, err error) {
	if m.MediaType != MediaTypeIndex || m.Subject != "" || len(m.Blobs) > 0 || m.Digest == subject {
		return nil, false, nil
	}
	d, err := s.document(ctx, m.Content)
	if err != nil {
		return nil, false, err
	}
	known, err := s.o.Manifests.Heads(ctx, m.Key, d.listed())
	if err != nil {
		return nil, false, err
	}
	for _, x := range d.manifests {
		listed, there := known[x.digest]
		switch {
		case !there:
			return nil, false, nil
		case listed.Subject == subject:
		case listed.Subject == "" && x.referrer && x.digest != subject:
			list = append(list, x.digest)
		default:
			return nil, false, nil
		}
	}
	return distinct(list), true, nil
}

// DeleteTag removes a tag, as /v2 has it: the image stays. A tag of the referrers
// tag schema that is not there takes back what was told by it, and nothing else.
// Unless expected is "", a tag that points at anything else stays.
// ErrRepositoryNotFound, ErrManifestNotFound, ErrPrecondition.
func (s *Service) DeleteTag(ctx context.Context, key Key, tag ociref.Tag, expected ociref.Digest) error {
	_, _, err := s.Untag(ctx, key, Untagging{Tag: tag, If: expected})
	if errors.Is(err, ErrTagElsewhere) {
		return ErrPrecondition
	}
	if !errors.Is(err, ErrManifestNotFound) {
		return err
	}
	subject, ok, failed := s.TagSubject(ctx, key, tag)
	if failed != nil || !ok {
		return firstOf(failed, err)
	}
	e := s.event(ctx, "BatchDeleteImage", key, imageDetail("", []ociref.Tag{tag}, subject))
	return explainImage(key, ociref.Reference{Tag: tag}, s.o.Manifests.DeleteReferrals(ctx, key, subject, e))
}

// absorbOld absorbs one of the indexes that were kept before such were absorbed,
// if it is one that would be now.
func (s *Service) absorbOld(ctx context.Context) (c Collected, more bool, err error) {
	key, tag, err := s.o.Manifests.OldTag(ctx)
	if errors.Is(err, ErrManifestNotFound) {
		return c, false, nil
	}
	if err != nil {
		return c, false, err
	}
	a, ok, err := s.absorption(ctx, key, tag)
	if err != nil {
		return c, false, err
	}
	if ok {
		e := s.event(ctx, "PolicyExecutionEvent", key, imageDetail(a.Index, []ociref.Tag{tag}, a.Subject))
		err = s.o.Manifests.AbsorbOldTag(ctx, key, a, e)
		if err == nil || !stays(err) && !errors.Is(err, ErrTagElsewhere) && !errors.Is(err, ErrTooManyReferrals) {
			return c, err == nil, err
		}
	}
	err = s.o.Manifests.KeepOldTag(ctx, key, tag)
	return c, err == nil, err
}

// absorption is what becomes of a tag that was kept; ok is false if it is none to
// absorb.
func (s *Service) absorption(ctx context.Context, key Key, tag ociref.Tag) (a Absorption, ok bool, err error) {
	m, err := s.o.Manifests.Manifest(ctx, key, ociref.Reference{Tag: tag})
	if err != nil {
		if stays(err) {
			err = nil // it is gone
		}
		return a, false, err
	}
	subject, ok, err := s.TagSubject(ctx, key, tag)
	if err != nil || !ok {
		return a, false, err
	}
	referrals, ok, err := s.referrals(ctx, m, subject)
	return Absorption{tag, m.Digest, subject, referrals}, ok, err
}
