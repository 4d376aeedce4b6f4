package access_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/seal"
)

const (
	appARN   = "arn:aws:ecr:us-east-1:111122223333:repository/app"
	aliceARN = "arn:aws:iam::111122223333:user/alice"
	roleARN  = "arn:aws:iam::111122223333:role/ci"

	managedARN = "arn:aws:iam::111122223333:policy/put"
)

var (
	alice = access.Principal{Account: account, ARN: aliceARN, UserID: "AIDAALICEALICEALICE12"}
	eve   = access.Principal{Account: "444455556666", ARN: "arn:aws:iam::444455556666:user/eve", UserID: "AIDAEVEEVEEVEEVEEVE12"}
)

// granting is a real store whose policies a test says, and says how often they
// were read.
type granting struct {
	access.Store
	grants map[string]access.Grants
	err    error
	reads  int
}

func (g *granting) Grants(_ context.Context, identity string) (access.Grants, error) {
	g.reads++
	return g.grants[identity], g.err
}

func (g *granting) ManagedPolicy(_ context.Context, name string) (access.Document, error) {
	if name != managedARN {
		return access.Document{}, access.ErrNoPolicy
	}
	return allows(`{"Effect":"Allow","Action":"ecr:Put*","Resource":"*"}`)[0], nil
}

// attached are the policies of resources.
type attached struct {
	documents map[string][]access.Document
	tags      map[string]map[string]string
	err       error
}

func (a *attached) ResourcePolicies(_ context.Context, resource arn.ARN) ([]access.Document, map[string]string, error) {
	return a.documents[resource.String()], a.tags[resource.String()], a.err
}

// judge is a service over policies that the test says.
type judge struct {
	*access.Service
	store     *granting
	resources *attached
	w         *world
}

func newJudge(t testing.TB) *judge {
	t.Helper()
	j := &judge{w: newWorld(t), resources: &attached{documents: map[string][]access.Document{}}}
	j.store = &granting{Store: j.w.store, grants: map[string]access.Grants{}}
	j.Service = j.over(t, j.store)
	return j
}

// over is a service over a store.
func (j *judge) over(t testing.TB, store access.Store) *access.Service {
	t.Helper()
	sealer, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	s, err := access.New(access.Options{Store: store, Sealer: sealer,
		ResourcePolicies: map[string]access.ResourcePolicies{"ecr": j.resources}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func allows(statement string) []access.Document {
	return []access.Document{{Name: "P", Text: `{"Version":"2012-10-17","Statement":` + statement + `}`}}
}

// put asks whether p may push, and wants this reason for no.
func (j *judge) put(t testing.TB, p access.Principal, reason string) {
	t.Helper()
	j.ask(t, access.Request{Principal: p, Action: "ecr:PutImage", Resource: appARN}, reason)
}

func (j *judge) ask(t testing.TB, r access.Request, reason string) {
	t.Helper()
	d, err := j.Authorize(t.Context(), r)
	if err != nil || d.Allowed != (reason == "") || d.Reason != reason {
		t.Errorf("%s %s: allowed %v, %q, %v; want %q", r.Principal.ARN, r.Action, d.Allowed, d.Reason, err, reason)
	}
}

const (
	everything   = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	noIdentity   = "because no identity-based policy allows the ecr:PutImage action"
	noResource   = "because no resource-based policy allows the ecr:PutImage action"
	unreadable   = "because the identity-based policy P cannot be read, and what cannot be read denies"
	denyEveryone = `{"Effect":"Deny","Principal":"*","Action":"ecr:*","Sid":"closed"}`
)

func TestAuthorizeGathersThePoliciesOfAUser(t *testing.T) {
	j := newJudge(t)
	j.put(t, alice, noIdentity)
	for _, test := range []struct {
		name, reason string
		grants       access.Grants
	}{
		{"an allow", "", access.Grants{ID: alice.UserID, Identity: allows(everything)}},
		{"a deny", "with an explicit deny in an identity-based policy: P (statement no)",
			access.Grants{ID: alice.UserID, Identity: append(allows(everything), allows(`{"Sid":"no","Effect":"Deny","Action":"ecr:Put*","Resource":"*"}`)...)}},
		{"a boundary", "because no permissions boundary allows the ecr:PutImage action",
			access.Grants{ID: alice.UserID, Identity: allows(everything), Boundary: &allows(`{"Effect":"Allow","Action":"signer:*","Resource":"*"}`)[0]}},
		{"another of the same name", noIdentity, access.Grants{ID: "AIDABOBBOBBOBBOBBOB12", Identity: allows(everything)}},
		{"a document that no longer parses", unreadable, access.Grants{ID: alice.UserID, Identity: append(allows(everything), allows(`{"Effect":"Perhaps"}`)...)}},
		{"a tag that a condition wants", "", access.Grants{ID: alice.UserID, Tags: map[string]string{"Team": "red"},
			Identity: allows(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}`)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := newJudge(t)
			j.store.grants[aliceARN] = test.grants
			j.put(t, alice, test.reason)
		})
	}
}

func TestAuthorizeGathersThePoliciesOfAResource(t *testing.T) {
	j := newJudge(t)
	j.resources.documents[appARN] = allows(`{"Effect":"Allow","Principal":{"AWS":["` + alice.UserID + `","444455556666"]},"Action":"ecr:PutImage"}`)
	j.store.grants[eve.ARN] = access.Grants{ID: eve.UserID, Identity: allows(everything)}
	j.store.grants[aliceARN] = access.Grants{ID: alice.UserID}
	j.put(t, alice, "")
	j.put(t, eve, "")
	j.put(t, access.Principal{}, noResource)
	gone := alice
	gone.UserID = "AIDABOBBOBBOBBOBBOB12"
	j.put(t, gone, noIdentity)
	j.ask(t, access.Request{Principal: eve, Action: "ecr:GetX", Resource: appARN}, "because no resource-based policy allows the ecr:GetX action")
	byName := newJudge(t) // a document that was kept before documents were bound
	byName.resources.documents[appARN] = allows(`{"Effect":"Allow","Principal":{"AWS":"` + aliceARN + `"},"Action":"ecr:PutImage"}`)
	byName.store.grants[aliceARN] = access.Grants{ID: alice.UserID}
	byName.put(t, alice, noIdentity)
}

// TestNoDenialTellsAnOutsider: a repository that denies, one that has no policy
// and one that is not there read the same.
func TestNoDenialTellsAnOutsider(t *testing.T) {
	j := newJudge(t)
	j.resources.documents[appARN] = allows(denyEveryone)
	j.resources.documents[appARN+"/broken"] = allows(`{}`)
	j.store.grants[eve.ARN] = access.Grants{ID: eve.UserID, Identity: allows(everything)}
	j.store.grants[aliceARN] = access.Grants{ID: alice.UserID, Identity: allows(everything)}
	for _, resource := range []string{appARN, appARN + "/broken", appARN + "/none"} {
		for _, p := range []access.Principal{eve, {}, {Account: "444455556666", ARN: "arn:aws:iam::444455556666:root", UserID: "444455556666"}} {
			j.ask(t, access.Request{Principal: p, Action: "ecr:PutImage", Resource: resource}, noResource)
		}
	}
	j.put(t, alice, "with an explicit deny in a resource-based policy: P (statement closed)")
}

func TestTheRootUserCanRepairAPolicyThatShutsItOut(t *testing.T) {
	j := newJudge(t)
	_, root := j.w.root(t)
	j.resources.documents[appARN] = allows(denyEveryone)
	j.put(t, root, "with an explicit deny in a resource-based policy: P (statement closed)")
	for _, action := range []string{"ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy", "ecr:DeleteRepositoryPolicy"} {
		j.ask(t, access.Request{Principal: root, Action: action, Resource: appARN}, "")
	}
	stranger := access.Principal{Account: "444455556666", ARN: "arn:aws:iam::444455556666:root", UserID: "444455556666"}
	j.ask(t, access.Request{Principal: stranger, Action: "ecr:DeleteRepositoryPolicy", Resource: appARN},
		"because no resource-based policy allows the ecr:DeleteRepositoryPolicy action")
}

func TestAFailureOfTheStoreIsNoDenial(t *testing.T) {
	away := errors.New("the database is away")
	j := newJudge(t)
	j.store.err = away
	if d, err := j.Authorize(t.Context(), access.Request{Principal: alice, Action: "ecr:PutImage", Resource: appARN}); !errors.Is(err, away) || d.Allowed {
		t.Errorf("%+v, %v", d, err)
	}
	j.store.err, j.resources.err = nil, away
	if d, err := j.Authorize(t.Context(), access.Request{Principal: alice, Action: "ecr:PutImage", Resource: appARN}); !errors.Is(err, away) || d.Allowed {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestPoliciesAreRememberedUntilSomethingChanges(t *testing.T) {
	j := newJudge(t)
	j.store.grants[aliceARN] = access.Grants{ID: alice.UserID, Identity: allows(everything)}
	for range 3 {
		j.put(t, alice, "")
	}
	if j.store.reads != 1 {
		t.Errorf("%d reads for three decisions", j.store.reads)
	}
	j.store.grants[aliceARN] = access.Grants{ID: alice.UserID}
	if _, err := j.w.RotateRootKey(t.Context()); err != nil { // any change
		t.Fatal(err)
	}
	j.put(t, alice, noIdentity)
}

func TestConditionsSeeTheRequest(t *testing.T) {
	context := access.RequestContext{Region: "us-east-1", SourceIP: "10.1.2.3", UserAgent: "aws-cli/2", Secure: true,
		Keys: []access.Key{{Name: "signer:ProfileVersion", Values: []string{"V1"}}, {Name: "aws:TagKeys", Values: []string{"a", "b"}}}}
	for condition, reason := range map[string]string{
		`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`:                                "",
		`"IpAddress":{"aws:SourceIp":"11.0.0.0/8"}`:                                noIdentity,
		`"StringLike":{"aws:UserAgent":"aws-cli/*"}`:                               "",
		`"Bool":{"aws:SecureTransport":"true"}`:                                    "",
		`"Bool":{"aws:SecureTransport":"false"}`:                                   noIdentity,
		`"StringEquals":{"aws:RequestedRegion":"us-east-1"}`:                       "",
		`"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}`:             "",
		`"NumericGreaterThan":{"aws:EpochTime":"1577836800"}`:                      "",
		`"DateLessThan":{"aws:EpochTime":"2020-01-01T00:00:00Z"}`:                  noIdentity,
		`"StringEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}`:         "",
		`"Bool":{"aws:ViaAWSService":"false","aws:PrincipalIsAWSService":"false"}`: "",
		`"StringEquals":{"SIGNER:profileversion":"V1"}`:                            "",
		`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b","c"]}`:                "",
		`"ForAllValues:StringEquals":{"aws:TagKeys":["a"]}`:                        noIdentity,
		`"Null":{"aws:TokenIssueTime":"true"}`:                                     "",
	} {
		j := newJudge(t)
		j.store.grants[aliceARN] = access.Grants{ID: alice.UserID, Identity: allows(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + condition + `}}`)}
		t.Run(condition, func(t *testing.T) {
			j.ask(t, access.Request{Principal: alice, Action: "ecr:PutImage", Resource: appARN, Context: context}, reason)
		})
	}
}

// TestAuthorizeASession: what a role may, what session policies leave of it, and
// what conditions see of the session.
func TestAuthorizeASession(t *testing.T) {
	issued := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const noSession = "because no session policy allows the ecr:PutImage action"
	old := `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-03-01T12:00:01Z"}}}`
	when := func(condition string) string {
		return `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + condition + `}}`
	}
	for _, test := range []struct {
		name, statements string
		session          access.Session
		reason           string
	}{
		{"its role's policies", everything, access.Session{}, ""},
		{"an inline policy that allows", everything, access.Session{Policy: allows(everything)[0].Text}, ""},
		{"an inline policy that does not", everything, access.Session{Policy: allows(`{"Effect":"Allow","Action":"ecr:Get*","Resource":"*"}`)[0].Text}, noSession},
		{"a managed policy", everything, access.Session{PolicyARNs: []string{managedARN}}, ""},
		{"a managed policy that is gone", everything, access.Session{PolicyARNs: []string{managedARN + "x"}}, noSession},
		{"a policy that does not parse", everything, access.Session{Policy: "{}"}, "because the session policy the session's own cannot be read, and what cannot be read denies"},
		{"cut off", "[" + everything + "," + old + "]", access.Session{Issued: issued}, "with an explicit deny in an identity-based policy: P"},
		{"begun after that", "[" + everything + "," + old + "]", access.Session{Issued: issued.Add(time.Second)}, ""},
		{"its tags, before the role's", when(`"StringEquals":{"aws:PrincipalTag/Team":"blue"}`), access.Session{Tags: map[string]string{"team": "blue"}}, ""},
		{"the role's tags", when(`"StringEquals":{"aws:PrincipalTag/Team":"red"}`), access.Session{}, ""},
		{"its claims", when(`"StringEquals":{"host:sub":"s"}`), access.Session{Claims: []access.Key{{Name: "host:sub", Values: []string{"s"}}}}, ""},
		{"who began it", when(`"StringEquals":{"aws:SourceIdentity":"a","aws:FederatedProvider":"p"}`), access.Session{SourceIdentity: "a", Provider: "p"}, ""},
		{"no second factor", when(`"Bool":{"aws:MultiFactorAuthPresent":"false"}`), access.Session{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := newJudge(t)
			j.store.grants[roleARN] = access.Grants{ID: "AROACICICICICICICIC12", Identity: allows(test.statements), Tags: map[string]string{"Team": "red"}}
			test.session.RoleARN = roleARN
			p := access.Principal{Account: account, ARN: "arn:aws:sts::111122223333:assumed-role/ci/run", UserID: "AROACICICICICICICIC12:run", Session: &test.session}
			j.put(t, p, test.reason)
			j.put(t, p, test.reason) // from memory
			p.UserID = "AROAOTHEROTHEROTHER12:run"
			j.put(t, p, noIdentity)
		})
	}
}

func TestTrust(t *testing.T) {
	j := newJudge(t)
	r := access.Request{Principal: alice, Action: "sts:AssumeRole", Resource: roleARN}
	trust := func(text string) string {
		d, err := j.AuthorizeTrust(t.Context(), r, access.Document{Name: "ci", Text: text}, nil)
		if err != nil || d.Allowed != (d.Reason == "") {
			t.Fatalf("%+v, %v", d, err)
		}
		return d.Reason
	}
	j.store.grants[aliceARN] = access.Grants{ID: alice.UserID}
	named := `{"Statement":{"Effect":"Allow","Principal":{"AWS":"` + alice.UserID + `"},"Action":"sts:AssumeRole"}}`
	if reason := trust(named); reason != "" {
		t.Error(reason)
	}
	const untrusted = "because no role trust policy allows the sts:AssumeRole action"
	if reason := trust(strings.Replace(named, alice.UserID, aliceARN, 1)); reason != untrusted {
		t.Error("by name: " + reason)
	}
	r.Principal = access.Principal{Session: &access.Session{Provider: "arn:aws:iam::111122223333:oidc-provider/host",
		Claims: []access.Key{{Name: "host:sub", Values: []string{"app"}}}}}
	for subject, reason := range map[string]string{"app": "", "other": untrusted} {
		if got := trust(`{"Statement":{"Effect":"Allow","Principal":{"Federated":"` + r.Principal.Session.Provider + `"},"Action":"sts:*","Condition":{"StringEquals":{"host:sub":"` + subject + `"}}}}`); got != reason {
			t.Errorf("subject %s: %s", subject, got)
		}
	}
	r.Principal = eve
	j.store.grants[eve.ARN] = access.Grants{ID: eve.UserID, Identity: allows(everything)}
	denied := `{"Statement":{"Effect":"Deny","Principal":"*","Action":"sts:*"}}`
	for _, text := range []string{"", named, denied, "nonsense"} {
		if reason := trust(text); reason != untrusted {
			t.Errorf("%q: %s", text, reason)
		}
	}
}

func TestEverybodyMayAskWhoTheyAre(t *testing.T) {
	j := newJudge(t)
	j.store.grants[aliceARN] = access.Grants{ID: alice.UserID, Identity: allows(`{"Effect":"Deny","Action":"*","Resource":"*"}`)}
	j.ask(t, access.Request{Principal: alice, Action: "sts:GetCallerIdentity", Resource: "*"}, "")
	j.ask(t, access.Request{Action: "sts:GetCallerIdentity", Resource: "*"}, "because no resource-based policy allows the sts:GetCallerIdentity action")
}

// still is a store whose revision costs nothing to read.
type still struct{ *granting }

func (still) Revision() (uint64, bool) { return 1, true }

// BenchmarkAuthorize is a decision with everything in memory: by itself, and with
// the read of SQLite's revision; by tags of the resource; and by a resource's policy
// that names who asks, beside a hundred others.
func BenchmarkAuthorize(b *testing.B) {
	j := newJudge(b)
	for _, bench := range []struct {
		name, statements string
		service          *access.Service
		tags             map[string]string
		resource         []access.Document
	}{
		{"decision", byName, j.over(b, still{j.store}), nil, nil},
		{"and revision", byName, j.Service, nil, nil},
		{"tagged, not asked for", byName, j.over(b, still{j.store}), map[string]string{"team": "red", "level": "open"}, nil},
		{"by tags", byTags, j.over(b, still{j.store}), map[string]string{"team": "red", "level": "open"}, nil},
		{"by resource", `{"Effect":"Allow","Action":"signer:*","Resource":"*"}`, j.over(b, still{j.store}), nil, among(100, alice.UserID)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			j.store.grants[aliceARN] = access.Grants{ID: alice.UserID, Identity: allows(bench.statements)}
			j.resources.tags, j.resources.documents[appARN] = map[string]map[string]string{appARN: bench.tags}, bench.resource
			r := access.Request{Principal: alice, Action: "ecr:PutImage", Resource: appARN, Context: access.RequestContext{Secure: true}}
			b.ReportAllocs()
			for b.Loop() {
				if d, err := bench.service.Authorize(b.Context(), r); err != nil || !d.Allowed {
					b.Fatal(d, err)
				}
			}
		})
	}
}

// TestDecisionsAllocateNothing with everything in memory, whatever they ask for but
// the time.
func TestDecisionsAllocateNothing(t *testing.T) {
	for name, statements := range map[string]string{"by name": byName, "by tags": byTags} {
		j := newJudge(t)
		service := j.over(t, still{j.store})
		j.store.grants[aliceARN] = access.Grants{ID: alice.UserID, Identity: allows(statements)}
		j.resources.tags = map[string]map[string]string{appARN: {"team": "red", "level": "open"}}
		r := access.Request{Principal: alice, Action: "ecr:PutImage", Resource: appARN, Context: access.RequestContext{Secure: true}}
		if n := testing.AllocsPerRun(1000, func() {
			if d, err := service.Authorize(t.Context(), r); err != nil || !d.Allowed {
				t.Fatal(d, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

const (
	byName = `[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},
		{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:PutImage"],"Resource":"arn:aws:ecr:us-east-1:111122223333:repository/*"},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]`
	byTags = `[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},
		{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"ecr:ResourceTag/level":"secret"}}}]`
)

// among is a policy for so many users, of whom the last is the one.
func among(n int, id string) []access.Document {
	principals := ""
	for i := range n {
		principals += fmt.Sprintf(`"AIDA%017d",`, i)
	}
	return allows(`{"Effect":"Allow","Principal":{"AWS":[` + principals + `"` + id + `"]},"Action":"ecr:*"}`)
}

// heavy is somebody with a hundred policies of their own and of their groups, too
// many to be remembered together.
func (j *judge) heavy() {
	var all []access.Document
	for n := range 100 {
		text := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:*","Resource":[`
		for i := range 100 {
			text += fmt.Sprintf(`"arn:aws:ecr:us-east-1:111122223333:repository/%d/%d",`, n, i)
		}
		all = append(all, access.Document{Name: fmt.Sprint("P", n), Text: text + `"` + appARN + `"]}}`})
	}
	j.store.grants[aliceARN] = access.Grants{ID: alice.UserID, Identity: all}
}

// TestManyPoliciesAreCompiledOnce, though they are read at each request.
func TestManyPoliciesAreCompiledOnce(t *testing.T) {
	j := newJudge(t)
	j.heavy()
	j.put(t, alice, "")
	reads := j.store.reads
	allocations := testing.AllocsPerRun(10, func() { j.put(t, alice, "") })
	if j.store.reads == reads {
		t.Fatal("they were remembered together: this test needs more of them")
	}
	if allocations > 100 {
		t.Errorf("%v allocations: the policies were compiled again", allocations)
	}
}

// BenchmarkAuthorizeHeavy is a decision about them.
func BenchmarkAuthorizeHeavy(b *testing.B) {
	j := newJudge(b)
	j.heavy()
	r := access.Request{Principal: alice, Action: "ecr:PutImage", Resource: appARN}
	for b.Loop() {
		if d, err := j.Authorize(b.Context(), r); err != nil || !d.Allowed {
			b.Fatal(d, err)
		}
	}
}
