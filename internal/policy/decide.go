package policy

import "strings"

// Grants are all policies that bear on a request.
type Grants struct {
	Identity  []Attached // of the user and its groups, or of the role
	Boundary  *Attached  // the permissions boundary of the user or role; nil for none
	Sessions  []Attached // the session policies
	InSession bool       // session policies were given, so that one of Sessions must allow
	Resource  []Attached // attached to the resource, or to what holds it
	Trust     bool       // Resource is the trust policy of a role, which must allow by itself
}

// OfResource are the grants of whose own account allows everything: what is left is
// for the resource's to say.
func (g *Grants) OfResource() *Grants {
	return &Grants{Identity: []Attached{{Policy: allowAll}}, Resource: g.Resource, Trust: g.Trust}
}

// allowAll allows everything to whom it is attached.
var allowAll = func() *Policy {
	p, err := ParseIdentity(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	if err != nil {
		panic(err)
	}
	return p
}()

// Attached is a policy where it stands. A nil Policy is a document that could
// not be read: it denies.
type Attached struct {
	Policy *Policy
	Name   string // ARN or name, for explanations
}

// Why is what decided.
type Why uint8

// What can decide. The zero value is the default: denied, as nothing allows.
const (
	NoIdentityAllow Why = iota // no identity-based policy allows
	NoBoundaryAllow            // the permissions boundary does not allow
	NoSessionAllow             // no session policy allows
	NoResourceAllow            // no resource-based policy allows, and one has to
	NoTrustAllow               // the role's trust policy does not allow
	IdentityDeny               // explicit denials
	BoundaryDeny               //
	SessionDeny                //
	ResourceDeny               //
	TrustDeny                  //
	IdentityAllow              // from here on: allowed
	ResourceAllow              // by a resource-based policy alone
	AccountRoot                // the root user, in its own account
)

// Decision is the answer to a [Request].
type Decision struct {
	Allowed    bool
	Why        Why
	Outside    bool   // the principal is not of the resource's account
	Policy     string // [Attached.Name] of the policy that decided; "" where the lack of one did
	Sid        string // of the statement that decided, if it has one
	Unreadable bool   // it denies because that policy could not be read
}

// Decide decides a request. An explicit denial comes first. Within an account
// identity-based or resource-based policies allow, the latter past boundary and
// session policies if they name who asks closely; across accounts both must
// allow.
//
// Sources:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html and
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
func Decide(r *Request, g *Grants) Decision {
	e := newEvaluation(r, g)
	outside := r.Principal.Account == "" || r.Principal.Account != r.ResourceAccount
	if d, denied := e.ownDeny(g); denied {
		return d.in(outside)
	}
	if outside {
		return e.decideOutside(g).in(true)
	}
	return e.decideInside(g)
}

func (d Decision) in(outside bool) Decision {
	d.Outside = outside
	return d
}

// evaluation is one request under way.
type evaluation struct {
	*Request
	service, name string // of the action
	arn           arnParts
	bounded       bool // the principal has a permissions boundary
	allow         bool // the statement in hand allows
	one           [1]string
	found         findings
}

// findings are the first statements that allow, by the kind of policy.
type findings struct {
	identity, boundary, session, resource hit
}

// hit is a statement that is about the request.
type hit struct {
	reach       reach
	policy, sid string
}

func newEvaluation(r *Request, g *Grants) evaluation {
	e := evaluation{Request: r, arn: splitARN(r.Resource), bounded: g.Boundary != nil}
	e.service, e.name, _ = strings.Cut(r.Action, ":")
	return e
}

// ownDeny looks through the policies of the principal's own account.
func (e *evaluation) ownDeny(g *Grants) (Decision, bool) {
	if d, denied := e.scan(g.Identity, &e.found.identity, IdentityDeny); denied {
		return d, true
	}
	if g.Boundary != nil {
		if d, denied := e.look(g.Boundary, &e.found.boundary, BoundaryDeny); denied {
			return d, true
		}
	}
	return e.scan(g.Sessions, &e.found.session, SessionDeny)
}

// scan looks for a statement that denies, and keeps the one that allows most
// closely.
func (e *evaluation) scan(policies []Attached, allow *hit, deny Why) (Decision, bool) {
	for i := range policies {
		if d, denied := e.look(&policies[i], allow, deny); denied {
			return d, true
		}
	}
	return Decision{}, false
}

func (e *evaluation) look(a *Attached, allow *hit, deny Why) (Decision, bool) {
	if a.Policy == nil {
		return Decision{Why: deny, Policy: a.Name, Unreadable: true}, true
	}
	for i := range a.Policy.statements {
		s := &a.Policy.statements[i]
		if !s.deny && allow.reach == direct {
			continue
		}
		reach := s.reach(e)
		if reach <= allow.reach && !s.deny || reach == nobody || !s.applies(e) {
			continue
		}
		if s.deny {
			return Decision{Why: deny, Policy: a.Name, Sid: s.sid}, true
		}
		*allow = hit{reach, a.Name, s.sid}
	}
	return Decision{}, false
}

// reach says how closely the statement names who asks. One of an identity-based
// policy is about whom it is attached to.
func (s *statement) reach(e *evaluation) reach {
	switch {
	case s.principals == nil:
		return direct
	case !s.notPrincipal:
		return s.principals.reach(&e.Principal, s.deny)
	case s.principals.spares(&e.Principal, e.bounded):
		return nobody
	}
	return direct
}

// decideInside decides where principal and resource are of one account.
func (e *evaluation) decideInside(g *Grants) Decision {
	if d, denied := e.scan(g.Resource, &e.found.resource, g.resourceDeny()); denied {
		return d
	}
	if g.Trust && e.found.resource.reach == nobody {
		return Decision{Why: NoTrustAllow}
	}
	return e.own(g, e.found.resource.reach)
}

// decideOutside decides where the resource is another account's, or the
// principal has none. What is attached to the resource is looked at last, so that
// the principal's own account explains its own denials.
func (e *evaluation) decideOutside(g *Grants) Decision {
	if e.Principal.Account != "" {
		if d := e.own(g, nobody); !d.Allowed {
			return d
		}
	}
	d, denied := e.scan(g.Resource, &e.found.resource, g.resourceDeny())
	switch {
	case denied:
		return d
	case e.found.resource.reach != nobody:
		return e.found.resource.decides(ResourceAllow)
	case g.Trust:
		return Decision{Why: NoTrustAllow}
	}
	return Decision{Why: NoResourceAllow}
}

func (g *Grants) resourceDeny() Why {
	if g.Trust {
		return TrustDeny
	}
	return ResourceDeny
}

// own decides by the policies of the principal's own account; named is how
// closely a policy of a resource in that account names it.
func (e *evaluation) own(g *Grants, named reach) Decision {
	root := e.Principal.Kind == Root
	switch {
	case named == direct && !root:
		return e.found.resource.decides(ResourceAllow)
	case named < role && !root && e.found.identity.reach == nobody:
		return Decision{Why: NoIdentityAllow}
	case g.Boundary != nil && e.found.boundary.reach == nobody:
		return Decision{Why: NoBoundaryAllow}
	case g.InSession && e.found.session.reach == nobody:
		return Decision{Why: NoSessionAllow}
	case root:
		return Decision{Allowed: true, Why: AccountRoot}
	case e.found.identity.reach == nobody:
		return e.found.resource.decides(ResourceAllow)
	}
	return e.found.identity.decides(IdentityAllow)
}

func (h *hit) decides(why Why) Decision {
	return Decision{Allowed: true, Why: why, Policy: h.policy, Sid: h.sid}
}
