package ecrapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

type checkLayersInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	Digests    []string      `json:"layerDigests" validate:"required,min=1,max=100" each:"max=1000"`
}

func (in *checkLayersInput) registry() arn.AccountID { return in.RegistryID }
func (in *checkLayersInput) name() string            { return in.Name }

type layer struct {
	Digest       string `json:"layerDigest"`
	Availability string `json:"layerAvailability"`
	Size         *int64 `json:"layerSize,omitempty"`
}

type layerFailure struct {
	Digest string `json:"layerDigest"`
	Code   string `json:"failureCode"`
	Reason string `json:"failureReason"`
}

type checkLayersOutput struct {
	Layers   []layer        `json:"layers"`
	Failures []layerFailure `json:"failures"`
}

// checkLayers tells which layers the repository holds.
func (s *surface) checkLayers(ctx context.Context, c *awshttp.Call, in *checkLayersInput) (*checkLayersOutput, error) {
	k, out := key(c, in), &checkLayersOutput{}
	if err := s.mustExist(ctx, k, false); err != nil {
		return nil, err
	}
	for _, text := range in.Digests {
		if text == "" {
			out.Failures = append(out.Failures, layerFailure{text, "MissingLayerDigest", "the digest is missing"})
			continue
		}
		digest, err := ociref.ParseDigest(text)
		if err != nil {
			out.Failures = append(out.Failures, layerFailure{text, "InvalidLayerDigest", err.Error()})
			continue
		}
		switch size, err := s.registry.StatBlob(ctx, k, digest); {
		case err == nil:
			out.Layers = append(out.Layers, layer{text, "AVAILABLE", &size})
		case errors.Is(err, registry.ErrBlobNotFound):
			out.Layers = append(out.Layers, layer{text, "UNAVAILABLE", nil})
		default:
			return nil, err
		}
	}
	return out, nil
}

type layerURLInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	Digest     string        `json:"layerDigest" validate:"required,pattern=[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+"`
}

func (in *layerURLInput) registry() arn.AccountID { return in.RegistryID }
func (in *layerURLInput) name() string            { return in.Name }

type layerURLOutput struct {
	URL    string `json:"downloadUrl"`
	Digest string `json:"layerDigest"`
}

// layerURL makes a URL of /v2 that needs no header: the ticket in it opens this
// layer, for as long as the caller may read it and an hour at most.
func (s *surface) layerURL(ctx context.Context, c *awshttp.Call, in *layerURLInput) (*layerURLOutput, error) {
	k := key(c, in)
	digest, err := ociref.ParseDigest(in.Digest)
	if err != nil {
		return nil, invalid("layerDigest", err.Error())
	}
	if _, err := s.registry.StatBlob(ctx, k, digest); errors.Is(err, registry.ErrBlobNotFound) {
		return nil, awshttp.Error{Code: "LayersNotFoundException", Status: http.StatusBadRequest, Message: err.Error()}
	} else if err != nil {
		return nil, err
	}
	ticket, err := s.tokens.IssueTicket(ctx, c.Principal, c.AccessKeyID, s.registry.LayerName(k, digest))
	if err != nil {
		return nil, err
	}
	return &layerURLOutput{s.url(c, k.Account, false) + "/v2/" + in.Name + "/blobs/" + string(digest) + "?ticket=" + url.QueryEscape(ticket), in.Digest}, nil
}
