package access

import (
	"context"
	"slices"
	"strings"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/policy"
)

// PrincipalStore knows users and roles by what they are called and by what stays.
// It is part of [Store]. What is not there is left out, and so is what identities
// hold.
type PrincipalStore interface {
	// IdentitiesNamed returns the identities with these keys.
	IdentitiesNamed(ctx context.Context, keys []IdentityKey) ([]Identity, error)
	// IdentitiesByID returns the identities with these unique IDs.
	IdentitiesByID(ctx context.Context, ids []string) ([]Identity, error)
}

// PrincipalIDs returns what stays of principals, by what policies call them: the
// unique ID of a user or a role, and that of the role with the session's name for a
// session. A unique ID stands for itself. Who is not there is left out, and so is a
// session with a name that none can have.
func (s *Service) PrincipalIDs(ctx context.Context, names []string) (map[string]string, error) {
	var keys []IdentityKey
	var known []string
	for _, name := range names {
		if key, _, ok := principalKey(name); ok {
			keys = append(keys, key)
		} else {
			known = append(known, name)
		}
	}
	ids, err := s.PrincipalARNs(ctx, known)
	for id := range ids {
		ids[id] = id
	}
	if err != nil || len(keys) == 0 {
		return ids, err
	}
	found, err := s.store.IdentitiesNamed(ctx, keys)
	standing := map[IdentityKey]Identity{}
	for _, i := range found {
		standing[i.IdentityKey] = i
	}
	for _, name := range names {
		key, session, ok := principalKey(name)
		i := standing[key]
		if id := withSession(i.ID, session); ok && policy.IsUniqueID(id) && i.calledAs(session) == name {
			ids[name] = id
		}
	}
	return ids, err
}

// PrincipalARNs returns what principals are called now, by the IDs of PrincipalIDs.
// Who is no longer there is left out.
func (s *Service) PrincipalARNs(ctx context.Context, ids []string) (map[string]string, error) {
	arns := map[string]string{}
	if len(ids) == 0 {
		return arns, nil
	}
	of := make([]string, len(ids))
	for i, id := range ids {
		of[i], _, _ = strings.Cut(id, ":")
	}
	slices.Sort(of)
	found, err := s.store.IdentitiesByID(ctx, slices.Compact(of))
	standing := map[string]Identity{}
	for _, i := range found {
		standing[i.ID] = i
	}
	for _, id := range ids {
		identity, session, _ := strings.Cut(id, ":")
		if i, there := standing[identity]; there {
			arns[id] = i.calledAs(session)
		}
	}
	return arns, err
}

// principalKey is the key of the user or role that an ARN names, or whose session
// it names.
func principalKey(name string) (key IdentityKey, session string, ok bool) {
	a, err := arn.Parse(name)
	if err != nil {
		return key, "", false
	}
	if rest, of := strings.CutPrefix(a.Resource, "assumed-role/"); of && a.Service == "sts" {
		role, session, _ := strings.Cut(rest, "/")
		return IdentityKey{a.Account, Role, role}, session, session != ""
	}
	key, ok = KeyOfARN(a)
	return key, "", ok
}

// calledAs is the ARN of the identity, or of a session of it.
func (i Identity) calledAs(session string) string {
	if session == "" {
		return i.ARN().String()
	}
	return i.sessionARN(session)
}

// sessionARN names a session of the role.
func (i Identity) sessionARN(session string) string {
	return arn.ARN{Partition: arn.Partition, Service: "sts", Account: i.Account, Resource: "assumed-role/" + i.Name + "/" + session}.String()
}

func withSession(id, session string) string {
	if session == "" {
		return id
	}
	return id + ":" + session
}

// bind returns a policy as it is kept.
func (s *Service) bind(ctx context.Context, document string) (string, error) {
	return policy.Bind(document, func(names []string) (map[string]string, error) { return s.PrincipalIDs(ctx, names) })
}

// unbindTrust puts the trust policies of roles as people read them.
func (s *Service) unbindTrust(ctx context.Context, list []Identity) error {
	var ids []string
	for _, i := range list {
		policy.Unbind(i.Trust, func(some []string) (map[string]string, error) {
			ids = append(ids, some...)
			return nil, nil
		})
	}
	arns, err := s.PrincipalARNs(ctx, ids)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Trust, _ = policy.Unbind(list[i].Trust, func([]string) (map[string]string, error) { return arns, nil })
	}
	return nil
}
