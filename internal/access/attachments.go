package access

import (
	"context"
	"slices"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/policy"
)

// Quotas of IAM.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxAttached = 10 // managed policies of one identity
	maxGroups   = 10 // of one user

	// maxInlineText bounds the inline policies of an identity with their white
	// space, in bytes: each decision about who has them may read them all. It is
	// what the model allows one document.
	maxInlineText = 131_072
)

// maxInline are how many characters the inline policies of an identity have
// together, white space aside.
var maxInline = map[IdentityKind]int{User: 2048, Group: 5120, Role: 10240}

// PutInlinePolicy adds or replaces an identity's own policy. ErrNoIdentity,
// ErrInvalidName, ErrTooMany, policy.ErrMalformed.
func (s *Service) PutInlinePolicy(ctx context.Context, key IdentityKey, name, document string) error {
	return s.change(ctx, key, "Put"+key.Kind.Title()+"Policy", func(i *Identity) (any, error) {
		if err := checkName(name, maxLongName); err != nil {
			return nil, err
		}
		if _, err := policy.ParseIdentity(document); err != nil {
			return nil, err
		}
		if i.Inline == nil {
			i.Inline = map[string]string{}
		}
		i.Inline[name] = document
		size, text := 0, 0
		for _, d := range i.Inline {
			size += documentSize(d)
			text += len(d)
		}
		if size > maxInline[i.Kind] || text > maxInlineText {
			return nil, fault.Becausef(ErrTooMany, "Maximum policy size of %d bytes exceeded for %s %s", maxInline[i.Kind], i.Kind, i.Name)
		}
		return map[string]any{"policyName": name, "policyDocument": document}, nil
	})
}

// DeleteInlinePolicy deletes an identity's own policy. ErrNoIdentity, ErrNoPolicy.
func (s *Service) DeleteInlinePolicy(ctx context.Context, key IdentityKey, name string) error {
	return s.change(ctx, key, "Delete"+key.Kind.Title()+"Policy", func(i *Identity) (any, error) {
		if _, found := i.Inline[name]; !found {
			return nil, NoInlinePolicy(key.Kind, name)
		}
		delete(i.Inline, name)
		return map[string]any{"policyName": name}, nil
	})
}

// NoInlinePolicy says that an identity has no inline policy of this name.
func NoInlinePolicy(kind IdentityKind, name string) error {
	return fault.Becausef(ErrNoPolicy, "The %s policy with name %.128s cannot be found.", kind, name)
}

// Attach gives an identity a managed policy; again is fine. ErrNoIdentity,
// ErrNoPolicy, ErrTooMany.
func (s *Service) Attach(ctx context.Context, key IdentityKey, policyARN string) error {
	if _, err := s.managed(ctx, key.Account, policyARN); err != nil {
		return err
	}
	err := s.change(ctx, key, "Attach"+key.Kind.Title()+"Policy", func(i *Identity) (any, error) {
		if !slices.Contains(i.Attached, policyARN) {
			i.Attached = append(i.Attached, policyARN)
		}
		if len(i.Attached) > maxAttached {
			return nil, fault.Becausef(ErrTooMany, "Cannot exceed quota for PoliciesPer%s: %d", key.Kind.Title(), maxAttached)
		}
		return map[string]any{"policyArn": policyARN}, nil
	})
	return orNoPolicy(policyARN, err)
}

// Detach takes a managed policy from an identity. ErrNoIdentity, ErrNoPolicy.
func (s *Service) Detach(ctx context.Context, key IdentityKey, policyARN string) error {
	return s.change(ctx, key, "Detach"+key.Kind.Title()+"Policy", func(i *Identity) (any, error) {
		at := slices.Index(i.Attached, policyARN)
		if at < 0 {
			return nil, fault.Becausef(ErrNoPolicy, "Policy %.200s was not found.", policyARN)
		}
		i.Attached = slices.Delete(i.Attached, at, at+1)
		return map[string]any{"policyArn": policyARN}, nil
	})
}

// SetBoundary bounds a user or a role by a managed policy, or by none. Taking
// away what is not there fails with ErrNoPolicy. ErrNoIdentity, ErrNoPolicy.
func (s *Service) SetBoundary(ctx context.Context, key IdentityKey, policyARN string) error {
	operation := "Delete" + key.Kind.Title() + "PermissionsBoundary"
	if policyARN != "" {
		operation = "Put" + key.Kind.Title() + "PermissionsBoundary"
		if _, err := s.managed(ctx, key.Account, policyARN); err != nil {
			return err
		}
	}
	err := s.change(ctx, key, operation, func(i *Identity) (any, error) {
		if policyARN == "" && i.Boundary == "" {
			return nil, fault.Becausef(ErrNoPolicy, "The %s %s has no permissions boundary.", i.Kind, i.Name)
		}
		i.Boundary = policyARN
		return map[string]any{"permissionsBoundary": policyARN}, nil
	})
	return orNoPolicy(policyARN, err)
}

// AddToGroup makes a user a member; again is fine. ErrNoIdentity, ErrTooMany.
func (s *Service) AddToGroup(ctx context.Context, account arn.AccountID, user, group string) error {
	return s.membership(ctx, account, user, group, "AddUserToGroup", func(u, g Identity) (bool, error) {
		if !slices.Contains(u.Groups, g.Name) && len(u.Groups) >= maxGroups {
			return false, fault.Becausef(ErrTooMany, "Cannot exceed quota for GroupsPerUser: %d", maxGroups)
		}
		return true, nil
	})
}

// RemoveFromGroup ends a membership; of who is none that is fine, too.
// ErrNoIdentity.
func (s *Service) RemoveFromGroup(ctx context.Context, account arn.AccountID, user, group string) error {
	return s.membership(ctx, account, user, group, "RemoveUserFromGroup", func(Identity, Identity) (bool, error) { return false, nil })
}

func (s *Service) membership(ctx context.Context, account arn.AccountID, user, group, operation string, change func(u, g Identity) (member bool, err error)) error {
	of, in := IdentityKey{account, User, user}, IdentityKey{account, Group, group}
	err := s.store.ChangeMembership(ctx, of, in, func(u, g Identity) (bool, journal.Event, error) {
		member, err := change(u, g)
		return member, s.identityEvent(ctx, operation, u, map[string]any{"userName": u.Name, "groupName": g.Name}), err
	})
	if err == ErrNoIdentity {
		if _, err := s.Identity(ctx, in); err != nil {
			return err
		}
	}
	return explainIdentity(of, err)
}

// Members lists the users of a group, without what they hold. ErrNoIdentity.
func (s *Service) Members(ctx context.Context, account arn.AccountID, group string, p Page) ([]Identity, error) {
	key := IdentityKey{account, Group, group}
	members, err := s.store.Members(ctx, key, p)
	return members, explainIdentity(key, err)
}
