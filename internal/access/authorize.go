package access

import (
	"context"
	"fmt"

	"github.com/sealwright/sealwright/internal/arn"
)

// Authorize decides a request. The root user of an account may do everything in
// its own account; nobody else may do anything yet, and what is not allowed is
// denied. An error is not a denial: nothing could be found out.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func (s *Service) Authorize(_ context.Context, r Request) (Decision, error) {
	return s.decide(r), nil
}

func (s *Service) decide(r Request) Decision {
	if r.Principal.ARN != arn.Root(r.Principal.Account).String() {
		return Decision{false, fmt.Sprintf("because no identity-based policy allows the %s action", r.Action)}
	}
	if r.Resource == "*" {
		return Decision{Allowed: true}
	}
	resource, err := arn.Parse(r.Resource)
	if err != nil {
		return Decision{false, "because the resource is not an ARN"}
	}
	if resource.Account != r.Principal.Account {
		return Decision{false, fmt.Sprintf("because no resource-based policy allows the %s action", r.Action)}
	}
	return Decision{Allowed: true}
}
