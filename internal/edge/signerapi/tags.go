package signerapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/signing"
)

type tagsInput struct {
	ARN string `path:"resourceArn" validate:"required"`
}

type tagInput struct {
	tagsInput
	Tags map[string]string `json:"tags"`
}

type untagInput struct {
	tagsInput
	Keys []string `query:"tagKeys"`
}

func (in *tagsInput) resource() string { return in.ARN }

// onARN is the resource of operations that name it by its ARN, as it was given:
// what is no ARN is of no account, and denied.
func onARN[In any, P interface {
	*In
	resource() string
}](_ *awshttp.Call, in P) string {
	return in.resource()
}

// profileOf is the key of the profile with this ARN, which is the only kind of
// resource that has tags.
func (a api) profileOf(resource string) (signing.ProfileKey, error) {
	parsed, err := arn.Parse(resource)
	name, version, ok := parsed.AsSigningProfile()
	if err != nil || !ok || version != "" || resource != a.profileARN(parsed.Account, name) {
		return signing.ProfileKey{}, badRequest("resourceArn must be the ARN of a signing profile, without a version")
	}
	return signing.ProfileKey{Account: parsed.Account, Name: name}, nil
}

func (a api) tagResource(ctx context.Context, _ *awshttp.Call, in *tagInput) (*none, error) {
	key, err := a.profileOf(in.ARN)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 || len(in.Tags) > maxTagsAtOnce {
		return nil, badRequest("tags must have 1 to " + strconv.Itoa(maxTagsAtOnce) + " members")
	}
	return &none{}, tagError(a.signing.TagProfile(ctx, key, in.Tags))
}

func (a api) untagResource(ctx context.Context, _ *awshttp.Call, in *untagInput) (*none, error) {
	key, err := a.profileOf(in.ARN)
	if err != nil {
		return nil, err
	}
	if len(in.Keys) == 0 || len(in.Keys) > maxTagsAtOnce {
		return nil, badRequest("tagKeys must have 1 to " + strconv.Itoa(maxTagsAtOnce) + " members")
	}
	return &none{}, tagError(a.signing.UntagProfile(ctx, key, in.Keys))
}

type tagsOutput struct {
	Tags map[string]string `json:"tags"`
}

func (a api) listTags(ctx context.Context, _ *awshttp.Call, in *tagsInput) (*tagsOutput, error) {
	key, err := a.profileOf(in.ARN)
	if err != nil {
		return nil, err
	}
	p, err := a.signing.Profile(ctx, key)
	return &tagsOutput{p.Tags}, tagError(err)
}

// maxTagsAtOnce bounds a request (TagMap, TagKeyList).
const maxTagsAtOnce = 200

// badRequest is what is wrong with a request, in the word that these operations
// have for it.
func badRequest(message string) error {
	return awshttp.Error{Code: badRequestException, Status: http.StatusBadRequest, Message: message}
}

// tagError names the domain's errors as these operations do; the others of the
// service have other words.
func tagError(err error) error {
	switch {
	case errors.Is(err, signing.ErrProfileNotFound):
		return awshttp.Error{Code: "NotFoundException", Status: http.StatusNotFound, Message: err.Error()}
	case errors.Is(err, signing.ErrInvalid), errors.Is(err, signing.ErrProfileNotActive):
		return badRequest(err.Error())
	}
	return err
}

func tagKeys(_ context.Context, _ *awshttp.Call, in *tagInput) ([]access.Key, error) {
	return access.RequestTags(in.Tags), nil
}

func untagKeys(_ context.Context, _ *awshttp.Call, in *untagInput) ([]access.Key, error) {
	return access.TagKeys(in.Keys), nil
}
