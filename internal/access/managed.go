package access

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/policy"
)

// ManagedPolicy is a policy that identities share.
type ManagedPolicy struct {
	Account     arn.AccountID // "aws" in ARNs of AWS's own: then ""
	Name        string
	Path        string
	ID          string // ANPA…
	Description string
	Tags        map[string]string
	Versions    []PolicyVersion // 1 to 5, oldest first
	Default     int             // the number of the version that counts
	Last        int             // the number of the newest version there ever was
	CreatedAt   time.Time
	UpdatedAt   time.Time
	PolicyUses  // by the account that asks
}

// PolicyVersion is one text of a managed policy.
type PolicyVersion struct {
	Number    int // as in "v3"
	Document  string
	CreatedAt time.Time
}

// ID is "v" and the number.
func (v PolicyVersion) ID() string { return "v" + strconv.Itoa(v.Number) }

// ARN names the policy.
func (p ManagedPolicy) ARN() arn.ARN {
	return arn.ARN{Partition: arn.Partition, Service: "iam", Account: p.Account, Resource: "policy" + p.Path + p.Name}
}

// Standing is the version that counts.
func (p ManagedPolicy) Standing() PolicyVersion {
	v, _ := p.Version("v" + strconv.Itoa(p.Default))
	return v
}

// Version finds a version by its ID.
func (p ManagedPolicy) Version(id string) (PolicyVersion, bool) {
	at := slices.IndexFunc(p.Versions, func(v PolicyVersion) bool { return v.ID() == id })
	if at < 0 {
		return PolicyVersion{}, false
	}
	return p.Versions[at], true
}

// Quotas of IAM.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxManagedDocument = 6144 // characters, white space aside
	maxVersions        = 5
	maxPolicies        = 1500
)

// CreatePolicy makes a managed policy of one version. Of p its account, name,
// path, description and tags count. ErrPolicyExists, ErrTooMany, ErrInvalidName,
// policy.ErrMalformed.
func (s *Service) CreatePolicy(ctx context.Context, p ManagedPolicy, document string) (ManagedPolicy, error) {
	if p.Path == "" {
		p.Path = "/"
	}
	if err := firstError(checkName(p.Name, maxLongName), checkPath(p.Path), checkTags(p.Tags), checkManaged(document)); err != nil {
		return ManagedPolicy{}, err
	}
	now := s.timestamp()
	p.ID, p.CreatedAt, p.UpdatedAt = newUniqueID(policyIDPrefix), now, now
	p.Versions, p.Default, p.Last = []PolicyVersion{{1, document, now}}, 1, 1
	err := s.store.CreatePolicy(ctx, p, maxPolicies, s.policyEvent(ctx, "CreatePolicy", p, nil))
	return p, err
}

// Policy returns a managed policy by its ARN, one of AWS's too, with its uses in
// an account. ErrNoPolicy.
func (s *Service) Policy(ctx context.Context, account arn.AccountID, name string) (ManagedPolicy, error) {
	p, err := s.managed(ctx, account, name)
	if err != nil {
		return p, err
	}
	uses, err := s.store.Uses(ctx, account, []string{name})
	p.PolicyUses = uses[name]
	return p, err
}

// managed is Policy without the uses.
func (s *Service) managed(ctx context.Context, account arn.AccountID, name string) (ManagedPolicy, error) {
	if p, ok := AWSPolicy(name); ok {
		return p, nil
	}
	if a, err := arn.Parse(name); err != nil || a.Account != account {
		return ManagedPolicy{}, noPolicy(name)
	}
	p, err := s.store.Policy(ctx, name)
	return p, orNoPolicy(name, err)
}

// Policies lists an account's own managed policies, those that are used as asked.
func (s *Service) Policies(ctx context.Context, account arn.AccountID, p Page, u Usage) ([]ManagedPolicy, error) {
	return s.withUses(ctx, account, func() ([]ManagedPolicy, error) { return s.store.Policies(ctx, account, p, u) })
}

// AWSPolicies are AWS's own policies, by name, with their uses in an account.
func (s *Service) AWSPolicies(ctx context.Context, account arn.AccountID) ([]ManagedPolicy, error) {
	return s.withUses(ctx, account, func() ([]ManagedPolicy, error) { return slices.Clone(awsPolicies()), nil })
}

func (s *Service) withUses(ctx context.Context, account arn.AccountID, list func() ([]ManagedPolicy, error)) ([]ManagedPolicy, error) {
	found, err := list()
	if err != nil {
		return nil, err
	}
	names := make([]string, len(found))
	for i := range found {
		names[i] = found[i].ARN().String()
	}
	uses, err := s.store.Uses(ctx, account, names)
	for i := range found {
		found[i].PolicyUses = uses[names[i]]
	}
	return found, err
}

// Entities lists the identities of an account that have a policy or are bounded
// by it, without what they hold. ErrNoPolicy.
func (s *Service) Entities(ctx context.Context, account arn.AccountID, name string, f EntityFilter) ([]Identity, error) {
	if _, err := s.managed(ctx, account, name); err != nil {
		return nil, err
	}
	return s.store.Entities(ctx, account, name, f)
}

// CreatePolicyVersion adds a version, which counts at once if standard is set.
// ErrNoPolicy, ErrTooMany at five, ErrUnmodifiable, policy.ErrMalformed.
func (s *Service) CreatePolicyVersion(ctx context.Context, account arn.AccountID, name, document string, standard bool) (v PolicyVersion, err error) {
	if err := checkManaged(document); err != nil {
		return v, err
	}
	err = s.changePolicy(ctx, account, name, "CreatePolicyVersion", func(p *ManagedPolicy) (any, error) {
		if len(p.Versions) >= maxVersions {
			return nil, fault.Becausef(ErrTooMany, "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
		}
		p.Last++
		v = PolicyVersion{p.Last, document, s.timestamp()}
		p.Versions = append(p.Versions, v)
		if standard {
			p.Default = v.Number
		}
		return map[string]any{"versionId": v.ID(), "setAsDefault": standard}, nil
	})
	return v, err
}

// DeletePolicyVersion deletes a version that does not count. ErrNoPolicy,
// ErrInUse, ErrUnmodifiable.
func (s *Service) DeletePolicyVersion(ctx context.Context, account arn.AccountID, name, version string) error {
	return s.changePolicy(ctx, account, name, "DeletePolicyVersion", func(p *ManagedPolicy) (any, error) {
		v, found := p.Version(version)
		switch {
		case !found:
			return nil, NoPolicyVersion(name, version)
		case v.Number == p.Default:
			return nil, fault.Becausef(ErrInUse, "Cannot delete the default version of a policy.")
		}
		p.Versions = slices.DeleteFunc(p.Versions, func(o PolicyVersion) bool { return o.Number == v.Number })
		return map[string]any{"versionId": version}, nil
	})
}

// SetDefaultPolicyVersion makes another version count. ErrNoPolicy,
// ErrUnmodifiable.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, account arn.AccountID, name, version string) error {
	return s.changePolicy(ctx, account, name, "SetDefaultPolicyVersion", func(p *ManagedPolicy) (any, error) {
		v, found := p.Version(version)
		if !found {
			return nil, NoPolicyVersion(name, version)
		}
		p.Default = v.Number
		return map[string]any{"versionId": version}, nil
	})
}

// TagPolicy sets tags, UntagPolicy takes them away. ErrNoPolicy, ErrUnmodifiable.
func (s *Service) TagPolicy(ctx context.Context, account arn.AccountID, name string, tags map[string]string) error {
	return s.changePolicy(ctx, account, name, "TagPolicy", func(p *ManagedPolicy) (_ any, err error) {
		p.Tags, err = withTags(p.Tags, tags)
		return map[string]any{"tags": tags}, err
	})
}

// UntagPolicy takes tags away, those that are there.
func (s *Service) UntagPolicy(ctx context.Context, account arn.AccountID, name string, keys []string) error {
	return s.changePolicy(ctx, account, name, "UntagPolicy", func(p *ManagedPolicy) (any, error) {
		p.Tags = withoutTags(p.Tags, keys)
		return map[string]any{"tagKeys": keys}, nil
	})
}

// DeletePolicy deletes a managed policy that nobody has and that has one version.
// ErrNoPolicy, ErrInUse, ErrUnmodifiable.
func (s *Service) DeletePolicy(ctx context.Context, account arn.AccountID, name string) error {
	if err := mine(account, name); err != nil {
		return err
	}
	err := s.store.DeletePolicy(ctx, name, func(p ManagedPolicy) (journal.Event, error) {
		switch {
		case p.Attached+p.Boundaries > 0:
			return journal.Event{}, fault.Becausef(ErrInUse, "Cannot delete a policy attached to entities.")
		case len(p.Versions) > 1:
			return journal.Event{}, fault.Becausef(ErrInUse, "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		return s.policyEvent(ctx, "DeletePolicy", p, nil), nil
	})
	return orNoPolicy(name, err)
}

// changePolicy changes one of the account's policies.
func (s *Service) changePolicy(ctx context.Context, account arn.AccountID, name, operation string, change func(*ManagedPolicy) (detail any, err error)) error {
	if err := mine(account, name); err != nil {
		return err
	}
	_, err := s.store.ChangePolicy(ctx, name, func(p *ManagedPolicy) (journal.Event, error) {
		detail, err := change(p)
		p.UpdatedAt = s.timestamp()
		return s.policyEvent(ctx, operation, *p, detail), err
	})
	return orNoPolicy(name, err)
}

// mine refuses what is no policy of the account's own.
func mine(account arn.AccountID, name string) error {
	if _, aws := AWSPolicy(name); aws {
		return fault.Becausef(ErrUnmodifiable, "Policy %s is AWS's own and cannot be changed.", name)
	}
	if a, err := arn.Parse(name); err != nil || a.Account != account {
		return noPolicy(name)
	}
	return nil
}

func noPolicy(name string) error {
	return fault.Becausef(ErrNoPolicy, "Policy %.200s does not exist or is not attachable.", name)
}

func orNoPolicy(name string, err error) error {
	if err == ErrNoPolicy {
		return noPolicy(name)
	}
	return err
}

// NoPolicyVersion says that a managed policy has no such version.
func NoPolicyVersion(name, version string) error {
	return fault.Becausef(ErrNoPolicy, "Policy %.200s version %.20s does not exist or is not attachable.", name, version)
}

// checkManaged checks the document of a managed policy.
func checkManaged(document string) error {
	if n := documentSize(document); n > maxManagedDocument {
		return fault.Becausef(ErrTooMany, "Cannot exceed quota for PolicySize: %d", maxManagedDocument)
	}
	_, err := policy.ParseIdentity(document)
	return err
}

// documentSize counts characters, white space aside, as IAM's quotas do.
func documentSize(document string) (n int) {
	for _, c := range document {
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			n++
		}
	}
	return n
}

func (s *Service) policyEvent(ctx context.Context, name string, p ManagedPolicy, detail any) journal.Event {
	return s.event(ctx, name, p.Account, p.ARN().String(), detail)
}

// event makes the journal row of an act of IAM.
func (s *Service) event(ctx context.Context, name string, account arn.AccountID, resource string, detail any) journal.Event {
	return journal.New(ctx, s.timestamp(), journal.SourceIAM, name, journal.Subject{Account: account, Region: s.region, Resource: resource}, detail)
}

// firstError returns the first that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
