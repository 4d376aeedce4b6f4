package signing

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// Errors of permissions.
var (
	ErrPermissionNotFound = fault.New(fault.NotFound, "the signing profile has no such permission")
	ErrPermissionConflict = fault.New(fault.Conflict, "the permissions of the signing profile are not what they were taken for")
	ErrPermissionLimit    = fault.New(fault.Limit, "the signing profile has as many permissions as it may")
)

// Bounds of a profile's permissions. The model has none; 20 KB is what AWS lets
// a resource policy have elsewhere.
//
// Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	maxPermissionPolicy = 20 << 10 // bytes of the policy document
	maxStatementID      = 100      // characters
)

// PermissionActions are what a permission can allow: what other accounts can do
// with a profile of this platform.
//
// Source: https://docs.aws.amazon.com/signer/latest/developerguide/signing-profile-cross-account.html
var PermissionActions = []string{"signer:SignPayload", "signer:GetSigningProfile", "signer:RevokeSignature"}

// Permission lets a principal do one thing with a signing profile.
type Permission struct {
	StatementID string `json:"statementId"`
	Action      string `json:"action"`
	Principal   string `json:"principal"`                // an account, or the ARN of an IAM role
	RoleID      string `json:"roleId,omitempty"`         // the role's unique ID: who is made again under its name is another
	Version     string `json:"profileVersion,omitempty"` // "": every version
}

// Permissions are all permissions of a profile's name. The zero Permissions are
// those of a profile that was never given any.
type Permissions struct {
	Revision   string // another one after each change; "" before the first
	Statements []Permission
}

// PermissionStore keeps permissions. It is part of ProfileStore.
type PermissionStore interface {
	// Permissions returns those of a profile, or ErrProfileNotFound.
	Permissions(ctx context.Context, key ProfileKey) (Permissions, error)
	// ChangePermissions runs change on what stands, while holding the lock of the
	// profile, and saves what it returns with the event. p is the newest version.
	// change must be pure: it may run more than once; its error is returned as it is
	// and nothing is saved. ErrProfileNotFound.
	ChangePermissions(ctx context.Context, key ProfileKey, change func(p Profile, current Permissions) (Permissions, journal.Event, error)) error
}

// NewPermission is a permission to add.
type NewPermission struct {
	Profile    ProfileKey
	Permission Permission
	Revision   string // what the permissions must be at; "" is whatever they are
}

// AddPermission adds a permission to an Active profile and returns the new
// revision. Errors: [ErrProfileNotFound], [ErrProfileNotActive], [ErrInvalid],
// [ErrPermissionConflict] for another revision or a statement ID that is taken,
// [ErrPermissionLimit].
func (s *Service) AddPermission(ctx context.Context, n NewPermission) (revision string, err error) {
	if err := n.Permission.check(); err != nil {
		return "", err
	}
	if n.Permission.RoleID, err = s.roleID(ctx, n.Permission.Principal); err != nil {
		return "", err
	}
	revision, now := uuid.NewString(), s.now()
	err = s.o.Profiles.ChangePermissions(ctx, n.Profile, func(p Profile, current Permissions) (Permissions, journal.Event, error) {
		if err := mustBeActive(p); err != nil {
			return Permissions{}, journal.Event{}, err
		}
		next, err := n.addTo(current, revision)
		if err != nil {
			return Permissions{}, journal.Event{}, err
		}
		return next, s.event(ctx, now, "AddProfilePermission", p.ProfileARN(), n.Permission), nil
	})
	return revision, namingProfile(err, n.Profile, "")
}

// roleID is the unique ID of the role that a principal is, "" for an account.
// [ErrInvalid] if there is no such role.
func (s *Service) roleID(ctx context.Context, principal string) (string, error) {
	if _, err := arn.ParseAccountID(principal); err == nil {
		return "", nil
	}
	ids, err := s.o.Principals.PrincipalIDs(ctx, []string{principal})
	if err == nil && ids[principal] == "" {
		err = fault.Becausef(ErrInvalid, "Principal does not exist: %.200q", principal)
	}
	return ids[principal], err
}

// addTo adds the permission to those that stand.
func (n *NewPermission) addTo(current Permissions, revision string) (Permissions, error) {
	if n.Revision != "" {
		if err := current.mustBeAt(n.Revision); err != nil {
			return Permissions{}, err
		}
	}
	if current.index(n.Permission.StatementID) >= 0 {
		return Permissions{}, fault.Becausef(ErrPermissionConflict, "the statement id %q is taken: choose another, or remove that permission first", n.Permission.StatementID)
	}
	next := Permissions{revision, append(slices.Clone(current.Statements), n.Permission)}
	if size := len(next.Policy()); size > maxPermissionPolicy {
		return Permissions{}, fault.Becausef(ErrPermissionLimit, "the policy of signing profile %s would have %d bytes, more than the %d allowed: remove permissions first", n.Profile.Name, size, maxPermissionPolicy)
	}
	return next, nil
}

// RemovePermission removes a permission, if the permissions are at the revision,
// and returns the new one. Errors: [ErrProfileNotFound], [ErrPermissionNotFound],
// [ErrPermissionConflict].
func (s *Service) RemovePermission(ctx context.Context, key ProfileKey, statementID, revision string) (next string, err error) {
	next, now := uuid.NewString(), s.now()
	err = s.o.Profiles.ChangePermissions(ctx, key, func(p Profile, current Permissions) (Permissions, journal.Event, error) {
		i := current.index(statementID)
		if i < 0 {
			return Permissions{}, journal.Event{}, fault.Becausef(ErrPermissionNotFound, "signing profile %s has no permission with statement id %.100q", key.Name, statementID)
		}
		if err := current.mustBeAt(revision); err != nil {
			return Permissions{}, journal.Event{}, err
		}
		removed := current.Statements[i]
		current = Permissions{next, slices.Delete(slices.Clone(current.Statements), i, i+1)}
		return current, s.event(ctx, now, "RemoveProfilePermission", p.ProfileARN(), removed), nil
	})
	return next, namingProfile(err, key, "")
}

// Permissions returns the permissions of a profile, or [ErrProfileNotFound]. Of a
// role that is no longer there the unique ID is the principal.
func (s *Service) Permissions(ctx context.Context, key ProfileKey) (Permissions, error) {
	all, err := s.o.Profiles.Permissions(ctx, key)
	if err != nil {
		return all, namingProfile(err, key, "")
	}
	var ids []string
	for _, p := range all.Statements {
		if p.RoleID != "" {
			ids = append(ids, p.RoleID)
		}
	}
	arns, err := s.o.Principals.PrincipalARNs(ctx, ids)
	for i, p := range all.Statements {
		all.Statements[i].Principal = cmp.Or(arns[p.RoleID], p.RoleID, p.Principal)
	}
	return all, err
}

func (p Permissions) index(statementID string) int {
	return slices.IndexFunc(p.Statements, func(s Permission) bool { return s.StatementID == statementID })
}

func (p Permissions) mustBeAt(revision string) error {
	if p.Revision == revision {
		return nil
	}
	return fault.Becausef(ErrPermissionConflict, "the permissions are no longer at revision %.64q: list them, and try again with the revision that stands", revision)
}

// statementID is what can stand in a path segment of the operation that removes
// the permission.
var statementID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`) })

// roleName is the resource of a role's ARN, with its path.
//
// Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
var roleName = sync.OnceValue(func() *regexp.Regexp { // a millisecond that only who asks for it pays
	return regexp.MustCompile(`^role/([!-~]{1,510}/)?[\w+=,.@-]{1,64}$`)
})

// check fails with [ErrInvalid].
func (p Permission) check() error {
	switch {
	case !slices.Contains(PermissionActions, p.Action):
		return fault.Becausef(ErrInvalid, "Action %.100s not supported for platform %s. Action must be one of [%s]", p.Action, NotationPlatform, strings.Join(PermissionActions, ", "))
	case !isAccountOrRole(p.Principal):
		return fault.Becausef(ErrInvalid, "Principal is not a valid AWS account id or IAM Role Arn: %.200q", p.Principal)
	case len(p.StatementID) > maxStatementID || !statementID().MatchString(p.StatementID):
		return fault.Becausef(ErrInvalid, "%.150q is not a statement id: use 1 to %d letters, digits, dots, underscores and hyphens", p.StatementID, maxStatementID)
	case p.StatementID == "." || p.StatementID == "..":
		return fault.Becausef(ErrInvalid, "%q is not a statement id: no URL can name it", p.StatementID)
	case p.Version != "" && !profileVersion.MatchString(p.Version):
		return fault.Becausef(ErrInvalid, "%.50q is not a profile version: it is 10 letters and digits", p.Version)
	}
	return nil
}

func isAccountOrRole(principal string) bool {
	if _, err := arn.ParseAccountID(principal); err == nil {
		return true
	}
	a, err := arn.Parse(principal)
	return err == nil && a.Partition == arn.Partition && a.Service == "iam" && a.Region == "" && a.Account != "" &&
		roleName().MatchString(a.Resource) && !strings.ContainsAny(a.Resource, "*?$")
}
