package iamapi

import (
	"net/url"
	"slices"
	"strings"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/policy"
)

// The shapes of iam.json that several operations share.

type user struct {
	Path     string       `json:"Path"`
	Name     *string      `json:"UserName,omitempty"`
	ID       string       `json:"UserId"`
	ARN      string       `json:"Arn"`
	Created  awshttp.Time `json:"CreateDate"`
	Boundary *bounded     `json:"PermissionsBoundary,omitempty"`
	Tags     []tag        `json:"Tags,omitempty"`
}

type group struct {
	Path    string       `json:"Path"`
	Name    string       `json:"GroupName"`
	ID      string       `json:"GroupId"`
	ARN     string       `json:"Arn"`
	Created awshttp.Time `json:"CreateDate"`
}

// roleFacts is what all shapes of a role have.
type roleFacts struct {
	Path     string       `json:"Path"`
	Name     string       `json:"RoleName"`
	ID       string       `json:"RoleId"`
	ARN      string       `json:"Arn"`
	Created  awshttp.Time `json:"CreateDate"`
	Trust    string       `json:"AssumeRolePolicyDocument"`
	Boundary *bounded     `json:"PermissionsBoundary,omitempty"`
	Tags     []tag        `json:"Tags,omitempty"`
}

type role struct {
	roleFacts
	Description *string `json:"Description,omitempty"`
	MaxSession  int     `json:"MaxSessionDuration"`
}

type bounded struct {
	Type string `json:"PermissionsBoundaryType"`
	ARN  string `json:"PermissionsBoundaryArn"`
}

type tag struct {
	Key   string `json:"Key" validate:"required,min=1,max=128,pattern=[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+"`
	Value string `json:"Value" validate:"max=256,pattern=[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*"`
}

func showUser(i access.Identity) user {
	return user{i.Path, &i.Name, i.ID, i.ARN().String(), awshttp.Time{Time: i.CreatedAt}, showBoundary(i.Boundary), showTags(i.Tags)}
}

func showGroup(i access.Identity) group {
	return group{i.Path, i.Name, i.ID, i.ARN().String(), awshttp.Time{Time: i.CreatedAt}}
}

func showRole(i access.Identity) role {
	return role{roleFacts{i.Path, i.Name, i.ID, i.ARN().String(), awshttp.Time{Time: i.CreatedAt}, escaped(i.Trust),
		showBoundary(i.Boundary), showTags(i.Tags)}, orNil(i.Description), int(i.MaxSession.Seconds())}
}

func showBoundary(policy string) *bounded {
	if policy == "" {
		return nil
	}
	return &bounded{"PermissionsBoundaryPolicy", policy}
}

func showTags(tags map[string]string) []tag {
	var all []tag
	for k, v := range tags {
		all = append(all, tag{k, v})
	}
	slices.SortFunc(all, func(a, b tag) int { return strings.Compare(a.Key, b.Key) })
	return all
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// escaped is a document as answers have it: RFC 3986, every character that is not
// unreserved.
//
// Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html
func escaped(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

// tags are the tags of a request that may have some, newTags of one that is about
// nothing else.
type (
	tags struct {
		Tags []tag `json:"Tags" validate:"max=50"`
	}
	newTags struct {
		Tags []tag `json:"Tags" validate:"required,max=50"`
	}
)

// given is the tags by their keys.
func (t tags) given() map[string]string {
	all := make(map[string]string, len(t.Tags))
	for _, tag := range t.Tags {
		all[tag.Key] = tag.Value
	}
	return all
}

func (t newTags) given() map[string]string { return tags(t).given() }

// repeat reports whether a key comes twice, whatever its case.
func (t tags) repeat() bool {
	keys := map[string]bool{}
	for _, tag := range t.Tags {
		keys[policy.KeyName(tag.Key)] = true
	}
	return len(keys) != len(t.Tags)
}

const tagsRepeat = "Duplicate tag keys found. Please note that Tag keys are case insensitive."

// once refuses a key that comes twice.
func (t tags) once() error {
	if t.repeat() {
		return invalidInput(tagsRepeat)
	}
	return nil
}

func (t newTags) once() error { return tags(t).once() }

// tagKeys are the tags that a request takes away.
type tagKeys struct {
	Keys []string `json:"TagKeys" validate:"required,max=50" each:"min=1,max=128,pattern=[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+"`
}

func (t tagKeys) taken() []string { return t.Keys }
