package registry

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/policy"
)

// What a request to create a repository can have wrong.
var (
	ErrMutability  = fault.New(fault.Invalid, "invalid image tag mutability")
	ErrResourceTag = fault.New(fault.Invalid, "invalid resource tag")
	ErrTooManyTags = fault.New(fault.Limit, "too many resource tags")
)

// Bounds of the ECR model (ImageTagMutabilityExclusionFilters, TagList, TagKey, TagValue).
const (
	maxExclusions   = 5
	maxResourceTags = 50
	maxTagKey       = 128
	maxTagValue     = 256
)

// reservedPrefix begins the tag keys that only the service itself may use.
// Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-using-tags.html
const reservedPrefix = "aws:"

// exclusionGrammar is ImageTagMutabilityExclusionFilterValue of the ECR model.
var exclusionGrammar = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-zA-Z._*-]{1,128}$`)
})

// NewRepository is a repository to create.
type NewRepository struct {
	Key
	Mutability TagMutability     // "" means Mutable
	Exclusions []string          // 1 to 5 wildcards, with the WITH_EXCLUSION mutabilities only
	Tags       map[string]string // resource tags
	ScanOnPush bool
}

// CreateRepository makes an empty repository.
// ErrRepositoryExists, ErrMutability, ErrResourceTag, ErrTooManyTags.
func (s *Service) CreateRepository(ctx context.Context, n NewRepository) (Repository, error) {
	if n.Mutability == "" {
		n.Mutability = Mutable
	}
	if err := checkMutability(n.Mutability, n.Exclusions); err != nil {
		return Repository{}, err
	}
	if err := checkResourceTags(n.Tags); err != nil {
		return Repository{}, err
	}
	r := Repository{Key: n.Key, Region: s.o.Region, Mutability: n.Mutability, Exclusions: n.Exclusions,
		Tags: n.Tags, ScanOnPush: n.ScanOnPush, CreatedAt: s.now()}
	e := s.event(ctx, "CreateRepository", n.Key, map[string]any{"repositoryName": n.Name, "imageTagMutability": n.Mutability})
	if err := s.o.Repositories.CreateRepository(ctx, r, e); err != nil {
		return Repository{}, explain(n.Key, err)
	}
	return r, nil
}

// Repository finds one. ErrRepositoryNotFound.
func (s *Service) Repository(ctx context.Context, key Key) (Repository, error) {
	r, err := s.o.Repositories.Repository(ctx, key)
	return r, explain(key, err)
}

// Repositories lists at most limit of an account's repositories by name, those
// after the given name ("" from the start).
func (s *Service) Repositories(ctx context.Context, account arn.AccountID, after ociref.Name, limit int) ([]Repository, error) {
	return s.o.Repositories.Repositories(ctx, account, after, limit)
}

// Counts tells how many images the named repositories of an account hold; of
// those that are not there it tells nothing.
func (s *Service) Counts(ctx context.Context, account arn.AccountID, names []ociref.Name) (map[ociref.Name]Counts, error) {
	return s.o.Repositories.Counts(ctx, account, names)
}

// DeleteRepository deletes a repository and returns what it was. One that still
// has images goes only by force, and they go with it.
// ErrRepositoryNotFound, ErrRepositoryNotEmpty.
func (s *Service) DeleteRepository(ctx context.Context, key Key, force bool) (Repository, error) {
	e := s.event(ctx, "DeleteRepository", key, map[string]any{"repositoryName": key.Name, "force": force})
	r, err := s.o.Repositories.DeleteRepository(ctx, key, force, e)
	if err == nil {
		s.wakeSweep()
	}
	return r, explain(key, err)
}

// checkMutability holds the exclusions against the mutability they go with.
func checkMutability(m TagMutability, exclusions []string) error {
	switch m {
	case Mutable, Immutable:
		if len(exclusions) != 0 {
			return fault.Becausef(ErrMutability, "exclusion filters go with IMMUTABLE_WITH_EXCLUSION and MUTABLE_WITH_EXCLUSION only, not with %s", m)
		}
	case MutableWithExclusion, ImmutableWithExclusion:
		if len(exclusions) < 1 || len(exclusions) > maxExclusions {
			return fault.Becausef(ErrMutability, "%s needs 1 to %d exclusion filters", m, maxExclusions)
		}
	default:
		return fault.Becausef(ErrMutability, "%.50q is not an image tag mutability", m)
	}
	for _, x := range exclusions {
		if !exclusionGrammar().MatchString(x) {
			return fault.Becausef(ErrMutability, "%.150q is not an exclusion filter: want 1 to 128 letters, digits, '.', '_', '-' and '*'", x)
		}
	}
	return nil
}

// checkResourceTags holds resource tags against the bounds of the ECR model.
func checkResourceTags(tags map[string]string) error {
	if len(tags) > maxResourceTags {
		return fault.Becausef(ErrTooManyTags, "a repository has at most %d tags, not %d", maxResourceTags, len(tags))
	}
	for k, v := range tags {
		if n := utf8.RuneCountInString(k); n < 1 || n > maxTagKey {
			return fault.Becausef(ErrResourceTag, "a tag key has 1 to %d characters: %.150q", maxTagKey, k)
		}
		if strings.HasPrefix(strings.ToLower(k), reservedPrefix) {
			return fault.Becausef(ErrResourceTag, "the tag key %.150q begins with %s, which is reserved", k, reservedPrefix)
		}
		if utf8.RuneCountInString(v) > maxTagValue {
			return fault.Becausef(ErrResourceTag, "the value of tag %q has more than %d characters", k, maxTagValue)
		}
	}
	if a, b, same := policy.SameKey(tags); same {
		return fault.Becausef(ErrResourceTag, "the tag keys %q and %q differ in case only: no policy could tell them apart", a, b)
	}
	return nil
}
