package access

import (
	"context"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/policy"
)

// Quotas of IAM.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxTags        = 50
	maxTagKey      = 128
	maxTagValue    = 256
	maxDescription = 1000
	maxTrust       = 4096 // characters of a trust policy, white space aside

	minSession     = time.Hour
	maxSession     = 12 * time.Hour
	defaultSession = time.Hour
)

// maxIdentities are how many of a kind an account has at most.
var maxIdentities = map[IdentityKind]int{User: 5000, Group: 300, Role: 5000}

// CreateIdentity makes a user, a group or a role. Of i its key, path, tags,
// boundary and, for a role, trust policy, description and longest session count;
// an empty path is "/", no longest session an hour. ErrIdentityExists, ErrTooMany,
// ErrInvalidName, ErrNoPolicy for the boundary, policy.ErrMalformed.
func (s *Service) CreateIdentity(ctx context.Context, i Identity) (Identity, error) {
	n := Identity{IdentityKey: i.IdentityKey, Path: i.Path, Tags: i.Tags, Boundary: i.Boundary,
		Trust: i.Trust, Description: i.Description, MaxSession: i.MaxSession}
	if n.Path == "" {
		n.Path = "/"
	}
	if n.Kind == Role && n.MaxSession == 0 {
		n.MaxSession = defaultSession
	}
	err := firstError(checkName(n.Name, maxNameOf(n.Kind)), checkPath(n.Path), checkTags(n.Tags), n.checkRole())
	if err == nil && n.Boundary != "" {
		_, err = s.managed(ctx, n.Account, n.Boundary)
	}
	if err == nil {
		n.Trust, err = s.bind(ctx, n.Trust)
	}
	if err != nil {
		return Identity{}, err
	}
	n.ID, n.CreatedAt = newUniqueID(idPrefixes[n.Kind]), s.timestamp()
	err = s.store.CreateIdentity(ctx, n, maxIdentities[n.Kind], s.identityEvent(ctx, "Create"+n.Kind.Title(), n, nil))
	n.Trust = i.Trust
	return n, explainIdentity(n.IdentityKey, err)
}

// checkRole checks what only roles have.
func (i *Identity) checkRole() error {
	if i.Kind != Role {
		return nil
	}
	return firstError(checkTrust(i.Trust), checkDescription(i.Description), checkMaxSession(i.MaxSession))
}

func checkTrust(document string) error {
	if documentSize(document) > maxTrust {
		return fault.Becausef(ErrTooMany, "Cannot exceed quota for ACLSizePerRole: %d", maxTrust)
	}
	trust, err := policy.ParseTrust(document)
	if err != nil {
		return err
	}
	if provider := trust.Unasked(tenantKey); provider != "" {
		return fault.Becausef(policy.ErrMalformed, "Missing required condition: a policy that trusts %s must ask for the %s of yours, not just for any, since this issuer makes tokens for everybody.", provider, tenantKey(provider))
	}
	return nil
}

func checkDescription(text string) error {
	if utf8.RuneCountInString(text) > maxDescription {
		return fault.Errorf(fault.Invalid, "The description has more than %d characters.", maxDescription)
	}
	return nil
}

func checkMaxSession(d time.Duration) error {
	if d < minSession || d > maxSession {
		return fault.Errorf(fault.Invalid, "The maximum session duration must be from %d to %d seconds.", int(minSession.Seconds()), int(maxSession.Seconds()))
	}
	return nil
}

// Identity returns an identity with all it holds. ErrNoIdentity.
func (s *Service) Identity(ctx context.Context, key IdentityKey) (Identity, error) {
	i, err := s.store.Identity(ctx, key)
	if err != nil {
		return i, explainIdentity(key, err)
	}
	one := []Identity{i}
	err = s.unbindTrust(ctx, one)
	return one[0], err
}

// Identities lists an account's identities of a kind, without what they hold.
func (s *Service) Identities(ctx context.Context, account arn.AccountID, kind IdentityKind, p Page) ([]Identity, error) {
	list, err := s.store.Identities(ctx, account, kind, p)
	if err != nil {
		return nil, err
	}
	return list, s.unbindTrust(ctx, list)
}

// CountIdentities tells how many identities of a kind an account has.
func (s *Service) CountIdentities(ctx context.Context, account arn.AccountID, kind IdentityKind) (int, error) {
	return s.store.CountIdentities(ctx, account, kind)
}

// Rename gives a user or a group another name, another path, or both; "" leaves
// one as it is. ErrNoIdentity, ErrIdentityExists, ErrInvalidName.
func (s *Service) Rename(ctx context.Context, key IdentityKey, name, path string) error {
	return s.change(ctx, key, "Update"+key.Kind.Title(), func(i *Identity) (any, error) {
		if name != "" {
			i.Name = name
		}
		if path != "" {
			i.Path = path
		}
		return map[string]any{"newName": name, "newPath": path}, firstError(checkName(i.Name, maxNameOf(i.Kind)), checkPath(i.Path))
	})
}

// UpdateRole changes a role's description, longest session, or both; nil leaves
// one as it is. ErrNoIdentity.
func (s *Service) UpdateRole(ctx context.Context, key IdentityKey, description *string, longest *time.Duration) error {
	return s.change(ctx, key, "UpdateRole", func(i *Identity) (any, error) {
		if description != nil {
			i.Description = *description
		}
		if longest != nil {
			i.MaxSession = *longest
		}
		return nil, firstError(checkDescription(i.Description), checkMaxSession(i.MaxSession))
	})
}

// SetTrust replaces the trust policy of a role. ErrNoIdentity,
// policy.ErrMalformed.
func (s *Service) SetTrust(ctx context.Context, key IdentityKey, document string) error {
	bound, err := s.bind(ctx, document)
	if err = firstError(checkTrust(document), err); err != nil {
		return err
	}
	return s.change(ctx, key, "UpdateAssumeRolePolicy", func(i *Identity) (any, error) {
		i.Trust = bound
		return map[string]any{"policyDocument": document}, nil
	})
}

// Tag sets tags of a user or a role, Untag takes them away. ErrNoIdentity.
func (s *Service) Tag(ctx context.Context, key IdentityKey, tags map[string]string) error {
	return s.change(ctx, key, "Tag"+key.Kind.Title(), func(i *Identity) (_ any, err error) {
		i.Tags, err = withTags(i.Tags, tags)
		return map[string]any{"tags": tags}, err
	})
}

// Untag takes away the tags with these keys, those that are there. ErrNoIdentity.
func (s *Service) Untag(ctx context.Context, key IdentityKey, keys []string) error {
	return s.change(ctx, key, "Untag"+key.Kind.Title(), func(i *Identity) (any, error) {
		i.Tags = withoutTags(i.Tags, keys)
		return map[string]any{"tagKeys": keys}, nil
	})
}

// DeleteIdentity deletes an identity that holds nothing more than a permissions
// boundary. ErrNoIdentity, ErrInUse.
func (s *Service) DeleteIdentity(ctx context.Context, key IdentityKey) error {
	err := s.store.DeleteIdentity(ctx, key, func(i Identity) (journal.Event, error) {
		return s.identityEvent(ctx, "Delete"+key.Kind.Title(), i, nil), i.mayGo()
	})
	return explainIdentity(key, err)
}

// mayGo says what must be taken from an identity before it can be deleted.
//
// Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
func (i Identity) mayGo() error {
	for _, part := range []struct {
		there bool
		text  string
	}{
		{len(i.Keys) > 0, "must delete access keys first."},
		{len(i.Inline) > 0, "must delete policies first."},
		{len(i.Attached) > 0, "must detach all policies first."},
		{len(i.Groups) > 0, "must remove users from group first."},
		{i.Members > 0, "must remove users from group first."},
	} {
		if part.there {
			return fault.Becausef(ErrInUse, "Cannot delete entity, %s", part.text)
		}
	}
	return nil
}

// change changes an identity and writes the operation's event.
func (s *Service) change(ctx context.Context, key IdentityKey, operation string, change func(*Identity) (detail any, err error)) error {
	_, err := s.store.ChangeIdentity(ctx, key, func(i *Identity) (journal.Event, error) {
		detail, err := change(i)
		return s.identityEvent(ctx, operation, *i, detail), err
	})
	return explainIdentity(key, err)
}

func (s *Service) identityEvent(ctx context.Context, name string, i Identity, detail any) journal.Event {
	return s.event(ctx, name, i.Account, i.ARN().String(), detail)
}

// explainIdentity puts a store's sentinels into IAM's words.
func explainIdentity(key IdentityKey, err error) error {
	switch err {
	case ErrNoIdentity:
		return fault.Becausef(ErrNoIdentity, "The %s with name %s cannot be found.", key.Kind, key.Name)
	case ErrIdentityExists:
		return fault.Becausef(ErrIdentityExists, "%s with name %s already exists.", key.Kind.Title(), key.Name)
	case ErrTooMany:
		return fault.Becausef(ErrTooMany, "Cannot exceed quota for %ssPerAccount: %d", key.Kind.Title(), maxIdentities[key.Kind])
	}
	return err
}

// checkTags checks the tags of an identity, a policy or a session. Keys that
// differ in case only are one to conditions, so there may be one of them only.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return fault.Becausef(ErrTooMany, "Cannot exceed quota for TagsPerResource: %d", maxTags)
	}
	for k, v := range tags {
		if n := utf8.RuneCountInString(k); n < 1 || n > maxTagKey || utf8.RuneCountInString(v) > maxTagValue {
			return fault.Errorf(fault.Invalid, "A tag has a key of 1 to %d characters and a value of at most %d: %.150q", maxTagKey, maxTagValue, k)
		}
	}
	if _, _, same := policy.SameKey(tags); same {
		return fault.Errorf(fault.Invalid, "%s", sameTagKeys)
	}
	return nil
}

// sameTagKeys is what AWS says of keys that differ in case only.
const sameTagKeys = "Duplicate tag keys found. Please note that Tag keys are case insensitive."

// withTags replaces tags whose keys are the same but for case.
func withTags(tags, more map[string]string) (map[string]string, error) {
	if err := checkTags(more); err != nil {
		return nil, err
	}
	tags = withoutTags(tags, slices.Collect(maps.Keys(more)))
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, more)
	return tags, checkTags(tags)
}

func withoutTags(tags map[string]string, keys []string) map[string]string {
	maps.DeleteFunc(tags, func(tag, _ string) bool { return slices.ContainsFunc(keys, sameTag(tag)) })
	return tags
}

// sameTag returns what tells whether a key is that of the tag.
func sameTag(tag string) func(key string) bool {
	return func(key string) bool { return policy.KeyName(key) == policy.KeyName(tag) }
}

// Quotas are the account's, by the names that IAM's GetAccountSummary has for
// them.
func Quotas() map[string]int {
	return map[string]int{
		"UsersQuota": maxIdentities[User], "GroupsQuota": maxIdentities[Group], "RolesQuota": maxIdentities[Role], "PoliciesQuota": maxPolicies,
		"UserPolicySizeQuota": maxInline[User], "GroupPolicySizeQuota": maxInline[Group], "RolePolicySizeQuota": maxInline[Role],
		"AttachedPoliciesPerUserQuota": maxAttached, "AttachedPoliciesPerGroupQuota": maxAttached, "AttachedPoliciesPerRoleQuota": maxAttached,
		"GroupsPerUserQuota": maxGroups, "AccessKeysPerUserQuota": maxKeys, "PolicySizeQuota": maxManagedDocument,
		"VersionsPerPolicyQuota": maxVersions, "AssumeRolePolicySizeQuota": maxTrust, "AccountAccessKeysPresent": 1,
	}
}
