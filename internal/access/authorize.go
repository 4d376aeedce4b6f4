package access

import (
	"context"
	"fmt"

	"github.com/sealwright/sealwright/internal/arn"
)

// Authorize decides a request. The root user of an account may do everything in
// its own account; nobody else may do anything yet, and what is not allowed is
// denied.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func (s *Service) Authorize(_ context.Context, r Request) Decision {
	if r.Principal.ARN != arn.Root(r.Principal.Account).String() {
		return Decision{false, fmt.Sprintf("no identity-based policy allows the %s action", r.Action)}
	}
	if r.Resource == "*" {
		return Decision{true, "the root user of an account may do everything in it"}
	}
	resource, err := arn.Parse(r.Resource)
	if err != nil {
		return Decision{false, "the resource is not an ARN"}
	}
	if resource.Account != r.Principal.Account {
		return Decision{false, fmt.Sprintf("the resource belongs to another account and no resource-based policy allows the %s action", r.Action)}
	}
	return Decision{true, "the root user of an account may do everything in it"}
}
