package registry

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/policy"
)

// Errors of policies.
var (
	ErrNoRepositoryPolicy = fault.New(fault.NotFound, "the repository has no policy")
	ErrNoRegistryPolicy   = fault.New(fault.NotFound, "the registry has no policy")
	ErrPolicy             = fault.New(fault.Invalid, "the policy is not valid")
)

// maxPolicy is ECR's bound on a policy, in characters.
// Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html
const maxPolicy = 10_240

// PolicyStore keeps the policies of repositories and registries. It is part of
// RepositoryStore.
type PolicyStore interface {
	// RepositoryPolicy fails with ErrRepositoryNotFound and ErrNoRepositoryPolicy.
	RepositoryPolicy(ctx context.Context, key Key) (text string, err error)
	// SetRepositoryPolicy saves or replaces. ErrRepositoryNotFound.
	SetRepositoryPolicy(ctx context.Context, key Key, text string, e journal.Event) error
	// DeleteRepositoryPolicy returns what was there. ErrRepositoryNotFound,
	// ErrNoRepositoryPolicy. A repository's policy also goes with the repository.
	DeleteRepositoryPolicy(ctx context.Context, key Key, e journal.Event) (was string, err error)
	// RegistryPolicy fails with ErrNoRegistryPolicy.
	RegistryPolicy(ctx context.Context, account arn.AccountID) (text string, err error)
	// SetRegistryPolicy saves or replaces.
	SetRegistryPolicy(ctx context.Context, account arn.AccountID, region, text string, e journal.Event) error
	// DeleteRegistryPolicy returns what was there. ErrNoRegistryPolicy.
	DeleteRegistryPolicy(ctx context.Context, account arn.AccountID, e journal.Event) (was string, err error)
	// NamesEveryone reports whether "*" stands as a value in any of the account's
	// policies, of repositories or of the registry.
	NamesEveryone(ctx context.Context, account arn.AccountID) (bool, error)
}

// Principals knows who the users, roles and sessions are that policies name.
// access.Service does.
type Principals interface {
	// PrincipalIDs returns their unique IDs by what policies call them; who is not
	// there is left out.
	PrincipalIDs(ctx context.Context, names []string) (map[string]string, error)
	// PrincipalARNs returns what they are called now, by those IDs.
	PrincipalARNs(ctx context.Context, ids []string) (map[string]string, error)
}

// nobody are the Principals of a registry that was given none.
type nobody struct{}

func (nobody) PrincipalIDs(context.Context, []string) (map[string]string, error)  { return nil, nil }
func (nobody) PrincipalARNs(context.Context, []string) (map[string]string, error) { return nil, nil }

// AttachedPolicy is the text of a policy, as it is kept (policy.Bind), and what it
// is attached to.
type AttachedPolicy struct {
	Name string // for explanations
	Text string // JSON
}

// bind returns a policy for a repository or a registry as it is kept: one that
// names principals who are there, and actions of ECR alone. ErrPolicy.
func (s *Service) bind(ctx context.Context, text string) (string, error) {
	if n := utf8.RuneCountInString(text); n > maxPolicy {
		return "", fault.Becausef(ErrPolicy, "the policy has %d characters, more than the %d allowed", n, maxPolicy)
	}
	_, err := policy.ParseResourceOf("ecr", text)
	if err == nil {
		text, err = policy.Bind(text, func(names []string) (map[string]string, error) { return s.o.Principals.PrincipalIDs(ctx, names) })
	}
	if errors.Is(err, policy.ErrMalformed) {
		err = fault.Becausef(ErrPolicy, "%s", err)
	}
	return text, err
}

// unbind returns a policy as people read it.
func (s *Service) unbind(ctx context.Context, text string) (string, error) {
	return policy.Unbind(text, func(ids []string) (map[string]string, error) { return s.o.Principals.PrincipalARNs(ctx, ids) })
}

// NamesEveryone reports whether a policy of an account's repositories or registry
// may name everyone as principal; where it says no, none does that is written
// without escapes.
func (s *Service) NamesEveryone(ctx context.Context, account arn.AccountID) (bool, error) {
	return s.o.Repositories.NamesEveryone(ctx, account)
}

// RepositoryPolicy returns the text of a repository's policy as it was given, but
// that principals are called what they are called now, and those that are gone by
// their unique IDs. ErrRepositoryNotFound, ErrNoRepositoryPolicy.
func (s *Service) RepositoryPolicy(ctx context.Context, key Key) (string, error) {
	text, err := s.o.Repositories.RepositoryPolicy(ctx, key)
	if err != nil {
		return "", explainPolicy(key, err)
	}
	return s.unbind(ctx, text)
}

// SetRepositoryPolicy gives a repository a policy instead of the one it has.
// ErrRepositoryNotFound, ErrPolicy.
func (s *Service) SetRepositoryPolicy(ctx context.Context, key Key, text string) error {
	bound, err := s.bind(ctx, text)
	if err != nil {
		return err
	}
	e := s.event(ctx, "SetRepositoryPolicy", key, policyDetail{key.Name, text})
	return explainPolicy(key, s.o.Repositories.SetRepositoryPolicy(ctx, key, bound, e))
}

// DeleteRepositoryPolicy deletes a repository's policy and returns it.
// ErrRepositoryNotFound, ErrNoRepositoryPolicy.
func (s *Service) DeleteRepositoryPolicy(ctx context.Context, key Key) (string, error) {
	e := s.event(ctx, "DeleteRepositoryPolicy", key, policyDetail{Name: key.Name})
	was, err := s.o.Repositories.DeleteRepositoryPolicy(ctx, key, e)
	if err != nil {
		return "", explainPolicy(key, err)
	}
	return s.unbind(ctx, was)
}

// RegistryPolicy returns the text of an account's registry policy as
// RepositoryPolicy does. ErrNoRegistryPolicy.
func (s *Service) RegistryPolicy(ctx context.Context, account arn.AccountID) (string, error) {
	text, err := s.o.Repositories.RegistryPolicy(ctx, account)
	if err != nil {
		return "", explainPolicy(Key{Account: account}, err)
	}
	return s.unbind(ctx, text)
}

// PutRegistryPolicy gives an account's registry a policy instead of the one it
// has. ErrPolicy.
func (s *Service) PutRegistryPolicy(ctx context.Context, account arn.AccountID, text string) error {
	bound, err := s.bind(ctx, text)
	if err != nil {
		return err
	}
	e := s.registryEvent(ctx, "PutRegistryPolicy", account, policyDetail{Text: text})
	return s.o.Repositories.SetRegistryPolicy(ctx, account, s.o.Region, bound, e)
}

// DeleteRegistryPolicy deletes an account's registry policy and returns it.
// ErrNoRegistryPolicy.
func (s *Service) DeleteRegistryPolicy(ctx context.Context, account arn.AccountID) (string, error) {
	e := s.registryEvent(ctx, "DeleteRegistryPolicy", account, policyDetail{})
	was, err := s.o.Repositories.DeleteRegistryPolicy(ctx, account, e)
	if err != nil {
		return "", explainPolicy(Key{Account: account}, err)
	}
	return s.unbind(ctx, was)
}

// Policies returns the policies that bear on a resource: its repository's, and
// those of the account's registry; and the repository's tags. A repository that is
// not there has none of its own.
func (s *Service) Policies(ctx context.Context, resource arn.ARN) (all []AttachedPolicy, tags map[string]string, err error) {
	if name, ok := strings.CutPrefix(resource.Resource, "repository/"); ok {
		if all, tags, err = s.repositoryPolicies(ctx, Key{resource.Account, ociref.Name(name)}); err != nil {
			return nil, nil, err
		}
	}
	all, err = s.withRegistryPolicy(ctx, resource.Account, all)
	return all, tags, err
}

// PoliciesWith returns the policies that would bear on a repository of an account
// if text were its own. ErrPolicy.
func (s *Service) PoliciesWith(ctx context.Context, account arn.AccountID, text string) ([]AttachedPolicy, error) {
	bound, err := s.bind(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.withRegistryPolicy(ctx, account, []AttachedPolicy{{"the new policy", bound}})
}

// withRegistryPolicy adds an account's registry policy, if it has one.
func (s *Service) withRegistryPolicy(ctx context.Context, account arn.AccountID, all []AttachedPolicy) ([]AttachedPolicy, error) {
	text, err := s.o.Repositories.RegistryPolicy(ctx, account)
	switch {
	case err == nil:
		return append(all, AttachedPolicy{"the registry policy", text}), nil
	case errors.Is(err, ErrNoRegistryPolicy):
		return all, nil
	}
	return nil, err
}

// repositoryPolicies returns what is attached to a repository itself.
func (s *Service) repositoryPolicies(ctx context.Context, key Key) (all []AttachedPolicy, tags map[string]string, err error) {
	r, err := s.o.Repositories.Repository(ctx, key)
	if errors.Is(err, ErrRepositoryNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	text, err := s.o.Repositories.RepositoryPolicy(ctx, key)
	switch {
	case err == nil:
		return []AttachedPolicy{{"the repository policy", text}}, r.Tags, nil
	case errors.Is(err, ErrNoRepositoryPolicy), errors.Is(err, ErrRepositoryNotFound):
		return nil, r.Tags, nil
	}
	return nil, nil, err
}

// policyDetail is what the journal keeps of a policy, in ECR's names.
type policyDetail struct {
	Name ociref.Name `json:"repositoryName,omitempty"`
	Text string      `json:"policyText,omitempty"`
}

// registryEvent makes the journal row of an act on an account's registry.
func (s *Service) registryEvent(ctx context.Context, name string, account arn.AccountID, detail any) journal.Event {
	registry := arn.ARN{Partition: arn.Partition, Service: "ecr", Region: s.o.Region, Account: account, Resource: "*"}
	about := journal.Subject{Account: account, Region: s.o.Region, Resource: registry.String()}
	return journal.New(ctx, s.now(), journal.SourceECR, name, about, detail)
}

// explainPolicy gives a store's sentinel the words ECR has for it.
func explainPolicy(key Key, err error) error {
	switch {
	case errors.Is(err, ErrNoRepositoryPolicy):
		return fault.Becausef(ErrNoRepositoryPolicy, "Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", key.Name, key.Account)
	case errors.Is(err, ErrNoRegistryPolicy):
		return fault.Becausef(ErrNoRegistryPolicy, "Registry policy does not exist in the registry with id '%s'", key.Account)
	}
	return explain(key, err)
}
