package access

import (
	"context"
	"strings"

	"github.com/sealwright/sealwright/internal/policy"
)

// Authorize decides a request by all policies that bear on it; what none allows
// is denied. An error is not a denial: nothing could be found out.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func (s *Service) Authorize(ctx context.Context, r Request) (Decision, error) {
	s.NoteUse(r.Principal.KeyID, r.Action)
	if r.Principal.Session.barred(r.Action) {
		return Decision{Reason: "because credentials of GetSessionToken may not call IAM without multi-factor authentication"}, nil
	}
	if free[r.Action] && r.Principal.ARN != "" {
		return Decision{Allowed: true}, nil
	}
	return s.authorize(ctx, r, nil)
}

// AuthorizeUnder decides as Authorize would if the documents, as they would be
// kept, were what is attached to the resource, such as to tell whether a new
// policy would shut out who sets it. There is at least one.
func (s *Service) AuthorizeUnder(ctx context.Context, r Request, attached []Document) (Decision, error) {
	return s.authorize(ctx, r, compileAll(&documents{}, attached, ofResource))
}

// authorize decides by all policies that bear on a request, of the resource by
// these unless there are none.
func (s *Service) authorize(ctx context.Context, r Request, instead []policy.Attached) (Decision, error) {
	q, resource := s.question(r)
	defer q.done()
	m := s.moment()
	g, err := s.own(ctx, m, q)
	if err == nil && !q.repairs() {
		var found attachment
		found, err = s.at(ctx, m, resource, r.Resource)
		if g.Resource, q.on = found.policies, found.tags; instead != nil {
			g.Resource = instead
		}
	}
	if err != nil {
		return Decision{}, err
	}
	return q.decide(&g), nil
}

// AuthorizeTrust decides whether a principal may do an action of STS, such as
// sts:AssumeRole, on a role with these tags whose trust policy is the document, as
// it is kept. A role that does not exist is asked for with an empty document and
// without tags: who is refused learns nothing else. Errors are as Authorize's.
func (s *Service) AuthorizeTrust(ctx context.Context, r Request, trust Document, tags map[string]string) (Decision, error) {
	s.NoteUse(r.Principal.KeyID, r.Action)
	q, _ := s.question(r)
	defer q.done()
	g, err := s.own(ctx, s.moment(), q)
	if err != nil {
		return Decision{}, err
	}
	g.Trust, q.on = true, tagKeys(tags)
	if trust.Text != "" {
		g.Resource = []policy.Attached{compile(s.documents, trust, ofTrust)}
	}
	return q.decide(&g), nil
}

// free are the actions that everybody with credentials may do, whatever
// policies say.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
var free = map[string]bool{"sts:GetCallerIdentity": true, "sts:GetSessionToken": true}

// repairs reports whether the root user asks for the means to correct a policy
// of its own account that shuts everybody out. No policy of a resource bears on
// that.
func (q *question) repairs() bool {
	return q.Principal.Kind == policy.Root && q.Principal.Account == q.ResourceAccount && repair[q.Action]
}

var repair = map[string]bool{
	"ecr:GetRepositoryPolicy": true, "ecr:SetRepositoryPolicy": true, "ecr:DeleteRepositoryPolicy": true,
	"ecr:GetRegistryPolicy": true, "ecr:PutRegistryPolicy": true, "ecr:DeleteRegistryPolicy": true,
}

// own gathers the policies of the principal's own account. Who is no longer the
// user or role that the credentials were made for has none, and no name by which
// a policy of a resource could allow it anything.
func (s *Service) own(ctx context.Context, m moment, q *question) (policy.Grants, error) {
	identity, id := q.Principal.ARN, q.Principal.UserID
	switch q.Principal.Kind {
	case policy.AssumedRole:
		identity = q.Principal.RoleARN
		id, _, _ = strings.Cut(id, ":")
	case policy.User:
	default:
		return policy.Grants{}, nil
	}
	found, err := s.standing(ctx, m, identity)
	if err != nil {
		return policy.Grants{}, err
	}
	if found.id != id {
		q.Principal = policy.Principal{Kind: policy.User, Account: q.Principal.Account}
		return policy.Grants{}, nil
	}
	q.tags = found.tags
	g := policy.Grants{Identity: found.identity, Boundary: found.boundary}
	if q.session != nil && q.session.limited() {
		g.InSession = true
		g.Sessions, err = s.sessionPolicies(ctx, m, q.session)
	}
	return g, err
}

// decide asks the policies. A denial tells of the resource's tags only who could
// go on if they were others: to all others the resource looks as one without
// tags, or one that is not there. An outsider's own policies tell of them only what
// the resource's account allows in spite of them.
func (q *question) decide(g *policy.Grants) Decision {
	d := policy.Decide(&q.Request, g)
	if !d.Allowed && len(q.on) > 0 {
		if theirs := policy.Decide(&q.Request, g.OfResource()); d.Outside && !theirs.Allowed {
			d = theirs
		}
		q.on = nil
		if without := policy.Decide(&q.Request, g); !without.Allowed {
			d = without
		}
	}
	if d.Allowed {
		return Decision{Allowed: true}
	}
	return Decision{Reason: d.Explain(q.Action)}
}
