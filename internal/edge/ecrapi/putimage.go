package ecrapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// maxPutImage holds the largest manifest however JSON escapes it: six characters
// for one.
const maxPutImage = 6*registry.DefaultMaxManifest + maxBody

type putImageInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	Manifest   string        `json:"imageManifest" validate:"required,min=1,max=4194304"`
	MediaType  string        `json:"imageManifestMediaType"`
	Tag        string        `json:"imageTag" validate:"min=1,max=300"`
	Digest     string        `json:"imageDigest"`
}

func (in *putImageInput) registry() arn.AccountID { return in.RegistryID }
func (in *putImageInput) name() string            { return in.Name }

type putImageOutput struct {
	Image image `json:"image"`
}

// putImage pushes a manifest as /v2 does. What is there already, under the tag
// if one is given, is ECR's ImageAlreadyExistsException.
func (s *surface) putImage(ctx context.Context, c *awshttp.Call, in *putImageInput) (*putImageOutput, error) {
	p, err := in.push(key(c, in))
	if err != nil {
		return nil, err
	}
	there, err := s.holds(ctx, p, in.Tag)
	if err != nil {
		return nil, err
	}
	m, created, err := s.registry.Put(ctx, p)
	switch {
	case errors.Is(err, registry.ErrTagImmutable):
		return nil, awshttp.Error{Code: "ImageTagAlreadyExistsException", Status: http.StatusBadRequest, Message: err.Error()}
	case errors.Is(err, registry.ErrDigestMismatch):
		return nil, awshttp.Error{Code: "ImageDigestDoesNotMatchException", Status: http.StatusBadRequest, Message: err.Error()}
	case err != nil:
		return nil, err
	case there && !created:
		return nil, alreadyThere(m, in.Tag)
	}
	return &putImageOutput{image{m.Account, string(m.Name), imageID{string(m.Digest), in.Tag}, in.Manifest, m.MediaType}}, nil
}

func alreadyThere(m registry.Manifest, tag string) error {
	return awshttp.Error{Code: "ImageAlreadyExistsException", Status: http.StatusBadRequest,
		Message: "Image with digest '" + string(m.Digest) + "' and tag '" + orNull(tag) + "' already exists in the repository with name '" +
			string(m.Name) + "' in registry with id '" + string(m.Account) + "'"}
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}

// push reads the parts of an input.
func (in *putImageInput) push(k registry.Key) (p registry.Push, err error) {
	p = registry.Push{Key: k, MediaType: in.MediaType, Content: []byte(in.Manifest)}
	if in.Digest != "" {
		if p.Digest, err = ociref.ParseDigest(in.Digest); err != nil {
			return p, invalid("imageDigest", err.Error())
		}
	}
	if in.Tag != "" {
		tag, err := ociref.ParseTag(in.Tag)
		if err != nil {
			return p, invalid("imageTag", err.Error())
		}
		p.Tags = []ociref.Tag{tag}
	}
	return p, nil
}

// holds reports whether the repository has the manifest, under the tag if there
// is one.
func (s *surface) holds(ctx context.Context, p registry.Push, tag string) (bool, error) {
	ref := ociref.Reference{Tag: ociref.Tag(tag)}
	digest := p.Digest
	if digest == "" {
		digest = ociref.DigestOf(ociref.SHA256, p.Content)
	}
	if tag == "" {
		ref.Digest = digest
	}
	m, err := s.registry.Manifest(ctx, p.Key, ref)
	if errors.Is(err, registry.ErrManifestNotFound) {
		return false, nil
	}
	return m.Digest == digest, err
}
