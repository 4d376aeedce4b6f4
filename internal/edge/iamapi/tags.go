package iamapi

import (
	"context"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

type (
	tagUser struct {
		userName
		newTags
	}
	tagRole struct {
		roleName
		newTags
	}
	untagUser struct {
		userName
		tagKeys
	}
	untagRole struct {
		roleName
		tagKeys
	}
	listUserTags struct {
		userName
		paging
	}
	listRoleTags struct {
		roleName
		paging
	}
)

// putTags sets tags of what an input names.
func putTags[In any, P interface {
	*In
	named
	tagging
	once() error
}](s *iam) func(context.Context, *awshttp.Call, *In) error {
	return func(ctx context.Context, c *awshttp.Call, in *In) error {
		if err := P(in).once(); err != nil {
			return err
		}
		return s.access.Tag(ctx, P(in).key(c), P(in).given())
	}
}

// takeTags takes tags from what an input names.
func takeTags[In any, P interface {
	*In
	named
	untagging
}](s *iam) func(context.Context, *awshttp.Call, *In) error {
	return func(ctx context.Context, c *awshttp.Call, in *In) error {
		return s.access.Untag(ctx, P(in).key(c), P(in).taken())
	}
}

type tagsOutput struct {
	Tags []tag `json:"Tags"`
	page
}

// pages is an input that asks for a part of a list.
type pages interface{ pages() paging }

func (p paging) pages() paging { return p }

// listTags lists the tags of what an input names.
func listTags[In any, P interface {
	*In
	named
	pages
}](s *iam, list string) func(context.Context, *awshttp.Call, *In) (*tagsOutput, error) {
	return func(ctx context.Context, c *awshttp.Call, in *In) (*tagsOutput, error) {
		i, err := s.access.Identity(ctx, P(in).key(c))
		if err != nil {
			return nil, err
		}
		return tagPage(list, P(in).pages(), i.Tags)
	}
}

func tagPage(list string, p paging, tags map[string]string) (*tagsOutput, error) {
	found, rest, err := part(list, p, showTags(tags), func(t tag) string { return t.Key })
	return &tagsOutput{found, rest}, err
}
