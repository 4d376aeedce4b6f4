package policy

// Grants are all policies that bear on a request.
type Grants struct {
	Identity  []Attached // of the user and its groups, or of the role
	Boundary  *Attached  // the permissions boundary of the user or role; nil for none
	Sessions  []Attached // the session policies
	InSession bool       // session policies were given, so that one of Sessions must allow
	Resource  []Attached // attached to the resource, or to what holds it
	Trust     bool       // Resource is the trust policy of a role, which must allow by itself
}

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
	Unreadable                 // a document that bears on the request could not be read
	IdentityAllow              // from here on: allowed
	ResourceAllow              // by a resource-based policy alone
	AccountRoot                // the root user, in its own account
)

// Decision is the answer to a [Request].
type Decision struct {
	Allowed bool
	Why     Why
	Outside bool   // the principal is not of the resource's account
	Policy  string // [Attached.Name] of the policy that decided; "" where the lack of one did
	Sid     string // of the statement that decided, if it has one
}

// Decide decides a request: an explicit denial comes first, then what allows
// within an account, or in both accounts.
func Decide(r *Request, g *Grants) Decision {
	return Decision{Why: NoIdentityAllow}
}
