package ecrapi

import (
	"context"
	"errors"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// An image identifier that leads nowhere is a failure of its own in the batch
// operations, by these codes of the model.
var (
	errNoID        = fault.New(fault.Invalid, "both imageDigest and imageTag are missing")
	errIDDigest    = fault.New(fault.Invalid, "invalid image digest")
	errIDTag       = fault.New(fault.Invalid, "invalid image tag")
	errIDElsewhere = fault.New(fault.NotFound, "the image tag does not point at the image digest")
)

var failureCodes = []struct {
	err  error
	code string
}{
	{errNoID, "MissingDigestAndTag"},
	{errIDDigest, "InvalidImageDigest"},
	{errIDTag, "InvalidImageTag"},
	{errIDElsewhere, "ImageTagDoesNotMatchDigest"},
	{registry.ErrTagElsewhere, "ImageTagDoesNotMatchDigest"},
	{registry.ErrManifestNotFound, "ImageNotFound"},
	{registry.ErrManifestInUse, "ImageReferencedByManifestList"},
}

// failed makes err the failure of one identifier; ok is false if err concerns
// the request as a whole.
func failed(id imageID, err error) (f imageFailure, ok bool) {
	for _, c := range failureCodes {
		if errors.Is(err, c.err) {
			return imageFailure{id, c.code, err.Error()}, true
		}
	}
	return imageFailure{}, false
}

// describable is err as DescribeImages has it, which knows no failures of single
// identifiers.
func describable(id imageID, err error) error {
	switch {
	case errors.Is(err, errIDElsewhere):
		return fault.Becausef(registry.ErrManifestNotFound, "The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist: the tag points at another image", id.Digest, id.Tag)
	case errors.Is(err, errNoID):
		return invalid("imageIds", err.Error())
	case errors.Is(err, errIDDigest):
		return invalid("imageIds.imageDigest", err.Error())
	case errors.Is(err, errIDTag):
		return invalid("imageIds.imageTag", err.Error())
	}
	return err
}

// parse checks an identifier and gives its two halves their types.
func (id imageID) parse() (digest ociref.Digest, tag ociref.Tag, err error) {
	if id.Digest == "" && id.Tag == "" {
		return "", "", errNoID
	}
	if id.Digest != "" {
		if digest, err = ociref.ParseDigest(id.Digest); err != nil {
			return "", "", fault.Becausef(errIDDigest, "%s", err)
		}
	}
	if id.Tag != "" {
		if tag, err = ociref.ParseTag(id.Tag); err != nil {
			return "", "", fault.Becausef(errIDTag, "%s", err)
		}
	}
	return digest, tag, nil
}

// find reads the image of an identifier. Where it has both halves, they must
// agree.
func (s *surface) find(ctx context.Context, k registry.Key, id imageID) (registry.Manifest, error) {
	digest, tag, err := id.parse()
	if err != nil {
		return registry.Manifest{}, err
	}
	ref := ociref.Reference{Tag: tag}
	if tag == "" {
		ref.Digest = digest
	}
	m, err := s.registry.Manifest(ctx, k, ref)
	if err == nil && digest != "" && m.Digest != digest {
		return registry.Manifest{}, fault.Becausef(errIDElsewhere, "The image tag '%s' points at %s, not at %s", tag, m.Digest, digest)
	}
	return m, err
}
