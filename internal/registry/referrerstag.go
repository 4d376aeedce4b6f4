package registry

import (
	"context"
	"errors"
	"strings"

	"github.com/sealwright/sealwright/internal/ociref"
)

// TagSubject is the subject that a tag of the referrers tag schema is about:
// sha256-<hex>. (sha512's tags are cut short, and name no one digest.)
// Source: distribution-spec v1.1.1, "Referrers Tag Schema".
func TagSubject(tag ociref.Tag) (subject ociref.Digest, ok bool) {
	hex, ok := strings.CutPrefix(string(tag), ociref.SHA256+"-")
	if !ok {
		return "", false
	}
	subject, err := ociref.ParseDigest(ociref.SHA256 + ":" + hex)
	return subject, err == nil
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
	subject, ok := TagSubject(tags[0])
	if !ok {
		return false, nil
	}
	_, err := s.o.Manifests.Manifest(ctx, m.Key, ociref.Reference{Tag: tags[0]})
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
	d, err := parseDocument(m.Content)
	if err != nil {
		return nil, false, err
	}
	for _, x := range d.manifests {
		listed, err := s.o.Manifests.Manifest(ctx, m.Key, ociref.Reference{Digest: x.digest})
		switch {
		case errors.Is(err, ErrManifestNotFound):
			return nil, false, nil
		case err != nil:
			return nil, false, err
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
// ErrRepositoryNotFound, ErrManifestNotFound.
func (s *Service) DeleteTag(ctx context.Context, key Key, tag ociref.Tag) error {
	_, _, err := s.Untag(ctx, key, Untagging{Tag: tag})
	subject, ok := TagSubject(tag)
	if !ok || !errors.Is(err, ErrManifestNotFound) {
		return err
	}
	e := s.event(ctx, "BatchDeleteImage", key, imageDetail("", []ociref.Tag{tag}, subject))
	return explainImage(key, ociref.Reference{Tag: tag}, s.o.Manifests.DeleteReferrals(ctx, key, subject, e))
}
