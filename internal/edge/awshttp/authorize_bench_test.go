package awshttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
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

var alice = access.Principal{Account: account, ARN: "arn:aws:iam::" + account + ":user/alice", UserID: "AIDAALICEALICEALICE12"}

// asAlice takes the root's key for alice's.
type asAlice struct{ *access.Service }

func (a asAlice) Credential(ctx context.Context, id, token string) (string, access.Principal, error) {
	secret, _, err := a.Service.Credential(ctx, id, token)
	return secret, alice, err
}

// twentyStatements is a store in which alice has a policy of 20 statements.
type twentyStatements struct{ access.Store }

func (twentyStatements) Grants(context.Context, string) (access.Grants, error) {
	var statements []string
	for i := range 18 {
		statements = append(statements, fmt.Sprintf(
			`{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:Put*"],"Resource":"arn:aws:ecr:%s:%s:repository/team-%d/*"}`, region, account, i))
	}
	statements = append(statements,
		`{"Effect":"Allow","Action":["ecr:Describe*","ecr:CreateRepository"],"Resource":"arn:aws:ecr:*:`+account+`:repository/app*","Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","127.0.0.0/8"]}}}`,
		`{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"`+region+`"}}}`)
	text := `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	return access.Grants{ID: alice.UserID, Identity: []access.Document{{Name: "twenty", Text: text}}}, nil
}

func (twentyStatements) ManagedPolicy(context.Context, string) (access.Document, error) {
	return access.Document{}, access.ErrNoPolicy
}

// repositoryPolicy lets another account pull.
type repositoryPolicy struct{}

func (repositoryPolicy) ResourcePolicies(context.Context, arn.ARN) ([]access.Document, map[string]string, error) {
	return []access.Document{{Name: "repository", Text: `{"Version":"2012-10-17","Statement":[
		{"Sid":"pull","Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]},
		{"Sid":"no","Effect":"Deny","Principal":"*","Action":"ecr:DeleteRepository"}]}`}}, map[string]string{"team": "ci"}, nil
}

// anything is allowed.
type anything struct{}

func (anything) Authorize(context.Context, access.Request) (access.Decision, error) {
	return access.Decision{Allowed: true}, nil
}

// BenchmarkAuthorization is a whole signed request but for the wire: with nobody
// asked, and with a decision by 20 statements of the principal's and two of the
// repository's. What one adds to the other is what authorization costs.
func BenchmarkAuthorization(b *testing.B) {
	ctx := context.Background()
	db, err := sqlstore.OpenSQLite(ctx, filepath.Join(b.TempDir(), "test.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	sealer, err := seal.New(seal.NewKey())
	if err != nil {
		b.Fatal(err)
	}
	s, err := access.New(access.Options{Store: twentyStatements{db.Access()}, Sealer: sealer,
		ResourcePolicies: map[string]access.ResourcePolicies{"ecr": repositoryPolicy{}}})
	if err != nil {
		b.Fatal(err)
	}
	if _, _, err := s.Bootstrap(ctx, account, region); err != nil {
		b.Fatal(err)
	}
	root, err := s.RootCredentials(ctx)
	if err != nil {
		b.Fatal(err)
	}
	for _, way := range []struct {
		name       string
		authorizer awshttp.Authorizer
	}{{"nobody asked", anything{}}, {"20 statements", s}} {
		b.Run(way.name, func(b *testing.B) { benchmarkAs(b, asAlice{s}, way.authorizer, root) })
	}
}

func benchmarkAs(b *testing.B, who awshttp.Authenticator, authorizer awshttp.Authorizer, root access.Credentials) {
	service := ecrToy()
	create := &service.Operations[0]
	*create = awshttp.Op(create.Name, create.Action,
		func(c *awshttp.Call, in *createRepositoryIn) string {
			return arn.Repository(c.Region, c.Account, in.RepositoryName).String()
		},
		func(context.Context, *awshttp.Call, *createRepositoryIn) (*createRepositoryOut, error) {
			return nil, nil
		})
	h, err := awshttp.New(awshttp.Options{Authenticator: who, Authorizer: authorizer, Region: region}, service)
	if err != nil {
		b.Fatal(err)
	}
	const body = `{"repositoryName":"app/web"}`
	w := &world{Server: &httptest.Server{URL: "http://localhost:5000"}, Root: root}
	signed := w.sign(b, request{method: "POST", path: "/", service: "ecr", body: body,
		header: map[string]string{"X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.CreateRepository"}})
	b.ReportAllocs()
	for b.Loop() {
		r := signed.Clone(b.Context())
		r.RequestURI, r.RemoteAddr, r.Body = "/", "127.0.0.1:1", io.NopCloser(strings.NewReader(body))
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		if answer.Code != http.StatusOK {
			b.Fatal(answer.Body)
		}
	}
}
