package ecrapi

import (
	"context"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// PolicyJudge tells what a policy would do. access.Service is one.
type PolicyJudge interface {
	// AuthorizeUnder decides as if the documents, as they would be kept, were what is
	// attached to the resource.
	AuthorizeUnder(ctx context.Context, r access.Request, attached []access.Document) (access.Decision, error)
}

type setRepositoryPolicyInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	Text       *string       `json:"policyText" validate:"required,max=10240"`
	Force      bool          `json:"force"`
}

func (in *setRepositoryPolicyInput) registry() arn.AccountID { return in.RegistryID }
func (in *setRepositoryPolicyInput) name() string            { return in.Name }

type repositoryPolicyInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
}

func (in *repositoryPolicyInput) registry() arn.AccountID { return in.RegistryID }
func (in *repositoryPolicyInput) name() string            { return in.Name }

type repositoryPolicyOutput struct {
	RegistryID arn.AccountID `json:"registryId"`
	Name       string        `json:"repositoryName"`
	Text       string        `json:"policyText"`
}

func (s *surface) setRepositoryPolicy(ctx context.Context, c *awshttp.Call, in *setRepositoryPolicyInput) (*repositoryPolicyOutput, error) {
	k := key(c, in)
	if !in.Force {
		if err := s.keepsCaller(ctx, c, in); err != nil {
			return nil, err
		}
	}
	if err := s.registry.SetRepositoryPolicy(ctx, k, *in.Text); err != nil {
		return nil, err
	}
	return &repositoryPolicyOutput{k.Account, in.Name, *in.Text}, nil
}

// keepsCaller refuses a policy that would keep the caller from setting another.
func (s *surface) keepsCaller(ctx context.Context, c *awshttp.Call, in *setRepositoryPolicyInput) error {
	policies, err := s.registry.PoliciesWith(ctx, key(c, in).Account, *in.Text)
	if err != nil {
		return err
	}
	var attached []access.Document
	for _, p := range policies {
		attached = append(attached, access.Document{Name: p.Name, Text: p.Text})
	}
	r := access.Request{Principal: c.Principal, Action: "ecr:SetRepositoryPolicy", Resource: onRepository(c, in), Context: c.Context}
	d, err := s.judge.AuthorizeUnder(ctx, r, attached)
	if err == nil && !d.Allowed {
		return invalid("PolicyText", "The new repository policy would prevent you from setting another one ("+d.Reason+"): use force to set it all the same")
	}
	return err
}

func (s *surface) getRepositoryPolicy(ctx context.Context, c *awshttp.Call, in *repositoryPolicyInput) (*repositoryPolicyOutput, error) {
	k := key(c, in)
	text, err := s.registry.RepositoryPolicy(ctx, k)
	return &repositoryPolicyOutput{k.Account, in.Name, text}, err
}

func (s *surface) deleteRepositoryPolicy(ctx context.Context, c *awshttp.Call, in *repositoryPolicyInput) (*repositoryPolicyOutput, error) {
	k := key(c, in)
	text, err := s.registry.DeleteRepositoryPolicy(ctx, k)
	return &repositoryPolicyOutput{k.Account, in.Name, text}, err
}

type putRegistryPolicyInput struct {
	Text *string `json:"policyText" validate:"required,max=10240"`
}

type registryPolicyInput struct{}

type registryPolicyOutput struct {
	RegistryID arn.AccountID `json:"registryId"`
	Text       string        `json:"policyText"`
}

func (s *surface) putRegistryPolicy(ctx context.Context, c *awshttp.Call, in *putRegistryPolicyInput) (*registryPolicyOutput, error) {
	if err := s.registry.PutRegistryPolicy(ctx, c.Account, *in.Text); err != nil {
		return nil, err
	}
	return &registryPolicyOutput{c.Account, *in.Text}, nil
}

func (s *surface) getRegistryPolicy(ctx context.Context, c *awshttp.Call, _ *registryPolicyInput) (*registryPolicyOutput, error) {
	text, err := s.registry.RegistryPolicy(ctx, c.Account)
	return &registryPolicyOutput{c.Account, text}, err
}

func (s *surface) deleteRegistryPolicy(ctx context.Context, c *awshttp.Call, _ *registryPolicyInput) (*registryPolicyOutput, error) {
	text, err := s.registry.DeleteRegistryPolicy(ctx, c.Account)
	return &registryPolicyOutput{c.Account, text}, err
}
