package access

import (
	"context"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
)

// IdentityStore keeps users, groups and roles with what they hold. It is part of
// [Store]; each method is one atomic act.
type IdentityStore interface {
	// CreateIdentity saves a new identity that holds nothing but inline policies and
	// a boundary. ErrIdentityExists; ErrTooMany when the account has most of its
	// kind; ErrNoPolicy for the boundary.
	CreateIdentity(ctx context.Context, i Identity, most int, e journal.Event) error
	// Identity returns an identity with all it holds, or ErrNoIdentity.
	Identity(ctx context.Context, key IdentityKey) (Identity, error)
	// Identities lists those of an account and a kind.
	Identities(ctx context.Context, account arn.AccountID, kind IdentityKind, p Page) ([]Identity, error)
	// ChangeIdentity calls change with a copy of an identity as it stands, alone with
	// it, and saves what change left there, but for ID, account, kind and groups. It
	// returns what then stands. ErrNoIdentity, ErrIdentityExists for a new name,
	// ErrNoPolicy for a policy, and change's own.
	ChangeIdentity(ctx context.Context, key IdentityKey, change func(*Identity) (journal.Event, error)) (Identity, error)
	// ChangeMembership calls change with a user and a group as they stand, alone with
	// the user, while the group keeps its name, and makes the user a member of the
	// group, or none, as change says. ErrNoIdentity for either, and change's own.
	ChangeMembership(ctx context.Context, user, group IdentityKey, change func(u, g Identity) (member bool, e journal.Event, err error)) error
	// DeleteIdentity deletes an identity with its inline policies and its boundary
	// unless mayGo fails. What else it holds mayGo must refuse. ErrNoIdentity.
	DeleteIdentity(ctx context.Context, key IdentityKey, mayGo func(Identity) (journal.Event, error)) error
	// Members lists the users of a group. ErrNoIdentity.
	Members(ctx context.Context, group IdentityKey, p Page) ([]Identity, error)
	// KeyOwner returns the user an access key belongs to, or ErrNoAccessKey.
	KeyOwner(ctx context.Context, keyID string) (Identity, error)
	// NoteUses saves what keys were last used for. It changes no revision, and
	// forgets keys that are gone.
	NoteUses(ctx context.Context, uses map[string]Use) error
	// NoteSession writes the event of a session that has begun.
	NoteSession(ctx context.Context, e journal.Event) error
	// CountIdentities tells how many of a kind an account has.
	CountIdentities(ctx context.Context, account arn.AccountID, kind IdentityKind) (int, error)
}

// PolicyStore keeps managed policies. It is part of [Store]; each method is one
// atomic act.
type PolicyStore interface {
	// CreatePolicy saves a new policy. ErrPolicyExists; ErrTooMany when the account
	// has most of them.
	CreatePolicy(ctx context.Context, p ManagedPolicy, most int, e journal.Event) error
	// Policy returns the policy with this ARN, or ErrNoPolicy.
	Policy(ctx context.Context, name string) (ManagedPolicy, error)
	// Policies lists an account's by name, those that are used as asked.
	Policies(ctx context.Context, account arn.AccountID, p Page, u Usage) ([]ManagedPolicy, error)
	// ChangePolicy calls change with a policy as it stands, alone with it, and saves
	// its versions, default, tags and time of change. ErrNoPolicy, and change's own.
	ChangePolicy(ctx context.Context, name string, change func(*ManagedPolicy) (journal.Event, error)) (ManagedPolicy, error)
	// DeletePolicy deletes a policy unless mayGo fails. ErrNoPolicy.
	DeletePolicy(ctx context.Context, name string, mayGo func(ManagedPolicy) (journal.Event, error)) error
	// Uses counts how many identities of the account have each of the policies.
	Uses(ctx context.Context, account arn.AccountID, names []string) (map[string]PolicyUses, error)
	// Entities lists the identities of an account that have a policy or are bounded
	// by it, by kind and name, without what they hold.
	Entities(ctx context.Context, account arn.AccountID, policy string, f EntityFilter) ([]Identity, error)
}

// Use is what an access key was used for.
type Use struct {
	At      time.Time // zero: never
	Service string    // such as "ecr"
}

// PolicyUses count the identities that have a policy.
type PolicyUses struct{ Attached, Boundaries int }

// Usage is what identities use a policy for.
type Usage uint8

// The usages.
const (
	AnyUsage      Usage = iota // used or not
	InUse                      // for either of the next two
	ForPermission              // attached
	ForBoundary                // as a permissions boundary
)

// Are reports whether the uses are of that kind.
func (u PolicyUses) Are(of Usage) bool {
	switch of {
	case ForPermission:
		return u.Attached > 0
	case ForBoundary:
		return u.Boundaries > 0
	}
	return of == AnyUsage || u.Attached+u.Boundaries > 0
}

// EntityFilter asks for some of the identities that use a policy.
type EntityFilter struct {
	Kind       IdentityKind // "" is all
	PathPrefix string       // "" and "/" are every path
	Usage      Usage
	After      IdentityKey // of the last one before; only kind and name count
	Limit      int
}
