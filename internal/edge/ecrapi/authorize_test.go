package ecrapi_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/edge/ecrapi"
)

// allBut allows everything on every resource but one.
type allBut string

func (a allBut) Authorize(_ context.Context, r access.Request) (access.Decision, error) {
	return access.Decision{Allowed: r.Resource != string(a), Reason: "with an explicit deny in an identity-based policy"}, nil
}

// TestEachNamedRepositoryIsAuthorized: who may not describe one repository does
// not get it by naming another one first.
func TestEachNamedRepositoryIsAuthorized(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"open", "secret"} {
		_, err := w.client.CreateRepository(w.ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
		w.must(err)
	}
	const secret = "arn:aws:ecr:" + region + ":" + account + ":repository/secret"
	handler, err := awshttp.New(awshttp.Options{Logger: slog.New(slog.DiscardHandler), Authenticator: w.access, Authorizer: allBut(string(secret)), Region: region},
		ecrapi.Service(ecrapi.Options{Registry: w.registry, Tokens: w.access, Judge: w.access}))
	w.must(err)
	server := httptest.NewServer(handler)
	defer server.Close()
	client := ecr.New(ecr.Options{Region: region, BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(w.key.AccessKeyID, w.key.Secret, "")})
	for names, allowed := range map[string]bool{"open": true, "secret": false, "open,secret": false, "open,open,secret": false, "none,secret": false} {
		_, err := client.DescribeRepositories(w.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: strings.Split(names, ",")})
		if allowed && err != nil || !allowed && (err == nil || !strings.Contains(err.Error(), "AccessDeniedException") || !strings.Contains(err.Error(), "on resource: "+string(secret))) {
			t.Errorf("%s: %v", names, err)
		}
	}
}
