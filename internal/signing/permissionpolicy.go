package signing

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
)

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
// more, as they decide: by the unique IDs of roles.
func (p Permissions) of(version string) Permissions {
	var about Permissions
	for _, s := range p.Statements {
		if s.Version == "" || s.Version == version {
			s.Version, s.Principal = "", cmp.Or(s.RoleID, s.Principal)
			about.Statements = append(about.Statements, s)
		}
	}
	return about
}

// ResourcePolicies implements [access.ResourcePolicies]: a profile has its
// permissions, and a job those of its profile, as far as they are about the
// version that signed. Versions are resolved here and not by a condition key: a
// key that is there for some profiles of another account, and not for others,
// would tell which there are. Profiles have tags, jobs have none.
func (s *Service) ResourcePolicies(ctx context.Context, resource arn.ARN) ([]access.Document, map[string]string, error) {
	p, err := s.permissionsFor(ctx, resource)
	if errors.Is(err, ErrProfileNotFound) || errors.Is(err, ErrJobNotFound) || p.Version == "" && err == nil {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	all, err := s.o.Profiles.Permissions(ctx, p.ProfileKey)
	if err != nil && !errors.Is(err, ErrProfileNotFound) {
		return nil, nil, err
	}
	text := all.of(p.Version).Policy()
	if text == "" {
		return nil, p.Tags, nil
	}
	return []access.Document{{Name: "the permissions of signing profile " + p.Name, Text: text}}, p.Tags, nil
}

// permissionsFor finds the profile whose permissions bear on a resource: its key,
// the version that is meant, and the tags that the resource has itself. Version is
// "" for a resource that can have none.
func (s *Service) permissionsFor(ctx context.Context, resource arn.ARN) (Profile, error) {
	if id, ok := resource.AsSigningJob(); ok {
		j, err := s.o.Jobs.Job(ctx, JobKey{resource.Account, id})
		return Profile{ProfileKey: ProfileKey{resource.Account, j.ProfileName}, Version: j.ProfileVersion}, err
	}
	name, _, ok := resource.AsSigningProfile()
	if !ok {
		return Profile{}, nil
	}
	return s.o.Profiles.Profile(ctx, ProfileKey{resource.Account, name}, "")
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
