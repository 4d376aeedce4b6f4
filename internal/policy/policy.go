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

import "github.com/sealwright/sealwright/internal/fault"

// ErrMalformed means that a document is not a policy of its kind; the message
// says what is wrong and where.
var ErrMalformed = fault.New(fault.Invalid, "Syntax errors in policy.")

// Policy is a compiled document. It is safe for concurrent use.
type Policy struct {
	statements []statement
}

// statement is one compiled statement.
type statement struct {
	sid string
}

// ParseIdentity compiles a policy of a user, group or role, a managed policy, a
// permissions boundary or a session policy: it names resources and no
// principal. It fails with ErrMalformed.
func ParseIdentity(document string) (*Policy, error) {
	return nil, fault.Becausef(ErrMalformed, "Syntax errors in policy.")
}

// ParseResource compiles a policy that is attached to a resource: it names
// principals; a statement without Resource is about what it is attached to. It
// fails with ErrMalformed.
func ParseResource(document string) (*Policy, error) {
	return nil, fault.Becausef(ErrMalformed, "Syntax errors in policy.")
}

// ParseTrust compiles the trust policy of a role: it names principals, no
// resources, and only actions of STS. It fails with ErrMalformed.
func ParseTrust(document string) (*Policy, error) {
	return nil, fault.Becausef(ErrMalformed, "Syntax errors in policy.")
}
