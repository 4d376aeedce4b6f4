// Package policy is the IAM policy language: it parses and compiles documents,
// and decides requests by the policies that bear on them.
//
// It is pure: who asks, which policies bear on the request and what the
// condition keys say is given to it ([Request], [Grants]).
//
// Sources:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html and
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
package policy

import (
	"slices"

	"github.com/sealwright/sealwright/internal/fault"
)

// ErrMalformed means that a document is not a policy of its kind; the message
// says what is wrong and where, in AWS's words where it has some.
var ErrMalformed = fault.New(fault.Invalid, "Syntax errors in policy.")

// malformed is ErrMalformed in AWS's words.
func malformed(format string, args ...any) error {
	return fault.Becausef(ErrMalformed, format, args...)
}

// Policy is a compiled document. It is safe for concurrent use.
type Policy struct {
	statements []statement
}

// ParseIdentity compiles a policy of a user, group or role, a managed policy, a
// permissions boundary or a session policy: it names resources and no
// principal. It fails with ErrMalformed.
func ParseIdentity(document string) (*Policy, error) {
	return parse(document, grammar{resource: required})
}

// ParseResource compiles a policy that is attached to a resource: it names
// principals; a statement without Resource is about what it is attached to. It
// fails with ErrMalformed.
func ParseResource(document string) (*Policy, error) {
	return parse(document, grammar{principal: required, resource: optional, notPrincipal: true, freeSid: true})
}

// ParseResourceOf is [ParseResource] for resources of one service, such as
// "ecr": the document may name that service's actions only, and all of them.
func ParseResourceOf(service, document string) (*Policy, error) {
	return parse(document, grammar{principal: required, resource: optional, notPrincipal: true, freeSid: true, service: service})
}

// ParseTrust compiles the trust policy of a role: it names principals, no
// resources, and only actions of STS. It fails with ErrMalformed.
func ParseTrust(document string) (*Policy, error) {
	return parse(document, grammar{principal: required, service: "sts"})
}

// Keys returns the names of the condition keys that p asks for, as they are
// written, sorted, each once.
func (p *Policy) Keys() []string {
	var names []string
	for i := range p.statements {
		names = p.statements[i].keys(names)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Unasked returns the first provider that a statement of p lets in without a
// condition that the key that must says is one of some texts; "" is none. Texts of
// wildcards or variables only are none. must returns "" for providers that need no
// condition.
func (p *Policy) Unasked(must func(provider string) (key string)) (provider string) {
	for i := range p.statements {
		s := &p.statements[i]
		if s.deny || s.principals == nil {
			continue
		}
		for _, provider := range s.principals.providers {
			if key := must(provider); key != "" && !s.asks(key) {
				return provider
			}
		}
	}
	return ""
}

func (s *statement) asks(key string) bool {
	return slices.ContainsFunc(s.conditions, func(c condition) bool { return c.key.name == KeyName(key) && c.pins() })
}

// Match is a statement that is about a request.
type Match struct {
	Deny     bool
	Sid      string
	From, To int // bytes [From, To) of the document
}

// Matches returns the statements of p that are about a request, in their order.
// It is for explanations; [Decide] decides.
func (p *Policy) Matches(r *Request) (all []Match) {
	e := newEvaluation(r, &Grants{})
	for i := range p.statements {
		if s := &p.statements[i]; s.reach(&e) != nobody && s.applies(&e) {
			all = append(all, Match{s.deny, s.sid, s.from, s.to})
		}
	}
	return all
}
