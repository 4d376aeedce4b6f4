package iamapi

import (
	"context"
	"strconv"
	"strings"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// policyRows are the operations on managed policies.
func (s *iam) policyRows() []awshttp.Operation {
	return []awshttp.Operation{
		row(s, "CreatePolicy", s.createPolicy), row(s, "GetPolicy", s.getPolicy), row(s, "ListPolicies", s.listPolicies), act(s, "DeletePolicy", s.deletePolicy),
		row(s, "CreatePolicyVersion", s.createPolicyVersion), row(s, "GetPolicyVersion", s.getPolicyVersion), row(s, "ListPolicyVersions", s.listPolicyVersions),
		act(s, "DeletePolicyVersion", s.deletePolicyVersion), act(s, "SetDefaultPolicyVersion", s.setDefaultPolicyVersion),
		act(s, "TagPolicy", s.tagPolicy), act(s, "UntagPolicy", s.untagPolicy), row(s, "ListPolicyTags", s.listPolicyTags),
		row(s, "ListEntitiesForPolicy", s.listEntitiesForPolicy),
	}
}

// policyFacts is what all shapes of a managed policy have.
type policyFacts struct {
	Name        string       `json:"PolicyName"`
	ID          string       `json:"PolicyId"`
	ARN         string       `json:"Arn"`
	Path        string       `json:"Path"`
	Default     string       `json:"DefaultVersionId"`
	Attachments int          `json:"AttachmentCount"`
	Boundaries  int          `json:"PermissionsBoundaryUsageCount"`
	Attachable  bool         `json:"IsAttachable"`
	Description *string      `json:"Description,omitempty"`
	Created     awshttp.Time `json:"CreateDate"`
	Updated     awshttp.Time `json:"UpdateDate"`
}

type managedPolicy struct {
	policyFacts
	Tags []tag `json:"Tags,omitempty"`
}

func showPolicy(p access.ManagedPolicy) managedPolicy {
	return managedPolicy{policyFacts{p.Name, p.ID, p.ARN().String(), p.Path, p.Standing().ID(), p.Attached, p.Boundaries, true,
		orNil(p.Description), awshttp.Time{Time: p.CreatedAt}, awshttp.Time{Time: p.UpdatedAt}}, showTags(p.Tags)}
}

type policyOutput struct {
	Policy managedPolicy `json:"Policy"`
}

type createPolicy struct {
	Name        string  `json:"PolicyName" validate:"required,min=1,max=128,pattern=[\\w+=,.@-]+"`
	Path        *string `json:"Path" validate:"min=1,max=512,pattern=((/[A-Za-z0-9.,+@=_-]+)*)/"`
	Document    string  `json:"PolicyDocument" validate:"required,min=1,max=131072"`
	Description *string `json:"Description" validate:"max=1000"`
	tags
}

func (in *createPolicy) policy(account arn.AccountID) access.ManagedPolicy {
	p := access.ManagedPolicy{Account: account, Name: in.Name, Path: "/", Description: textOf(in.Description), Tags: in.given()}
	if in.Path != nil {
		p.Path = *in.Path
	}
	return p
}

func (in *createPolicy) asked(c *awshttp.Call) string {
	return in.policy(c.Account).ARN().String()
}

func (in *createPolicy) more(c *awshttp.Call) []awshttp.Need {
	return tagsToo(in.tags, "iam:TagPolicy", in.policy(c.Account).ARN().String())
}

func (s *iam) createPolicy(ctx context.Context, c *awshttp.Call, in *createPolicy) (*policyOutput, error) {
	if err := in.once(); err != nil {
		return nil, err
	}
	p, err := s.access.CreatePolicy(ctx, in.policy(c.Account), in.Document)
	return &policyOutput{showPolicy(p)}, err
}

func (s *iam) getPolicy(ctx context.Context, c *awshttp.Call, in *policyARN) (*policyOutput, error) {
	p, err := s.access.Policy(ctx, c.Account, in.Policy)
	return &policyOutput{showPolicy(p)}, err
}

func (s *iam) deletePolicy(ctx context.Context, c *awshttp.Call, in *policyARN) error {
	return s.access.DeletePolicy(ctx, c.Account, in.Policy)
}

type listPolicies struct {
	everything
	Scope    string  `json:"Scope" validate:"enum=All|AWS|Local"`
	Attached bool    `json:"OnlyAttached"`
	Prefix   *string `json:"PathPrefix" validate:"min=1,max=512,pattern=((/[A-Za-z0-9.,+@=_-]+)*)/"`
	Usage    string  `json:"PolicyUsageFilter" validate:"enum=PermissionsPolicy|PermissionsBoundary"`
	paging
}

func (in *listPolicies) usage() access.Usage {
	if u := usage(in.Usage); u != access.AnyUsage || !in.Attached {
		return u
	}
	return access.InUse
}

type listPoliciesOutput struct {
	Policies []managedPolicy `json:"Policies"`
	page
}

// listPolicies lists AWS's own policies first, then the account's.
func (s *iam) listPolicies(ctx context.Context, c *awshttp.Call, in *listPolicies) (*listPoliciesOutput, error) {
	after, err := in.after("ListPolicies")
	if err != nil {
		return nil, err
	}
	var list []access.ManagedPolicy
	if in.Scope != "Local" {
		if list, err = s.awsPolicies(ctx, c, in, after); err != nil {
			return nil, err
		}
	}
	if in.Scope != "AWS" && len(list) <= in.size() {
		own := strings.TrimPrefix(after, ownPlace)
		if own == after {
			own = ""
		}
		mine, err := s.access.Policies(ctx, c.Account, access.Page{PathPrefix: textOf(in.Prefix), After: own, Limit: in.size() + 1 - len(list)}, in.usage())
		if err != nil {
			return nil, err
		}
		list = append(list, mine...)
	}
	found, rest := cut("ListPolicies", list, in.size(), policyPlace)
	return &listPoliciesOutput{shown(found, showPolicy), rest}, nil
}

// The places in a list of policies: AWS's own come before an account's.
const (
	awsPlace = "a/"
	ownPlace = "b/"
)

func policyPlace(p access.ManagedPolicy) string {
	if p.Account == "aws" {
		return awsPlace + foldedName(p.Name)
	}
	return ownPlace + foldedName(p.Name)
}

func (s *iam) awsPolicies(ctx context.Context, c *awshttp.Call, in *listPolicies, after string) (list []access.ManagedPolicy, err error) {
	all, err := s.access.AWSPolicies(ctx, c.Account)
	for _, p := range all {
		if policyPlace(p) > after && strings.HasPrefix(p.Path, textOf(in.Prefix)) && p.Are(in.usage()) {
			list = append(list, p)
		}
	}
	return list, err
}

type policyVersion struct {
	Document *string      `json:"Document,omitempty"`
	ID       string       `json:"VersionId"`
	Default  bool         `json:"IsDefaultVersion"`
	Created  awshttp.Time `json:"CreateDate"`
}

type versionOutput struct {
	Version policyVersion `json:"PolicyVersion"`
}

func showVersion(v access.PolicyVersion, standard bool) policyVersion {
	return policyVersion{nil, v.ID(), standard, awshttp.Time{Time: v.CreatedAt}}
}

type createPolicyVersion struct {
	policyARN
	Document string `json:"PolicyDocument" validate:"required,min=1,max=131072"`
	Standard bool   `json:"SetAsDefault"`
}

func (in *createPolicyVersion) more(*awshttp.Call) []awshttp.Need {
	if !in.Standard {
		return nil
	}
	return []awshttp.Need{{Action: "iam:SetDefaultPolicyVersion", Resource: in.Policy}}
}

func (s *iam) createPolicyVersion(ctx context.Context, c *awshttp.Call, in *createPolicyVersion) (*versionOutput, error) {
	v, err := s.access.CreatePolicyVersion(ctx, c.Account, in.Policy, in.Document, in.Standard)
	return &versionOutput{showVersion(v, in.Standard)}, err
}

type oneVersion struct {
	policyARN
	Version string `json:"VersionId" validate:"required,max=128,pattern=v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?"`
}

func (s *iam) getPolicyVersion(ctx context.Context, c *awshttp.Call, in *oneVersion) (*versionOutput, error) {
	p, err := s.access.Policy(ctx, c.Account, in.Policy)
	if err != nil {
		return nil, err
	}
	v, found := p.Version(in.Version)
	if !found {
		return nil, access.NoPolicyVersion(in.Policy, in.Version)
	}
	out := showVersion(v, v.Number == p.Default)
	document := escaped(v.Document)
	out.Document = &document
	return &versionOutput{out}, nil
}

type onePolicyPage struct {
	policyARN
	paging
}

type listVersionsOutput struct {
	Versions []policyVersion `json:"Versions"`
	page
}

func (s *iam) listPolicyVersions(ctx context.Context, c *awshttp.Call, in *onePolicyPage) (*listVersionsOutput, error) {
	p, err := s.access.Policy(ctx, c.Account, in.Policy)
	if err != nil {
		return nil, err
	}
	at := func(v access.PolicyVersion) string { return strconv.Itoa(1_000_000 + v.Number) }
	versions, rest, err := part("ListPolicyVersions", in.paging, p.Versions, at)
	return &listVersionsOutput{shown(versions, func(v access.PolicyVersion) policyVersion { return showVersion(v, v.Number == p.Default) }), rest}, err
}

func (s *iam) deletePolicyVersion(ctx context.Context, c *awshttp.Call, in *oneVersion) error {
	return s.access.DeletePolicyVersion(ctx, c.Account, in.Policy, in.Version)
}

func (s *iam) setDefaultPolicyVersion(ctx context.Context, c *awshttp.Call, in *oneVersion) error {
	return s.access.SetDefaultPolicyVersion(ctx, c.Account, in.Policy, in.Version)
}

type tagPolicy struct {
	policyARN
	newTags
}

func (s *iam) tagPolicy(ctx context.Context, c *awshttp.Call, in *tagPolicy) error {
	if err := in.once(); err != nil {
		return err
	}
	return s.access.TagPolicy(ctx, c.Account, in.Policy, in.given())
}

type untagPolicy struct {
	policyARN
	tagKeys
}

func (s *iam) untagPolicy(ctx context.Context, c *awshttp.Call, in *untagPolicy) error {
	return s.access.UntagPolicy(ctx, c.Account, in.Policy, in.taken())
}

func (s *iam) listPolicyTags(ctx context.Context, c *awshttp.Call, in *onePolicyPage) (*tagsOutput, error) {
	p, err := s.access.Policy(ctx, c.Account, in.Policy)
	if err != nil {
		return nil, err
	}
	return tagPage("ListPolicyTags", in.paging, p.Tags)
}
