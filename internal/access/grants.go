package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/policy"
)

// Grants are the policies that bear on what a user or a role does, whatever it
// asks for.
type Grants struct {
	ID       string            // unique ID: AIDA… or AROA…; "" if there is no such user or role
	Identity []Document        // inline and attached ones, those of a user's groups too
	Boundary *Document         // the permissions boundary; nil for none
	Tags     map[string]string // of the user or the role
}

// GrantStore reads policies. All methods are safe for concurrent use.
type GrantStore interface {
	// Grants returns the policies that bear on the user or role with this ARN, as
	// of one moment. There are none, and no ID, for one that does not exist.
	Grants(ctx context.Context, identity string) (Grants, error)
	// ManagedPolicy returns the default version of the managed policy with this
	// ARN, or ErrNoPolicy.
	ManagedPolicy(ctx context.Context, policy string) (Document, error)
}

// standing is what does not depend on the request: compiled grants.
type standing struct {
	id       string
	identity []policy.Attached
	boundary *policy.Attached
	tags     map[string][]string // see tagKeys
}

// attachment is what stands at a resource: compiled policies, and its tags.
type attachment struct {
	policies []policy.Attached
	tags     map[string][]string // see tagKeys
}

// moment is the store's revision when a decision began. What was read before
// counts only if it was read at the same one.
type moment struct {
	revision uint64
	known    bool
}

func (s *Service) moment() (m moment) {
	m.revision, m.known = s.store.Revision()
	return m
}

// standing returns the grants of a user or a role.
func (s *Service) standing(ctx context.Context, m moment, identity string) (*standing, error) {
	if m.known {
		if found, ok := s.grants.Get(identity, m.revision); ok {
			return found, nil
		}
	}
	g, err := s.store.Grants(ctx, identity)
	if err != nil {
		return nil, fmt.Errorf("access: read the policies of %s: %w", identity, err)
	}
	found := &standing{id: g.ID, identity: compileAll(s.documents, g.Identity, ofIdentity), tags: tagKeys(g.Tags)}
	size := weight(found.identity) + tagWeight(g.Tags)
	if g.Boundary != nil {
		boundary := compileAll(s.documents, []Document{*g.Boundary}, ofIdentity)
		found.boundary = &boundary[0]
		size += weight(boundary)
	}
	if m.known {
		s.grants.Put(identity, m.revision, found, size)
	}
	return found, nil
}

// at returns what stands at the resource with this name.
func (s *Service) at(ctx context.Context, m moment, resource arn.ARN, name string) (attachment, error) {
	port := s.resources[resource.Service]
	if port == nil {
		return attachment{}, nil
	}
	if m.known {
		if found, ok := s.attached.Get(name, m.revision); ok {
			return found, nil
		}
	}
	documents, tags, err := port.ResourcePolicies(ctx, resource)
	if err != nil {
		return attachment{}, fmt.Errorf("access: read the policies of %s: %w", name, err)
	}
	found := attachment{compileAll(s.documents, documents, ofResource), tagKeys(tags)}
	if m.known {
		s.attached.Put(name, m.revision, found, weight(found.policies)+tagWeight(tags))
	}
	return found, nil
}

// sessionPolicies returns the policies of a session. A managed policy that is no
// longer there allows nothing.
func (s *Service) sessionPolicies(ctx context.Context, m moment, session *Session) (all []policy.Attached, err error) {
	if session.Policy != "" {
		all = append(all, compile(s.sessions, Document{"the session's own", session.Policy}, ofIdentity))
	}
	for _, name := range session.PolicyARNs {
		managed, err := s.sessionManaged(ctx, m, name)
		if err != nil {
			return nil, err
		}
		all = append(all, managed...)
	}
	return all, nil
}

func (s *Service) sessionManaged(ctx context.Context, m moment, name string) ([]policy.Attached, error) {
	if m.known {
		if found, ok := s.attached.Get(name, m.revision); ok {
			return found.policies, nil
		}
	}
	document, err := s.store.ManagedPolicy(ctx, name)
	if errors.Is(err, ErrNoPolicy) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("access: read the policy %s: %w", name, err)
	}
	found := compileAll(s.documents, []Document{document}, ofIdentity)
	if m.known {
		s.attached.Put(name, m.revision, attachment{policies: found}, weight(found))
	}
	return found, nil
}

func tagWeight(tags map[string]string) int64 { return int64(128 * len(tags)) }

// tagKeys are tags as conditions see them: one value each, by the tag's key in
// lower case. Of keys that differ in case only, the first in byte order counts;
// nobody can give such any more.
func tagKeys(tags map[string]string) map[string][]string {
	if len(tags) == 0 {
		return nil
	}
	keys := make(map[string][]string, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		if folded := policy.KeyName(name); keys[folded] == nil {
			keys[folded] = []string{tags[name]}
		}
	}
	return keys
}

// Grants returns the policies that bear on the user or role with this ARN, for a
// [Simulation]. There are none, and no ID, for one that does not exist.
func (s *Service) Grants(ctx context.Context, identity string) (Grants, error) {
	return s.store.Grants(ctx, identity)
}
