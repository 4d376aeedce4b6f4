package signing

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/access"
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

// Permissions returns the permissions of a profile, or [ErrProfileNotFound].
func (s *Service) Permissions(ctx context.Context, key ProfileKey) (Permissions, error) {
	all, err := s.o.Profiles.Permissions(ctx, key)
	return all, namingProfile(err, key, "")
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
var statementID = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)

// roleName is the resource of a role's ARN, with its path.
//
// Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
var roleName = regexp.MustCompile(`^role/([!-.0-~]{1,510}/)?[\w+=,.@-]{1,64}$`)

// check fails with [ErrInvalid].
func (p Permission) check() error {
	switch {
	case !slices.Contains(PermissionActions, p.Action):
		return fault.Becausef(ErrInvalid, "Action %.100s not supported for platform %s. Action must be one of [%s]", p.Action, NotationPlatform, strings.Join(PermissionActions, ", "))
	case !isAccountOrRole(p.Principal):
		return fault.Becausef(ErrInvalid, "Principal is not a valid AWS account id or IAM Role Arn: %.200q", p.Principal)
	case len(p.StatementID) > maxStatementID || !statementID.MatchString(p.StatementID):
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
		roleName.MatchString(a.Resource) && !strings.ContainsAny(a.Resource, "*?$")
}

// The policy document that permissions stand for.
type (
	permissionPolicy struct {
		Version   string                `json:"Version"`
		Statement []permissionStatement `json:"Statement"`
	}
	permissionStatement struct {
		Sid       string                       `json:"Sid"`
		Effect    string                       `json:"Effect"`
		Principal map[string]string            `json:"Principal"`
		Action    string                       `json:"Action"`
		Condition map[string]map[string]string `json:"Condition,omitempty"`
	}
)

// versionKey is the condition key that holds the version of a profile.
//
// Source: https://docs.aws.amazon.com/signer/latest/developerguide/authen-apipermissions.html
const versionKey = "signer:ProfileVersion"

// Policy is the policy document that permissions stand for, attached to their
// profile; "" for none. It says nothing about resources.
func (p Permissions) Policy() string {
	if len(p.Statements) == 0 {
		return ""
	}
	document := permissionPolicy{Version: "2012-10-17"}
	for _, s := range p.Statements {
		statement := permissionStatement{Sid: s.StatementID, Effect: "Allow", Principal: map[string]string{"AWS": s.Principal}, Action: s.Action}
		if s.Version != "" {
			statement.Condition = map[string]map[string]string{"StringEquals": {versionKey: s.Version}}
		}
		document.Statement = append(document.Statement, statement)
	}
	text, _ := json.Marshal(document) // strings only: cannot fail
	return string(text)
}

// of are the permissions that bear on a version, which they need not name any
// more.
func (p Permissions) of(version string) Permissions {
	var about Permissions
	for _, s := range p.Statements {
		if s.Version == "" || s.Version == version {
			s.Version = ""
			about.Statements = append(about.Statements, s)
		}
	}
	return about
}

// ResourcePolicies implements [access.ResourcePolicies]: a profile has its
// permissions, and a job those of its profile, as far as they are about the
// version that signed. Versions are resolved here and not by a condition key: a
// key that is there for some profiles of another account, and not for others,
// would tell which there are.
func (s *Service) ResourcePolicies(ctx context.Context, resource arn.ARN) ([]access.Document, error) {
	key, version, err := s.permissionsFor(ctx, resource)
	if errors.Is(err, ErrProfileNotFound) || errors.Is(err, ErrJobNotFound) || version == "" && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := s.o.Profiles.Permissions(ctx, key)
	if err != nil && !errors.Is(err, ErrProfileNotFound) {
		return nil, err
	}
	text := all.of(version).Policy()
	if text == "" {
		return nil, nil
	}
	return []access.Document{{Name: "the permissions of signing profile " + key.Name, Text: text}}, nil
}

// permissionsFor finds the profile whose permissions bear on a resource, and the
// version that is meant; "" for a resource that can have none.
func (s *Service) permissionsFor(ctx context.Context, resource arn.ARN) (key ProfileKey, version string, err error) {
	if id, ok := resource.AsSigningJob(); ok {
		j, err := s.o.Jobs.Job(ctx, JobKey{resource.Account, id})
		return ProfileKey{resource.Account, j.ProfileName}, j.ProfileVersion, err
	}
	name, _, ok := resource.AsSigningProfile()
	if !ok {
		return ProfileKey{}, "", nil
	}
	key = ProfileKey{resource.Account, name}
	p, err := s.o.Profiles.Profile(ctx, key, "")
	return key, p.Version, err
}

// VersionShown returns the newest version of a profile as far as an account may
// know of it: of its own profiles, and of those that have a permission for it.
// It is "" for all others, whether they exist or not.
func (s *Service) VersionShown(ctx context.Context, key ProfileKey, to arn.AccountID) (string, error) {
	if to != key.Account {
		all, err := s.o.Profiles.Permissions(ctx, key)
		if err != nil || !slices.ContainsFunc(all.Statements, func(p Permission) bool { return p.account() == to }) {
			return "", unlessMissing(err)
		}
	}
	p, err := s.o.Profiles.Profile(ctx, key, "")
	return p.Version, unlessMissing(err)
}

// VersionToSign is VersionShown for [SignRequest].Version: of an account's own
// profile it may be out of date, which Sign finds out.
func (s *Service) VersionToSign(ctx context.Context, key ProfileKey, by arn.AccountID) (string, error) {
	if p, ok := s.known.get(key); ok && by == key.Account {
		return p.Version, nil
	}
	return s.VersionShown(ctx, key, by)
}

// account is the account of the principal.
func (p Permission) account() arn.AccountID {
	if a, err := arn.Parse(p.Principal); err == nil {
		return a.Account
	}
	return arn.AccountID(p.Principal)
}

func unlessMissing(err error) error {
	if errors.Is(err, ErrProfileNotFound) {
		return nil
	}
	return err
}
