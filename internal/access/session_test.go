package access_test

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/policy"
)

// troupe is a user and roles that it, and they among themselves, may assume.
type troupe struct {
	*world
	user access.Principal
}

func newTroupe(t *testing.T) *troupe {
	t.Helper()
	w := newWorld(t)
	u := w.make(t, userKey("alice"))
	w.make(t, roleKey("one"))
	w.make(t, roleKey("two"))
	trust := `{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}`
	for _, key := range []access.IdentityKey{roleKey("one"), roleKey("two")} {
		if err := w.SetTrust(t.Context(), key, trust); err != nil {
			t.Fatal(err)
		}
		if err := w.PutInlinePolicy(t.Context(), key, "p", anyAction); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.PutInlinePolicy(t.Context(), userKey("alice"), "p", anyAction); err != nil {
		t.Fatal(err)
	}
	return &troupe{w, access.Principal{Account: account, ARN: u.ARN().String(), UserID: u.ID}}
}

// play begins a session of a role and returns who then acts.
func (tr *troupe) play(t *testing.T, p access.Principal, n access.NewSession) (access.AssumedRole, access.Principal, error) {
	t.Helper()
	n.RoleARN, n.Name = "arn:aws:iam::111122223333:role/"+n.RoleARN, "job"
	a, err := tr.AssumeRole(t.Context(), p, access.RequestContext{}, n)
	if err != nil {
		return a, access.Principal{}, err
	}
	_, who, err := tr.Credential(t.Context(), a.AccessKeyID, a.SessionToken)
	return a, who, err
}

func TestSessionsEnd(t *testing.T) {
	tr := newTroupe(t)
	a, who, err := tr.play(t, tr.user, access.NewSession{RoleARN: "one", Duration: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	password, expires, err := tr.IssueToken(t.Context(), who, a.AccessKeyID)
	if err != nil || !expires.Equal(a.Expires) {
		t.Fatalf("a registry token until %s of a session until %s, %v", expires, a.Expires, err)
	}
	if _, _, err := tr.IssueToken(t.Context(), who, "ASIA0000000000000000"); !errors.Is(err, access.ErrUnknownKey) {
		t.Errorf("a token with another's key: %v", err)
	}
	begun := tr.now
	for at, want := range map[time.Duration]error{
		0: nil, time.Hour - time.Second: nil, time.Hour: access.ErrTokenExpired, 24 * time.Hour: access.ErrTokenExpired,
		-4 * time.Minute: nil,
	} {
		tr.now = begun.Add(at)
		_, _, signed := tr.Credential(t.Context(), a.AccessKeyID, a.SessionToken)
		p, _, door := tr.VerifyToken(t.Context(), password)
		if !errors.Is(signed, want) || !errors.Is(door, want) || want == nil && p.ARN != a.ARN {
			t.Errorf("at %s: %v and %v, want %v", at, signed, door, want)
		}
	}
}

// TestSessionsOfTheFuture: a token that was made later than now is none of ours.
func TestSessionsOfTheFuture(t *testing.T) {
	tr := newTroupe(t)
	a, _, err := tr.play(t, tr.user, access.NewSession{RoleARN: "one"})
	if err != nil {
		t.Fatal(err)
	}
	tr.now = tr.now.Add(-6 * time.Minute)
	if _, err := tr.RotateRootKey(t.Context()); err != nil { // what is remembered does not count
		t.Fatal(err)
	}
	if _, _, err := tr.Credential(t.Context(), a.AccessKeyID, a.SessionToken); !errors.Is(err, access.ErrTokenInvalid) {
		t.Errorf("%v, want %v", err, access.ErrTokenInvalid)
	}
}

func TestChainsAreShortAndTagsGoOn(t *testing.T) {
	tr := newTroupe(t)
	long := 2 * time.Hour
	for _, name := range []string{"one", "two"} {
		if err := tr.UpdateRole(t.Context(), roleKey(name), nil, &long); err != nil {
			t.Fatal(err)
		}
	}
	_, one, err := tr.play(t, tr.user, access.NewSession{RoleARN: "one", Duration: long,
		Tags: map[string]string{"team": "red", "step": "build"}, Transitive: []string{"team"}, SourceIdentity: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := tr.play(t, one, access.NewSession{RoleARN: "two", Duration: time.Hour + time.Second}); err == nil {
		t.Error("a chain is longer than an hour")
	}
	if _, _, err := tr.play(t, one, access.NewSession{RoleARN: "two", Tags: map[string]string{"team": "blue"}}); !errors.Is(err, access.ErrSessionTag) {
		t.Errorf("another team: %v", err)
	}
	begun, two, err := tr.play(t, one, access.NewSession{RoleARN: "two", Tags: map[string]string{"step": "test"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := two.Session; !maps.Equal(got.Tags, map[string]string{"team": "red", "step": "test"}) || got.SourceIdentity != "alice" || begun.SourceIdentity != "alice" {
		t.Errorf("tags %v, source identity %q, %q", got.Tags, got.SourceIdentity, begun.SourceIdentity)
	}
	if _, three, err := tr.play(t, two, access.NewSession{RoleARN: "one"}); err != nil || !maps.Equal(three.Session.Tags, map[string]string{"team": "red"}) {
		t.Errorf("the third of the chain has %v, %v", three.Session, err)
	}
	if _, _, err := tr.play(t, one, access.NewSession{RoleARN: "two", SourceIdentity: "bob"}); !errors.Is(err, access.ErrNotAssumed) {
		t.Errorf("another source identity: %v", err)
	}
}

func TestSessionsThatDoNotFit(t *testing.T) {
	tr := newTroupe(t)
	tags := map[string]string{}
	for i := range 50 {
		tags[strings.Repeat("k", 100)+strconv.Itoa(i)] = strings.Repeat("v", 200)
	}
	for name, n := range map[string]access.NewSession{
		"tags":     {RoleARN: "one", Tags: tags},
		"a policy": {RoleARN: "one", Policy: sized(2049)},
		"policies": {RoleARN: "one", PolicyARNs: make([]string, 11)},
	} {
		if _, _, err := tr.play(t, tr.user, n); !errors.Is(err, access.ErrPackedPolicyTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNoAnswerTellsOfRoles: who may not assume a role reads the same whether it is
// there.
func TestNoAnswerTellsOfRoles(t *testing.T) {
	tr := newTroupe(t)
	if err := tr.SetTrust(t.Context(), roleKey("two"), `{"Statement":{"Effect":"Deny","Principal":"*","Action":"sts:*"}}`); err != nil {
		t.Fatal(err)
	}
	outsider := access.Principal{Account: "444455556666", ARN: "arn:aws:iam::444455556666:user/eve", UserID: "AIDAEVEEVEEVEEVEEVE12"}
	var said []string
	for _, name := range []string{"two", "one", "none"} {
		_, _, err := tr.play(t, outsider, access.NewSession{RoleARN: name})
		if !errors.Is(err, access.ErrNotAssumed) {
			t.Fatalf("%s: %v", name, err)
		}
		said = append(said, strings.Replace(err.Error(), "role/"+name, "role/X", 1))
	}
	if said[0] != said[1] || said[1] != said[2] {
		t.Errorf("told apart:\n%s", strings.Join(said, "\n"))
	}
}

// TestARenamedUserKeepsItsToken: the registry token goes by the key.
func TestARenamedUserKeepsItsToken(t *testing.T) {
	tr := newTroupe(t)
	k, _, err := tr.CreateAccessKey(t.Context(), account, "alice")
	if err != nil {
		t.Fatal(err)
	}
	_, p, err := tr.Credential(t.Context(), k.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	password, _, err := tr.IssueToken(t.Context(), p, k.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Rename(t.Context(), userKey("alice"), "carol", ""); err != nil {
		t.Fatal(err)
	}
	if p, _, err := tr.VerifyToken(t.Context(), password); err != nil || p.ARN != "arn:aws:iam::111122223333:user/carol" {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestTagsDifferInMoreThanCase: conditions do not tell Team from team, so a
// session has one of them, and what goes on to the next cannot be hidden.
func TestTagsDifferInMoreThanCase(t *testing.T) {
	tr := newTroupe(t)
	if _, _, err := tr.play(t, tr.user, access.NewSession{RoleARN: "one", Tags: map[string]string{"team": "red", "Team": "blue"}}); err == nil {
		t.Error("a session has both team and Team")
	}
	_, one, err := tr.play(t, tr.user, access.NewSession{RoleARN: "one", Tags: map[string]string{"team": "red"}, Transitive: []string{"TEAM"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]access.NewSession{
		"a tag that went on":          {RoleARN: "two", Tags: map[string]string{"Team": "blue"}},
		"the same":                    {RoleARN: "two", Tags: map[string]string{"team": "red"}},
		"goes on but was not given":   {RoleARN: "two", Tags: map[string]string{"step": "x"}, Transitive: []string{"none"}},
		"goes on but went on already": {RoleARN: "two", Transitive: []string{"team"}},
	} {
		if _, _, err := tr.play(t, one, n); !errors.Is(err, access.ErrSessionTag) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, two, err := tr.play(t, one, access.NewSession{RoleARN: "two"})
	if err != nil {
		t.Fatal(err)
	}
	if got := two.Session.Tags; len(got) != 1 || got["team"] != "red" {
		t.Errorf("the next session has the tags %v", got)
	}
}

// TestRolesHaveTags: who asks in the role's account may be denied by its tags; who
// asks from another cannot find out which it has.
func TestRolesHaveTags(t *testing.T) {
	tr := newTroupe(t)
	if err := tr.Tag(t.Context(), roleKey("two"), map[string]string{"guard": "yes"}); err != nil {
		t.Fatal(err)
	}
	deny := `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Effect":"Deny","Action":"sts:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/guard":"yes"}}}]}`
	if err := tr.PutInlinePolicy(t.Context(), userKey("alice"), "p", deny); err != nil {
		t.Fatal(err)
	}
	if _, _, err := tr.play(t, tr.user, access.NewSession{RoleARN: "one"}); err != nil {
		t.Error(err)
	}
	if _, _, err := tr.play(t, tr.user, access.NewSession{RoleARN: "two"}); !errors.Is(err, access.ErrNotAssumed) {
		t.Errorf("a role whose tags deny: %v", err)
	}
	if _, _, err := tr.CreateAccount(t.Context(), "444455556666"); err != nil {
		t.Fatal(err)
	}
	key := access.IdentityKey{Account: "444455556666", Kind: access.User, Name: "eve"}
	eve := tr.make(t, key)
	if err := tr.PutInlinePolicy(t.Context(), key, "p", deny); err != nil {
		t.Fatal(err)
	}
	_, _, err := tr.play(t, access.Principal{Account: key.Account, ARN: eve.ARN().String(), UserID: eve.ID}, access.NewSession{RoleARN: "two"})
	if err == nil || !strings.Contains(err.Error(), "no role trust policy") {
		t.Errorf("from another account: %v", err)
	}
}

// TestTrustByTagsAcrossAccounts: a trust policy that lets all of another account in
// but where the role has a tag does so, and neither the reason nor what the policies
// of who asks make of tags tells which the role has.
func TestTrustByTagsAcrossAccounts(t *testing.T) {
	tr := newTroupe(t)
	if _, _, err := tr.CreateAccount(t.Context(), "444455556666"); err != nil {
		t.Fatal(err)
	}
	key := access.IdentityKey{Account: "444455556666", Kind: access.User, Name: "eve"}
	made := tr.make(t, key)
	eve := access.Principal{Account: key.Account, ARN: made.ARN().String(), UserID: made.ID}
	const allow, deny = `{"Effect":"Allow","Action":"*","Resource":"*"}`, `{"Effect":"Deny","Action":"sts:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/guard":"yes"}}}`
	trust := `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"sts:AssumeRole"},
		{"Sid":"guard","Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringEquals":{"KEY":"yes"}}}]}`
	for _, test := range []struct{ name, own, key, guard, reason string }{
		{"untagged", allow, "aws:ResourceTag/guard", "", ""},
		{"another value", allow, "iam:ResourceTag/guard", "no", ""},
		{"denied", allow, "aws:ResourceTag/guard", "yes", "no role trust policy"},
		{"denied by IAM's own key", allow, "iam:ResourceTag/Guard", "yes", "no role trust policy"},
		{"denied, and by the own policies too", allow + "," + deny, "aws:ResourceTag/guard", "yes", "no role trust policy"},
		{"denied by the own policies alone", allow + "," + deny, "aws:ResourceTag/other", "yes", "explicit deny in an identity-based policy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := errors.Join(tr.Tag(t.Context(), roleKey("two"), map[string]string{"guard": test.guard}),
				tr.SetTrust(t.Context(), roleKey("two"), strings.Replace(trust, "KEY", test.key, 1)),
				tr.PutInlinePolicy(t.Context(), key, "p", `{"Statement":[`+test.own+`]}`))
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = tr.play(t, eve, access.NewSession{RoleARN: "two"})
			if test.reason == "" && err != nil || test.reason != "" && (!errors.Is(err, access.ErrNotAssumed) || !strings.Contains(err.Error(), test.reason)) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestBeginningASessionIsAUse: a key that only assumes roles is not idle.
func TestBeginningASessionIsAUse(t *testing.T) {
	tr := newTroupe(t)
	k, _, err := tr.CreateAccessKey(t.Context(), account, "alice")
	if err != nil {
		t.Fatal(err)
	}
	tr.user.KeyID = k.ID
	for _, begin := range []func() error{
		func() error { _, _, err := tr.play(t, tr.user, access.NewSession{RoleARN: "one"}); return err },
		func() error { _, err := tr.SessionToken(t.Context(), tr.user, 0); return err },
	} {
		tr.now = tr.now.Add(time.Minute)
		if err := begin(); err != nil {
			t.Fatal(err)
		}
		if use := tr.LastUse(k); use.Service != "sts" || !use.At.Equal(tr.now.Truncate(time.Second)) {
			t.Errorf("last use %+v", use)
		}
	}
}

// TestNoSuchSessionIsNamed: a policy that names a session that no role can have is
// refused as one with a principal who is not there, not kept as what nobody can read.
func TestNoSuchSessionIsNamed(t *testing.T) {
	tr := newTroupe(t)
	for name, there := range map[string]bool{"job-1@x": true, "a/b": false, "a:b": false, "é": false, "a\\u0000": false} {
		trust := `{"Statement":{"Effect":"Allow","Principal":{"AWS":["111122223333","arn:aws:sts::111122223333:assumed-role/one/` + name + `"]},"Action":"sts:AssumeRole"}}`
		if err := tr.SetTrust(t.Context(), roleKey("two"), trust); there && err != nil || !there && !errors.Is(err, policy.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := tr.play(t, tr.user, access.NewSession{RoleARN: "two"}); err != nil {
			t.Errorf("with %s: %v", name, err)
		}
	}
}
