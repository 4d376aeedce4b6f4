package policy_test

import (
	"testing"

	"github.com/sealwright/sealwright/internal/policy"
)

// TestExplain: the words are those of AWS's messages.
func TestExplain(t *testing.T) {
	for _, test := range []struct {
		d    policy.Decision
		want string
	}{
		{policy.Decision{}, "because no identity-based policy allows the ecr:X action"},
		{policy.Decision{Why: policy.NoBoundaryAllow}, "because no permissions boundary allows the ecr:X action"},
		{policy.Decision{Why: policy.NoSessionAllow}, "because no session policy allows the ecr:X action"},
		{policy.Decision{Why: policy.NoResourceAllow}, "because no resource-based policy allows the ecr:X action"},
		{policy.Decision{Why: policy.NoTrustAllow}, "because no role trust policy allows the ecr:X action"},
		{policy.Decision{Why: policy.IdentityDeny}, "with an explicit deny in an identity-based policy"},
		{policy.Decision{Why: policy.IdentityDeny, Policy: "P"}, "with an explicit deny in an identity-based policy: P"},
		{policy.Decision{Why: policy.BoundaryDeny, Policy: "P", Sid: "S"}, "with an explicit deny in a permissions boundary: P (statement S)"},
		{policy.Decision{Why: policy.SessionDeny, Sid: "S"}, "with an explicit deny in a session policy (statement S)"},
		{policy.Decision{Why: policy.ResourceDeny, Policy: "P"}, "with an explicit deny in a resource-based policy: P"},
		{policy.Decision{Why: policy.TrustDeny}, "with an explicit deny in a role trust policy"},
		{policy.Decision{Why: policy.BoundaryDeny, Policy: "P", Unreadable: true}, "because the permissions boundary P cannot be read, and what cannot be read denies"},
		// what outsiders read
		{policy.Decision{Why: policy.ResourceDeny, Outside: true, Policy: "P", Sid: "S"}, "because no resource-based policy allows the ecr:X action"},
		{policy.Decision{Why: policy.ResourceDeny, Outside: true, Policy: "P", Unreadable: true}, "because no resource-based policy allows the ecr:X action"},
		{policy.Decision{Why: policy.TrustDeny, Outside: true, Policy: "P", Sid: "S"}, "because no role trust policy allows the ecr:X action"},
		{policy.Decision{Why: policy.IdentityDeny, Outside: true, Policy: "P"}, "with an explicit deny in an identity-based policy: P"},
	} {
		if got := test.d.Explain("ecr:X"); got != test.want {
			t.Errorf("%+v:\n  %s\n  want %s", test.d, got, test.want)
		}
	}
}
