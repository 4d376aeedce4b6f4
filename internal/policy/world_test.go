package policy_test

import (
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/policy"
)

const here, there = "111122223333", "444455556666"

// people are who asks in the tests.
var people = map[string]policy.Principal{
	"alice": {Kind: policy.User, Account: here, ARN: "arn:aws:iam::111122223333:user/team/alice", UserID: "AIDAALICEALICEALICE12"},
	"ci": {Kind: policy.AssumedRole, Account: here, ARN: "arn:aws:sts::111122223333:assumed-role/ci/run-7",
		UserID: "AROACICICICICICICIC12:run-7", RoleARN: "arn:aws:iam::111122223333:role/deploy/ci"},
	"root": {Kind: policy.Root, Account: here, ARN: "arn:aws:iam::111122223333:root", UserID: here},
	"eve":  {Kind: policy.User, Account: there, ARN: "arn:aws:iam::444455556666:user/eve", UserID: "AIDAEVEEVEEVEEVEEVE12"},
	"mallory": {Kind: policy.AssumedRole, Account: there, ARN: "arn:aws:sts::444455556666:assumed-role/mallory/s",
		UserID: "AROAMALLORYMALLORY123:s", RoleARN: "arn:aws:iam::444455556666:role/mallory"},
	"evilroot": {Kind: policy.Root, Account: there, ARN: "arn:aws:iam::444455556666:root", UserID: there},
	"nobody":   {},
	"github":   {Kind: policy.WebIdentity, Provider: "arn:aws:iam::111122223333:oidc-provider/token.example.com"},
}

// keys are condition keys by their names in lower case.
type keys map[string][]string

func (k keys) Values(name string) ([]string, bool) {
	values, present := k[name]
	return values, present
}

// documents are the policies of one question, as text; "broken" stands for one
// that cannot be read, and session "none" for a session policy without any.
type documents struct {
	identity, boundary, session, resource, trust []string

	read map[string]doc // by the slow evaluator
}

func (d *documents) of(kind string) *[]string {
	return map[string]*[]string{"identity": &d.identity, "boundary": &d.boundary, "session": &d.session, "resource": &d.resource, "trust": &d.trust}[kind]
}

func (d *documents) grants(t testing.TB) *policy.Grants {
	t.Helper()
	g := &policy.Grants{
		Identity: attached(t, d.identity, policy.ParseIdentity), Sessions: attached(t, d.session, policy.ParseIdentity),
		InSession: len(d.session) > 0, Resource: attached(t, d.resource, policy.ParseResource),
	}
	if boundary := attached(t, d.boundary, policy.ParseIdentity); len(boundary) > 0 {
		g.Boundary = &boundary[0]
	}
	if len(d.trust) > 0 {
		g.Trust, g.Resource = true, attached(t, d.trust, policy.ParseTrust)
	}
	return g
}

func attached(t testing.TB, texts []string, parse func(string) (*policy.Policy, error)) (all []policy.Attached) {
	t.Helper()
	for _, text := range texts {
		if text == "none" {
			continue
		}
		a := policy.Attached{Name: "P"}
		if text != "broken" {
			var err error
			if a.Policy, err = parse(text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		all = append(all, a)
	}
	return all
}

// question is a request as tests write it.
func question(who, action, resource string, k keys) *policy.Request {
	if fold := strings.ToLower(resource); resource != "*" && !strings.HasPrefix(fold, "arn:") && resource != "nonsense:" {
		resource = "arn:aws:ecr:us-east-1:111122223333:repository/" + resource
	}
	r := &policy.Request{Principal: people[who], Action: action, Resource: resource, Keys: k}
	r.ResourceAccount = r.Principal.Account
	if parts := strings.SplitN(resource, ":", 6); len(parts) == 6 {
		r.ResourceAccount = arn.AccountID(parts[4])
	}
	return r
}

// words say what decided.
var words = map[policy.Why]string{
	policy.NoIdentityAllow: "no-identity", policy.NoBoundaryAllow: "no-boundary", policy.NoSessionAllow: "no-session",
	policy.NoResourceAllow: "no-resource", policy.NoTrustAllow: "no-trust",
	policy.IdentityDeny: "identity-deny", policy.BoundaryDeny: "boundary-deny", policy.SessionDeny: "session-deny",
	policy.ResourceDeny: "resource-deny", policy.TrustDeny: "trust-deny",
	policy.IdentityAllow: "identity", policy.ResourceAllow: "resource", policy.AccountRoot: "root",
}

func say(d policy.Decision) string {
	s := "deny "
	if d.Allowed {
		s = "allow "
	}
	s += words[d.Why]
	if d.Unreadable {
		s += " unreadable"
	}
	return s
}
