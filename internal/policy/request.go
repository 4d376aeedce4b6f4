package policy

import "github.com/sealwright/sealwright/internal/arn"

// Kind is what sort of principal asks.
type Kind uint8

// The kinds. The zero value is who showed no credentials.
const (
	Anonymous   Kind = iota
	Root             // an account's root user
	User             // an IAM user, also with credentials of GetSessionToken
	AssumedRole      // a session of a role
	WebIdentity      // the bearer of an identity provider's token, who has no account yet
)

// Principal is who asks, as Principal elements and the keys aws:Principal* see
// it. The zero Principal is anonymous.
type Principal struct {
	Kind     Kind
	Account  arn.AccountID
	ARN      string // of the user, of the session, or of the account's root
	UserID   string // as aws:userid has it: AIDA…, AROA…:session, or the account
	RoleARN  string // of an AssumedRole: the role's, with its path
	Provider string // of a WebIdentity: the provider's ARN
}

// Request is one question: may Principal do Action on Resource?
type Request struct {
	Principal       Principal
	Action          string // such as "ecr:PutImage"; case does not matter
	Resource        string // an ARN, or "*" for an action that has no resource
	ResourceAccount arn.AccountID
	Keys            Keys // nil has none
}

// Keys gives the condition keys of a request, but for those that say who the
// principal is (aws:PrincipalArn, aws:PrincipalAccount, aws:PrincipalType,
// aws:userid, aws:username), which are made from [Principal].
type Keys interface {
	// Values returns the values of a key by its name in lower case, such as
	// "aws:sourceip". The caller does not change them.
	Values(name string) (values []string, present bool)
}
