package ecrapi

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

type tagResourceInput struct {
	ARN  string        `json:"resourceArn" validate:"required,max=2048"`
	Tags []resourceTag `json:"tags" validate:"required,max=200"`
}

type untagResourceInput struct {
	ARN  string   `json:"resourceArn" validate:"required,max=2048"`
	Keys []string `json:"tagKeys" validate:"required,max=200"`
}

type resourceInput struct {
	ARN string `json:"resourceArn" validate:"required,max=2048"`
}

func (in *tagResourceInput) resource() string   { return in.ARN }
func (in *untagResourceInput) resource() string { return in.ARN }
func (in *resourceInput) resource() string      { return in.ARN }

// onARN is the resource of operations that name it by its ARN, as it was given:
// what is no ARN is of no account, and denied.
func onARN[In any, P interface {
	*In
	resource() string
}](_ *awshttp.Call, in P) string {
	return in.resource()
}

// repositoryOf is the key of the repository with this ARN, which is the only kind
// of resource that has tags.
func repositoryOf(c *awshttp.Call, resource string) (registry.Key, error) {
	a, err := arn.Parse(resource)
	name, found := strings.CutPrefix(a.Resource, "repository/")
	if err != nil || !found || resource != arn.Repository(c.Region, a.Account, name).String() || a.Account == "" {
		return registry.Key{}, invalid("resourceArn", "must be the ARN of a repository, such as "+arn.Repository(c.Region, c.Account, "NAME").String())
	}
	parsed, err := ociref.ParseName(name)
	if err != nil {
		return registry.Key{}, invalid("resourceArn", err.Error())
	}
	return registry.Key{Account: a.Account, Name: parsed}, nil
}

func (s *surface) tagResource(ctx context.Context, c *awshttp.Call, in *tagResourceInput) (*struct{}, error) {
	k, err := repositoryOf(c, in.ARN)
	if err != nil {
		return nil, err
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	return &struct{}{}, s.registry.TagResource(ctx, k, tags)
}

func (s *surface) untagResource(ctx context.Context, c *awshttp.Call, in *untagResourceInput) (*struct{}, error) {
	k, err := repositoryOf(c, in.ARN)
	if err != nil {
		return nil, err
	}
	return &struct{}{}, s.registry.UntagResource(ctx, k, in.Keys)
}

type tagsOutput struct {
	Tags []resourceTag `json:"tags"`
}

func (s *surface) listTags(ctx context.Context, c *awshttp.Call, in *resourceInput) (*tagsOutput, error) {
	k, err := repositoryOf(c, in.ARN)
	if err != nil {
		return nil, err
	}
	r, err := s.registry.Repository(ctx, k)
	out := &tagsOutput{}
	for key, value := range r.Tags {
		out.Tags = append(out.Tags, resourceTag{&key, &value})
	}
	slices.SortFunc(out.Tags, func(a, b resourceTag) int { return cmp.Compare(*a.Key, *b.Key) })
	return out, err
}

// Condition keys of the tags in a request. Of a key that is given twice, which is
// refused later, the last value counts.

func createdTags(_ context.Context, _ *awshttp.Call, in *createRepositoryInput) ([]access.Key, error) {
	return requestTags(in.Tags), nil
}

func givenTags(_ context.Context, _ *awshttp.Call, in *tagResourceInput) ([]access.Key, error) {
	return requestTags(in.Tags), nil
}

func takenTags(_ context.Context, _ *awshttp.Call, in *untagResourceInput) ([]access.Key, error) {
	return access.TagKeys(in.Keys), nil
}

func requestTags(list []resourceTag) []access.Key {
	tags := map[string]string{}
	for _, t := range list {
		tags[*t.Key] = *t.Value
	}
	return access.RequestTags(tags)
}

// tagging is the need of a creation that gives tags.
//
// Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-supported-iam-actions-tagging.html
func tagging(c *awshttp.Call, in *createRepositoryInput) []awshttp.Need {
	if len(in.Tags) == 0 {
		return nil
	}
	return []awshttp.Need{{Action: "ecr:TagResource", Resource: onRepository(c, in)}}
}
