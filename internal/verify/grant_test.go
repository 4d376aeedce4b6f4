package verify_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/notaryproject/notation-go/verifier/trustpolicy"

	"github.com/sealwright/sealwright/internal/verify"
)

const (
	store   = "signingAuthority:aws-signer-ts"
	alice   = "arn:aws:signer:us-east-1:111122223333:/signing-profiles/alice"
	bob     = "arn:aws:signer:us-east-1:111122223333:/signing-profiles/bob"
	curl    = "localhost:5000/curl"
	busybox = "localhost:5000/busybox"
)

// statement makes a strict statement for scopes that trusts alice.
func statement(name string, scopes ...string) trustpolicy.OCITrustPolicy {
	return trustpolicy.OCITrustPolicy{
		Name: name, RegistryScopes: scopes, TrustStores: []string{store}, TrustedIdentities: []string{alice},
		SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: "strict"},
	}
}

func with(s trustpolicy.OCITrustPolicy, edit func(*trustpolicy.OCITrustPolicy)) trustpolicy.OCITrustPolicy {
	edit(&s)
	return s
}

func policy(statements ...trustpolicy.OCITrustPolicy) *trustpolicy.OCIDocument {
	return &trustpolicy.OCIDocument{Version: "1.0", TrustPolicies: statements}
}

func grant(identity string, scopes ...string) verify.Grant {
	return verify.Grant{Scopes: scopes, Identities: []string{identity}, Store: store}
}

func TestGrantMerges(t *testing.T) {
	bobToo := func(s *trustpolicy.OCITrustPolicy) { s.TrustedIdentities = []string{alice, bob} }
	otherStore := func(s *trustpolicy.OCITrustPolicy) { s.TrustStores = []string{"ca:acme"} }
	for _, tt := range []struct {
		name   string
		before *trustpolicy.OCIDocument
		grant  verify.Grant
		after  *trustpolicy.OCIDocument
		added  []string
		notes  int
	}{
		{"no policy yet", nil, grant(alice, "*"), policy(statement("sealwright", "*")), []string{alice}, 0},
		{"same scope, another identity", policy(statement("mine", "*")), grant(bob, "*"), policy(with(statement("mine", "*"), bobToo)), []string{bob}, 0},
		{"same scope, same identity", policy(statement("mine", "*")), grant(alice, "*"), policy(statement("mine", "*")), nil, 0},
		{"same identity in other case", policy(statement("mine", "*")), grant(strings.Replace(alice, "us-", "US-", 1), "*"), policy(statement("mine", "*")), nil, 0},
		{"same scopes in another order", policy(statement("mine", curl, busybox)), grant(bob, busybox, curl), policy(with(statement("mine", curl, busybox), bobToo)), []string{bob}, 0},
		{"a statement without the store", policy(with(statement("mine", "*"), otherStore)), grant(alice, "*"),
			policy(with(statement("mine", "*"), func(s *trustpolicy.OCITrustPolicy) { s.TrustStores = []string{"ca:acme", store} })), nil, 0},
		{"a repository beside all others", policy(statement("mine", "*")), grant(alice, curl), policy(statement("mine", "*"), statement("sealwright", curl)), []string{alice}, 1},
		{"all others beside a repository", policy(statement("mine", curl)), grant(alice, "*"), policy(statement("mine", curl), statement("sealwright", "*")), []string{alice}, 1},
		{"another repository", policy(statement("mine", curl)), grant(alice, busybox), policy(statement("mine", curl), statement("sealwright", busybox)), []string{alice}, 0},
		{"the name is taken", policy(statement("sealwright", curl), statement("sealwright-2", "*")), grant(alice, busybox),
			policy(statement("sealwright", curl), statement("sealwright-2", "*"), statement("sealwright-3", busybox)), []string{alice}, 1},
		{"the level stays", policy(with(statement("mine", "*"), func(s *trustpolicy.OCITrustPolicy) { s.SignatureVerification.VerificationLevel = "audit" })), grant(bob, "*"),
			policy(with(statement("mine", "*"), func(s *trustpolicy.OCITrustPolicy) {
				s.SignatureVerification.VerificationLevel = "audit"
				bobToo(s)
			})), []string{bob}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, _ := json.Marshal(tt.before)
			after, granted, err := tt.grant.AddTo(tt.before)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(after, tt.after) {
				t.Errorf("got  %+v\nwant %+v", after, tt.after)
			}
			if !slices.Equal(granted.Added, tt.added) || len(granted.Notes) != tt.notes {
				t.Errorf("granted %+v", granted)
			}
			if unchanged, _ := json.Marshal(tt.before); string(unchanged) != string(before) {
				t.Errorf("the policy given was changed: %s", unchanged)
			}
		})
	}
}

func TestGrantRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before *trustpolicy.OCIDocument
		grant  verify.Grant
		want   []string
	}{
		{"a scope of a statement for more", policy(statement("team", curl, busybox)), grant(bob, curl), []string{curl, `"name": "team"`, busybox}},
		{"scopes of which a statement has one", policy(statement("team", curl)), grant(bob, curl, busybox), []string{curl, `"name": "team"`}},
		{"scopes of two statements", policy(statement("a", curl), statement("b", busybox)), grant(bob, curl, busybox), []string{`"name": "a"`}},
		{"all and one", nil, grant(bob, "*", curl), []string{"cannot be combined"}},
		{"a statement that skips", policy(trustpolicy.OCITrustPolicy{Name: "off", RegistryScopes: []string{"*"}, SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: "skip"}}),
			grant(bob, "*"), []string{"skips verification", `"name": "off"`}},
		{"a statement that trusts everyone", policy(with(statement("all", "*"), func(s *trustpolicy.OCITrustPolicy) { s.TrustedIdentities = []string{"*"} })),
			grant(bob, "*"), []string{"trusts every identity", `"name": "all"`}},
		{"a scope that is no repository", nil, grant(bob, "https://localhost:5000/curl"), []string{"registry scope"}},
		{"a policy that is broken already", policy(statement("", curl)), grant(bob, busybox), []string{"missing a name"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			after, _, err := tt.grant.AddTo(tt.before)
			if err == nil || after != nil {
				t.Fatalf("got %+v, %v", after, err)
			}
			for _, text := range tt.want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("error %q lacks %q", err, text)
				}
			}
		})
	}
}

func TestParsePolicyRefusesWhatWouldBeLost(t *testing.T) {
	for _, data := range []string{
		``, `[]`, `{"version":"1.0","trustPolicies":[],"comment":"why"}`,
		`{"version":"1.0","trustPolicies":[{"name":"a","owner":"me"}]}`, `{"version":"1.0"} {}`, `{"version":"1.0"} x`,
	} {
		if _, err := verify.ParsePolicy([]byte(data)); err == nil {
			t.Errorf("%s: accepted", data)
		}
	}
}

func FuzzGrant(f *testing.F) {
	known, _ := json.Marshal(policy(statement("mine", "*"), statement("team", curl, busybox)))
	f.Add(known, curl, bob)
	f.Add([]byte(`{"version":"1.0","trustPolicies":[]}`), "*", alice)
	f.Fuzz(func(t *testing.T, data []byte, scope, identity string) {
		before, err := verify.ParsePolicy(data)
		if err != nil {
			return
		}
		after, granted, err := grant(identity, scope).AddTo(before)
		if err != nil {
			return
		}
		if err := after.Validate(); err != nil {
			t.Fatalf("made a policy that is not valid: %v", err)
		}
		for _, s := range before.TrustPolicies {
			kept := slices.ContainsFunc(after.TrustPolicies, func(a trustpolicy.OCITrustPolicy) bool {
				return a.Name == granted.Statement || reflect.DeepEqual(a, s)
			})
			if !kept {
				t.Fatalf("statement %q was lost or changed", s.Name)
			}
		}
		again, granted, err := grant(identity, scope).AddTo(after)
		if err != nil || granted.New || len(granted.Added) > 0 || !reflect.DeepEqual(again, after) {
			t.Fatalf("the same grant again changed the policy: %+v, %v", granted, err)
		}
	})
}
