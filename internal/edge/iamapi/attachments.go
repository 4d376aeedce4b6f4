package iamapi

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// attachmentRows are the operations on the policies that users, groups and roles
// have: the same for all three, under three names.
func (s *iam) attachmentRows() []awshttp.Operation {
	return []awshttp.Operation{
		act(s, "PutUserPolicy", putInline[putUserPolicy](s)), act(s, "PutGroupPolicy", putInline[putGroupPolicy](s)), act(s, "PutRolePolicy", putInline[putRolePolicy](s)),
		act(s, "DeleteUserPolicy", deleteInline[userPolicy](s)), act(s, "DeleteGroupPolicy", deleteInline[groupPolicy](s)), act(s, "DeleteRolePolicy", deleteInline[rolePolicy](s)),
		row(s, "GetUserPolicy", s.getUserPolicy), row(s, "GetGroupPolicy", s.getGroupPolicy), row(s, "GetRolePolicy", s.getRolePolicy),
		row(s, "ListUserPolicies", listInline[userPage](s, "ListUserPolicies")), row(s, "ListGroupPolicies", listInline[groupPage](s, "ListGroupPolicies")),
		row(s, "ListRolePolicies", listInline[rolePage](s, "ListRolePolicies")),

		act(s, "AttachUserPolicy", attach[userAttachment](s)), act(s, "AttachGroupPolicy", attach[groupAttachment](s)), act(s, "AttachRolePolicy", attach[roleAttachment](s)),
		act(s, "DetachUserPolicy", detach[userAttachment](s)), act(s, "DetachGroupPolicy", detach[groupAttachment](s)), act(s, "DetachRolePolicy", detach[roleAttachment](s)),
		row(s, "ListAttachedUserPolicies", listAttached[userPathPage](s, "ListAttachedUserPolicies")),
		row(s, "ListAttachedGroupPolicies", listAttached[groupPathPage](s, "ListAttachedGroupPolicies")),
		row(s, "ListAttachedRolePolicies", listAttached[rolePathPage](s, "ListAttachedRolePolicies")),

		act(s, "PutUserPermissionsBoundary", putBoundary[userBoundary](s)), act(s, "PutRolePermissionsBoundary", putBoundary[roleBoundary](s)),
		act(s, "DeleteUserPermissionsBoundary", deleteBoundary[userName](s)), act(s, "DeleteRolePermissionsBoundary", deleteBoundary[roleName](s)),
	}
}

// The members of these inputs, and the inputs made of them.
type (
	policyName struct {
		Policy string `json:"PolicyName" validate:"required,min=1,max=128,pattern=[\\w+=,.@-]+"`
	}
	document struct {
		Document string `json:"PolicyDocument" validate:"required,min=1,max=131072"`
	}
	attachment struct {
		ARN string `json:"PolicyArn" validate:"required,min=20,max=2048"`
	}
	newBoundary struct {
		Boundary string `json:"PermissionsBoundary" validate:"required,min=20,max=2048"`
	}
	pathPage struct {
		Prefix *string `json:"PathPrefix" validate:"min=1,max=512,pattern=((/[A-Za-z0-9.,+@=_-]+)*)/"`
		paging
	}

	userPolicy struct {
		userName
		policyName
	}
	groupPolicy struct {
		groupName
		policyName
	}
	rolePolicy struct {
		roleName
		policyName
	}
	putUserPolicy struct {
		userPolicy
		document
	}
	putGroupPolicy struct {
		groupPolicy
		document
	}
	putRolePolicy struct {
		rolePolicy
		document
	}
	userPage struct {
		userName
		paging
	}
	groupPage struct {
		groupName
		paging
	}
	rolePage struct {
		roleName
		paging
	}
	userPathPage struct {
		userName
		pathPage
	}
	groupPathPage struct {
		groupName
		pathPage
	}
	rolePathPage struct {
		roleName
		pathPage
	}
	userAttachment struct {
		userName
		attachment
	}
	groupAttachment struct {
		groupName
		attachment
	}
	roleAttachment struct {
		roleName
		attachment
	}
	userBoundary struct {
		userName
		newBoundary
	}
	roleBoundary struct {
		roleName
		newBoundary
	}
)

func (p policyName) inline() string    { return p.Policy }
func (d document) text() string        { return d.Document }
func (a attachment) attached() string  { return a.ARN }
func (b newBoundary) boundary() string { return b.Boundary }
func (p pathPage) prefix() string      { return textOf(p.Prefix) }

func putInline[In any, P interface {
	*In
	named
	inline() string
	text() string
}](s *iam) func(context.Context, *awshttp.Call, *In) error {
	return func(ctx context.Context, c *awshttp.Call, in *In) error {
		return s.access.PutInlinePolicy(ctx, P(in).key(c), P(in).inline(), P(in).text())
	}
}

func deleteInline[In any, P interface {
	*In
	named
	inline() string
}](s *iam) func(context.Context, *awshttp.Call, *In) error {
	return func(ctx context.Context, c *awshttp.Call, in *In) error {
		return s.access.DeleteInlinePolicy(ctx, P(in).key(c), P(in).inline())
	}
}

// inline returns an inline policy as answers have it.
func (s *iam) inline(ctx context.Context, key access.IdentityKey, name string) (owner string, text string, err error) {
	i, err := s.access.Identity(ctx, key)
	if err != nil {
		return "", "", err
	}
	document, found := i.Inline[name]
	if !found {
		return "", "", access.NoInlinePolicy(key.Kind, name)
	}
	return i.Name, escaped(document), nil
}

type (
	userPolicyOutput struct {
		User     string `json:"UserName"`
		Policy   string `json:"PolicyName"`
		Document string `json:"PolicyDocument"`
	}
	groupPolicyOutput struct {
		Group    string `json:"GroupName"`
		Policy   string `json:"PolicyName"`
		Document string `json:"PolicyDocument"`
	}
	rolePolicyOutput struct {
		Role     string `json:"RoleName"`
		Policy   string `json:"PolicyName"`
		Document string `json:"PolicyDocument"`
	}
)

func (s *iam) getUserPolicy(ctx context.Context, c *awshttp.Call, in *userPolicy) (*userPolicyOutput, error) {
	owner, text, err := s.inline(ctx, in.key(c), in.Policy)
	return &userPolicyOutput{owner, in.Policy, text}, err
}

func (s *iam) getGroupPolicy(ctx context.Context, c *awshttp.Call, in *groupPolicy) (*groupPolicyOutput, error) {
	owner, text, err := s.inline(ctx, in.key(c), in.Policy)
	return &groupPolicyOutput{owner, in.Policy, text}, err
}

func (s *iam) getRolePolicy(ctx context.Context, c *awshttp.Call, in *rolePolicy) (*rolePolicyOutput, error) {
	owner, text, err := s.inline(ctx, in.key(c), in.Policy)
	return &rolePolicyOutput{owner, in.Policy, text}, err
}

type inlineOutput struct {
	Names []string `json:"PolicyNames"`
	page
}

func listInline[In any, P interface {
	*In
	named
	pages
}](s *iam, list string) func(context.Context, *awshttp.Call, *In) (*inlineOutput, error) {
	return func(ctx context.Context, c *awshttp.Call, in *In) (*inlineOutput, error) {
		i, err := s.access.Identity(ctx, P(in).key(c))
		if err != nil {
			return nil, err
		}
		names, rest, err := part(list, P(in).pages(), slices.Sorted(maps.Keys(i.Inline)), func(name string) string { return name })
		return &inlineOutput{names, rest}, err
	}
}

func attach[In any, P interface {
	*In
	named
	attaching
}](s *iam) func(context.Context, *awshttp.Call, *In) error {
	return func(ctx context.Context, c *awshttp.Call, in *In) error {
		return s.access.Attach(ctx, P(in).key(c), P(in).attached())
	}
}

func detach[In any, P interface {
	*In
	named
	attaching
}](s *iam) func(context.Context, *awshttp.Call, *In) error {
	return func(ctx context.Context, c *awshttp.Call, in *In) error {
		return s.access.Detach(ctx, P(in).key(c), P(in).attached())
	}
}

type attachedPolicy struct {
	Name string `json:"PolicyName"`
	ARN  string `json:"PolicyArn"`
}

type attachedOutput struct {
	Policies []attachedPolicy `json:"AttachedPolicies"`
	page
}

func listAttached[In any, P interface {
	*In
	named
	pages
	prefix() string
}](s *iam, list string) func(context.Context, *awshttp.Call, *In) (*attachedOutput, error) {
	return func(ctx context.Context, c *awshttp.Call, in *In) (*attachedOutput, error) {
		i, err := s.access.Identity(ctx, P(in).key(c))
		if err != nil {
			return nil, err
		}
		wanted := slices.DeleteFunc(i.Attached, func(name string) bool { return !strings.HasPrefix(pathOf(name), P(in).prefix()) })
		names, rest, err := part(list, P(in).pages(), wanted, func(name string) string { return name })
		return &attachedOutput{shown(names, func(name string) attachedPolicy { return attachedPolicy{lastOf(name), name} }), rest}, err
	}
}

// pathOf is the path in the ARN of a policy.
func pathOf(name string) string {
	_, path, _ := strings.Cut(name, ":policy")
	return strings.TrimSuffix(path, lastOf(path))
}

func putBoundary[In any, P interface {
	*In
	named
	bounding
}](s *iam) func(context.Context, *awshttp.Call, *In) error {
	return func(ctx context.Context, c *awshttp.Call, in *In) error {
		return s.access.SetBoundary(ctx, P(in).key(c), P(in).boundary())
	}
}

func deleteBoundary[In any, P interface {
	*In
	named
}](s *iam) func(context.Context, *awshttp.Call, *In) error {
	return func(ctx context.Context, c *awshttp.Call, in *In) error {
		return s.access.SetBoundary(ctx, P(in).key(c), "")
	}
}
