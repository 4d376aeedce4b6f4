package registry

import (
	"context"
	"slices"
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
)

// Media types of manifests.
const (
	MediaTypeImage       = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeIndex       = "application/vnd.oci.image.index.v1+json"
	MediaTypeDockerImage = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerList  = "application/vnd.docker.distribution.manifest.list.v2+json"
	mediaTypeSchema1     = "application/vnd.docker.distribution.manifest.v1" // +json, +prettyjws
)

// nonDistributable are layers whose bytes a registry need not hold.
// Source: image-spec v1.1.1 layer.md (non-distributable), Docker schema 2 (foreign).
var nonDistributable = []string{
	"application/vnd.oci.image.layer.nondistributable.v1.tar",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
	"application/vnd.docker.image.rootfs.foreign.diff.tar",
	"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
}

// isManifest reports whether a media type is one that ParseManifest reads.
func isManifest(mediaType string) bool { return isImage(mediaType) || isIndex(mediaType) }

func isImage(mediaType string) bool {
	return mediaType == MediaTypeImage || mediaType == MediaTypeDockerImage
}

func isIndex(mediaType string) bool {
	return mediaType == MediaTypeIndex || mediaType == MediaTypeDockerList
}

// ParseManifest reads a manifest and fills in what its content says: MediaType,
// ArtifactType, Subject, Annotations, Content, ContentSize, ImageSize, Blobs and
// Children. declared is the Content-Type, or "" to take the manifest's word.
// It is strict where two readers could understand a manifest differently.
// ErrMediaType, ErrManifestInvalid.
func ParseManifest(declared string, content []byte) (Manifest, error) {
	if declared != "" {
		if err := supported(declared); err != nil { // before its JSON is held against our rules
			return Manifest{}, err
		}
	}
	d, err := parseDocument(content)
	if err != nil {
		return Manifest{}, err
	}
	mediaType, err := agreedMediaType(declared, d.mediaType)
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{MediaType: mediaType, Content: content, ContentSize: int64(len(content)), Annotations: d.annotations}
	if isIndex(mediaType) {
		err = m.fromIndex(d)
	} else {
		err = m.fromImage(d)
	}
	if err != nil {
		return Manifest{}, err
	}
	m.refer(d)
	return m, nil
}

// agreedMediaType is the one media type of Content-Type and mediaType field,
// either of which may be absent, not both.
func agreedMediaType(declared, field string) (string, error) {
	switch {
	case declared == "" && field == "":
		return "", fault.Becausef(ErrMediaType, "the manifest has no mediaType field; declare its media type with the request")
	case declared == "":
		return field, supported(field)
	case field != "" && field != declared:
		return "", fault.Becausef(ErrMediaType, "the request declares media type %.150q, the manifest's mediaType field says %.150q", declared, field)
	}
	return declared, nil
}

// supported fails with ErrMediaType unless the media type is a manifest's.
func supported(mediaType string) error {
	switch {
	case isManifest(mediaType):
		return nil
	case strings.HasPrefix(mediaType, mediaTypeSchema1):
		return fault.Becausef(ErrMediaType, "Docker image manifest version 2 schema 1 is not supported; push the image as schema 2 or OCI")
	}
	return fault.Becausef(ErrMediaType, "%.150q is not a supported manifest media type: want %s, %s, %s or %s", mediaType, MediaTypeImage, MediaTypeIndex, MediaTypeDockerImage, MediaTypeDockerList)
}

// fromImage takes over config and layers.
func (m *Manifest) fromImage(d document) error {
	if d.manifests != nil {
		return invalid("an image manifest has no manifests field (CVE-2021-41190)")
	}
	if d.config == nil {
		return invalid("config is required")
	}
	for _, x := range append([]descriptor{*d.config}, d.layers...) {
		if m.ImageSize += x.size; m.ImageSize < 0 {
			return invalid("its sizes add up to more than a number can hold")
		}
		if slices.Contains(nonDistributable, x.mediaType) {
			m.Foreign = append(m.Foreign, x.digest)
		} else {
			m.Blobs = append(m.Blobs, x.digest)
		}
	}
	m.Blobs, m.Foreign = distinct(m.Blobs), distinct(m.Foreign)
	return nil
}

// fromIndex takes over the manifests listed. What is listed with a media type
// that is no manifest's is a blob: BuildKit keeps its cache that way.
func (m *Manifest) fromIndex(d document) error {
	if d.config != nil || d.layers != nil {
		return invalid("an index has neither config nor layers (CVE-2021-41190)")
	}
	if d.manifests == nil {
		return invalid("manifests is required")
	}
	for _, x := range d.manifests {
		if isManifest(x.mediaType) {
			m.Children = append(m.Children, x.digest)
		} else {
			m.Blobs = append(m.Blobs, x.digest)
		}
	}
	m.Children, m.Blobs = distinct(m.Children), distinct(m.Blobs)
	return nil
}

// refer sets subject and artifact type, which Docker's types do not have. The
// artifact type of an image falls back to its config's media type, as the
// referrers API has it; an index has no such fallback.
func (m *Manifest) refer(d document) {
	if m.MediaType == MediaTypeDockerImage || m.MediaType == MediaTypeDockerList {
		d.subject, d.artifactType = nil, ""
	}
	if m.ArtifactType = d.artifactType; m.ArtifactType == "" && d.config != nil {
		m.ArtifactType = d.config.mediaType
	}
	if d.subject != nil {
		m.Subject = d.subject.digest
	}
}

// distinct sorts digests and drops repetitions.
func distinct(list []ociref.Digest) []ociref.Digest {
	slices.Sort(list)
	return slices.Compact(list)
}

// parsingRoom is how many bytes of manifests are taken apart at once: that takes
// several times as many, and no longer for waiting its turn, as it is all work.
const parsingRoom = 16 << 20

// parsing waits for the turn of n bytes of a manifest, until done is called.
func (s *Service) parsing(ctx context.Context, n int) (done func(), err error) {
	weight := min(int64(n), parsingRoom)
	err = s.parsers.Acquire(ctx, weight)
	return func() { s.parsers.Release(weight) }, err
}

// document is parseDocument in its turn.
func (s *Service) document(ctx context.Context, content []byte) (document, error) {
	done, err := s.parsing(ctx, len(content))
	if err != nil {
		return document{}, err
	}
	defer done()
	return parseDocument(content)
}

// manifest makes the record of a push, its content checked against its digest.
func (s *Service) manifest(ctx context.Context, p Push) (Manifest, error) {
	if int64(len(p.Content)) > s.o.MaxManifest {
		return Manifest{}, fault.Becausef(ErrManifestTooLarge, "the manifest has %d bytes, more than the %d allowed", len(p.Content), s.o.MaxManifest)
	}
	actual := ociref.DigestOf(p.Digest.Algorithm(), p.Content)
	if p.Digest != "" && p.Digest != actual {
		return Manifest{}, fault.Becausef(ErrDigestMismatch, "the manifest hashes to %s, not to %s", actual, p.Digest)
	}
	done, err := s.parsing(ctx, len(p.Content))
	if err != nil {
		return Manifest{}, err
	}
	defer done()
	m, err := ParseManifest(p.MediaType, p.Content)
	if err != nil {
		return Manifest{}, err
	}
	m.Key, m.Digest, m.PushedAt = p.Key, actual, s.now()
	return m, nil
}

// sizeIndex gives an index the size of the largest image it lists, as
// DescribeImages has it. That the children are there is checked again, and for
// good, in the store's transaction.
func (s *Service) sizeIndex(ctx context.Context, m *Manifest) error {
	children, err := s.o.Manifests.Heads(ctx, m.Key, m.Children)
	if err != nil {
		return err
	}
	for _, d := range m.Children {
		child, ok := children[d]
		if !ok {
			return fault.Becausef(ErrChildNotFound, "the index lists %s, which is not in the repository '%s'; push it first", d, m.Name)
		}
		m.ImageSize = max(m.ImageSize, child.ImageSize)
	}
	return nil
}
