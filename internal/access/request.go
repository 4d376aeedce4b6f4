package access

import (
	"cmp"
	"context"
	"fmt"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
)

// Request asks whether a principal may do something.
type Request struct {
	Principal Principal
	Action    string // such as "signer:SignPayload"
	Resource  string // an ARN, or "*" for an action that has no resource
	Context   RequestContext
}

// RequestContext is what conditions may ask about a request, beside who makes
// it and when. The zero RequestContext knows nothing.
type RequestContext struct {
	Region    string // aws:RequestedRegion; "" is not known
	SourceIP  string // aws:SourceIp; "" is not known
	UserAgent string // aws:UserAgent; "" is none
	Secure    bool   // aws:SecureTransport
	Keys      []Key  // the service's own
}

// Key is a condition key of a service with its values, such as
// signer:ProfileVersion or aws:RequestTag/team. Case does not matter in Name.
type Key struct {
	Name   string
	Values []string
}

// Decision is the answer to a Request. The Reason of a denial is always set; it
// begins with "because" or "with" and reads on after "on resource: R ".
type Decision struct {
	Allowed bool
	Reason  string
}

// Denial is what the caller is told of a decision that denies, in AWS's words;
// every door says the same.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func Denial(r Request, d Decision) string {
	who := cmp.Or(r.Principal.ARN, r.Principal.UserID, "anonymous")
	return fmt.Sprintf("User: %.600s is not authorized to perform: %s on resource: %s %s", who, r.Action, r.Resource, d.Reason)
}

// ErrNoPolicy means that there is no such policy.
var ErrNoPolicy = fault.New(fault.NotFound, "no such policy")

// Document is the text of a policy where it stands.
type Document struct {
	Name string // for explanations: the policy's ARN or name, or what it is attached to
	Text string // JSON
}

// ResourcePolicies knows the policies attached to the resources of one service,
// and their tags.
type ResourcePolicies interface {
	// ResourcePolicies returns the policies that bear on a resource, as they are kept
	// (policy.Bind): its own, and those of what holds it; and the resource's own tags. There are none for a
	// resource that does not exist. A change of either moves Store.Revision.
	ResourcePolicies(ctx context.Context, resource arn.ARN) (policies []Document, tags map[string]string, err error)
}
