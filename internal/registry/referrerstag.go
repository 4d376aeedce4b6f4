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

// absorbs reports whether a push is that of a client which keeps a subject's
// referrers in an index by itself, and tells nothing that is not known: all it
// lists refers to the subject. Such an index is not kept. Its like is answered
// from the records, so clients that write it at once lose nothing, and it stands
// in the way of no deletion.
func (s *Service) absorbs(ctx context.Context, m Manifest, tags []ociref.Tag) (bool, error) {
	if len(tags) != 1 || m.MediaType != MediaTypeIndex || m.Subject != "" || len(m.Blobs) > 0 {
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
	for _, d := range m.Children {
		child, err := s.o.Manifests.Manifest(ctx, m.Key, ociref.Reference{Digest: d})
		if errors.Is(err, ErrManifestNotFound) || err == nil && child.Subject != subject {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}
