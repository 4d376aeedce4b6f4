package awshttp_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

const theirs = "444455556666"

// posing takes the root's key for somebody else's.
type posing struct {
	*access.Service
	who *access.Principal
}

func (p posing) Credential(ctx context.Context, id, token string) (string, access.Principal, error) {
	secret, _, err := p.Service.Credential(ctx, id, token)
	return secret, *p.who, err
}

// papers are the policies of one row.
type papers struct {
	access.Store
	grants   access.Grants
	resource string // policy of the resource, "" for none
}

func (p *papers) Grants(_ context.Context, identity string) (access.Grants, error) {
	return p.grants, nil
}

func (p *papers) ManagedPolicy(context.Context, string) (access.Document, error) {
	return access.Document{}, access.ErrNoPolicy
}

func (p *papers) Revision() (uint64, bool) { return 0, false }

func (p *papers) ResourcePolicies(context.Context, arn.ARN) ([]access.Document, map[string]string, error) {
	if p.resource == "" {
		return nil, nil, nil
	}
	return []access.Document{{Name: "the repository's", Text: p.resource}}, nil, nil
}

type touchIn struct {
	Registry arn.AccountID `json:"registry"`
	Name     string        `json:"name"`
}

// touching has operations on repositories of any name, for what a decision alone
// must hold back. They fail if they are reached.
func touching(reached *bool) awshttp.Service {
	operation := func(name string) awshttp.Operation {
		return awshttp.Op(name, "ecr:"+name, func(c *awshttp.Call, in *touchIn) string {
			return arn.Repository(c.Region, in.Registry, in.Name).String()
		}, func(context.Context, *awshttp.Call, *touchIn) (*nothing, error) {
			*reached = true
			return nil, nil
		})
	}
	return awshttp.Service{SigningName: "ecr", Protocol: awshttp.JSON11, TargetPrefix: "T", Operations: []awshttp.Operation{operation("Describe"), operation("Delete")}}
}

// checkpoint serves the operations to whoever the row says, by its policies.
type checkpoint struct {
	*world
	papers  papers
	who     access.Principal
	reached bool
}

func newCheckpoint(t *testing.T) *checkpoint {
	t.Helper()
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	sealer, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	c := &checkpoint{world: &world{}}
	c.papers.Store = db.Access()
	s, err := access.New(access.Options{Store: &c.papers, Sealer: sealer, ResourcePolicies: map[string]access.ResourcePolicies{"ecr": &c.papers}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Bootstrap(t.Context(), account, region); err != nil {
		t.Fatal(err)
	}
	if c.Root, err = s.RootCredentials(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, err := awshttp.New(awshttp.Options{Authenticator: posing{s, &c.who}, Authorizer: s, Region: region, Logger: slog.New(slog.DiscardHandler)}, touching(&c.reached))
	if err != nil {
		t.Fatal(err)
	}
	c.Server = httptest.NewServer(h)
	t.Cleanup(c.Close)
	return c
}

// passes sends one request and says whether its operation was reached.
func (c *checkpoint) passes(t *testing.T, operation, body string, header map[string]string) answer {
	t.Helper()
	c.reached = false
	headers := map[string]string{"X-Amz-Target": "T." + operation}
	for name, value := range header {
		headers[name] = value
	}
	return send(t, c.sign(t, request{method: "POST", path: "/", service: "ecr", body: body, header: headers}))
}

// document is a policy of statements.
func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// allow is a statement on repositories of ours, by the end of their ARN.
func allow(action, repository string) string {
	return `{"Effect":"Allow","Action":"` + action + `","Resource":"arn:aws:ecr:us-east-1:` + account + `:repository/` + repository + `"}`
}

// condition is a statement that allows everything under a condition.
func condition(text string) string {
	return `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + text + `}}`
}

var stranger = access.Principal{Account: theirs, ARN: "arn:aws:iam::" + theirs + ":user/alice", UserID: "AIDAALICEALICEALICE34"}

// TestEscalationByPolicies has requests that policies are near to allowing. Each
// row must be denied, with its reason.
func TestEscalationByPolicies(t *testing.T) {
	c := newCheckpoint(t)
	const noIdentity, noResource, explicit = "because no identity-based policy allows", "because no resource-based policy allows", "with an explicit deny in"
	everything := document(`{"Effect":"Allow","Action":"*","Resource":"*"}`)
	open := document(`{"Effect":"Allow","Principal":"*","Action":"ecr:Describe"}`)
	app := func(names ...string) string {
		return `{"registry":"` + account + `","name":"` + strings.Join(names, "") + `"}`
	}
	for _, row := range []struct {
		name      string
		who       access.Principal
		identity  string // of who
		resource  string
		operation string
		body      string
		header    map[string]string
		reason    string
	}{
		{"a prefix without its end", alice, document(allow("ecr:*", "team/*")), "", "Describe", app("team"), nil, noIdentity},
		{"a longer prefix", alice, document(allow("ecr:*", "team/*")), "", "Describe", app("teams/app"), nil, noIdentity},
		{"another case", alice, document(allow("ecr:*", "team/*")), "", "Describe", app("Team/app"), nil, noIdentity},
		{"an encoded slash", alice, document(allow("ecr:*", "team/*")), "", "Describe", app("team%2Fapp"), nil, noIdentity},
		{"two for one ?", alice, document(allow("ecr:*", "prod-?")), "", "Describe", app("prod-10"), nil, noIdentity},
		{"none for one ?", alice, document(allow("ecr:*", "prod-?")), "", "Describe", app("prod-"), nil, noIdentity},
		{"a wildcard that is asked for", alice, document(allow("ecr:*", "app")), "", "Describe", app("*"), nil, noIdentity},
		{"a ? that is asked for", alice, document(allow("ecr:*", "app")), "", "Describe", app("ap?"), nil, noIdentity},
		{"a variable that is asked for", alice, document(allow("ecr:*", "alice")), "", "Describe", app("${aws:username}"), nil, noIdentity},
		{"a Cyrillic letter", alice, document(allow("ecr:*", "app")), "", "Describe", app("\u0430pp"), nil, noIdentity},
		{"a letter put together", alice, document(allow("ecr:*", "caf\u00e9")), "", "Describe", app("cafe\u0301"), nil, noIdentity},
		{"an ARN within a name", alice, document(allow("ecr:*", "app")), "", "Describe", app("x:arn:aws:ecr:us-east-1:", account, ":repository/app"), nil, noIdentity},
		{"a colon in an account", alice, everything, "", "Describe", `{"registry":"` + theirs + `:repository/x:","name":"app"}`, nil, noResource},
		{"an account in other digits", alice, everything, "", "Describe", `{"registry":"１１１１２２２２３３３３","name":"app"}`, nil, noResource},
		{"a prefix of an action", alice, document(allow("ecr:Describe", "app")), "", "Delete", app("app"), nil, noIdentity},
		{"a deny in another case", alice, document(allow("*", "*"), `{"Effect":"Deny","Action":"ECR:dELETE","Resource":"*"}`), "", "Delete", app("app"), nil, explicit},
		{"a deny by all but", alice, document(allow("*", "*"), `{"Effect":"Deny","NotAction":"ecr:Describe","Resource":"*"}`), "", "Delete", app("app"), nil, explicit},
		{"a deny by its holder", alice, everything, document(`{"Effect":"Deny","Principal":"*","Action":"ecr:*"}`), "Delete", app("app"), nil, explicit},
		{"another account's repository", alice, everything, "", "Describe", `{"registry":"` + theirs + `","name":"app"}`, nil, noResource},
		{"a stranger with every right at home", stranger, everything, "", "Describe", app("app"), nil, noResource},
		{"a stranger who is let in and may not leave", stranger, "", open, "Describe", app("app"), nil, noIdentity},
		{"a stranger who is let in for something else", stranger, everything, open, "Delete", app("app"), nil, noResource},
		{"a namesake in another account", stranger, everything, document(`{"Effect":"Allow","Principal":{"AWS":"` + alice.ARN + `"},"Action":"*"}`), "Describe", app("app"), nil, noResource},
		{"a namesake who came later", alice, everything, document(`{"Effect":"Allow","Principal":{"AWS":"AIDAALICEALICEALICE99"},"Action":"*"}`, `{"Effect":"Deny","NotPrincipal":{"AWS":"`+stranger.ARN+`"},"Action":"*"}`), "Describe", app("app"), nil, explicit},
		{"a forwarded address", alice, document(condition(`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`)), "", "Describe", app("app"), map[string]string{"X-Forwarded-For": "10.1.1.1", "X-Real-Ip": "10.1.1.1", "Forwarded": "for=10.1.1.1"}, noIdentity},
		{"forwarded TLS", alice, document(condition(`"Bool":{"aws:SecureTransport":"true"}`)), "", "Describe", app("app"), map[string]string{"X-Forwarded-Proto": "https"}, noIdentity},
		{"a key in a header", alice, document(condition(`"StringEquals":{"aws:PrincipalTag/team":"red"}`)), "", "Describe", app("app"), map[string]string{"Aws-Principaltag-Team": "red"}, noIdentity},
		{"a condition on nothing", alice, document(condition(`"StringLike":{"ecr:ResourceTag/team":"*"}`)), "", "Describe", app("app"), nil, noIdentity},
		{"an action twice", alice, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:Describe","Action":"*","Resource":"*"}]}`, "", "Describe", app("app"), nil, "cannot be read"},
		{"an effect twice", alice, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}`, "", "Describe", app("app"), nil, "cannot be read"},
		{"an effect in another case", alice, `{"Version":"2012-10-17","Statement":[{"effect":"Allow","Action":"*","Resource":"*"}]}`, "", "Describe", app("app"), nil, "cannot be read"},
		{"nobody", access.Principal{}, everything, "", "Describe", app("app"), nil, noResource},
		{"a root of elsewhere", access.Principal{Account: theirs, ARN: "arn:aws:iam::" + theirs + ":root", UserID: theirs}, "", "", "Describe", app("app"), nil, noResource},
		{"a user who is called root", access.Principal{Account: account, ARN: "arn:aws:iam::" + account + ":user/root", UserID: alice.UserID}, "", "", "Describe", app("app"), nil, noIdentity},
		{"a user who is no more", access.Principal{Account: account, ARN: alice.ARN, UserID: "AIDAALICEALICEALICE00"}, everything, "", "Describe", app("app"), nil, noIdentity},
	} {
		c.who, c.papers.resource = row.who, row.resource
		c.papers.grants = access.Grants{ID: row.who.UserID}
		if row.name == "a user who is no more" {
			c.papers.grants.ID = alice.UserID // somebody new has the name
		}
		if row.identity != "" {
			c.papers.grants.Identity = []access.Document{{Name: "P", Text: row.identity}}
		}
		a := c.passes(t, row.operation, row.body, row.header)
		if !carries(a, 400, "AccessDeniedException") || !strings.Contains(a.body, "is not authorized to perform: ecr:"+row.operation) || !strings.Contains(a.body, row.reason) || c.reached {
			t.Errorf("%s: %d %s, want a denial %s", row.name, a.status, a.body, row.reason)
		}
	}
	c.who, c.papers.resource, c.papers.grants = alice, open, access.Grants{ID: alice.UserID, Identity: []access.Document{{Name: "P", Text: document(allow("ecr:*", "team/*"))}}}
	if a := c.passes(t, "Delete", app("team/app"), nil); a.status != 200 || !c.reached {
		t.Errorf("what is allowed: %d %s", a.status, a.body)
	}
}
