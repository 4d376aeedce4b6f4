package iamapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/edge/iamapi"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

var ctx = context.Background()

// serve starts the surface of an installation in eu-central-1.
func serve(t *testing.T) (url string, root access.Credentials) {
	t.Helper()
	db, err := sqlstore.OpenSQLite(ctx, filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	sealer, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	s, err := access.New(access.Options{Store: db.Access(), Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Bootstrap(ctx, "111122223333", "eu-central-1"); err != nil {
		t.Fatal(err)
	}
	if root, err = s.RootCredentials(ctx); err != nil {
		t.Fatal(err)
	}
	h, err := awshttp.New(awshttp.Options{Authenticator: s, Authorizer: s, Region: "eu-central-1"}, iamapi.STS(s))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL, root
}

func client(url, region string, c access.Credentials) *sts.Client {
	return sts.NewFromConfig(aws.Config{
		Region: region, BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.Secret, ""),
	})
}

func TestGetCallerIdentity(t *testing.T) {
	url, root := serve(t)
	for _, region := range []string{"eu-central-1", "us-east-1"} {
		out, err := client(url, region, root).GetCallerIdentity(ctx, nil)
		if err != nil {
			t.Fatalf("scoped to %s: %v", region, err)
		}
		if *out.Account != "111122223333" || *out.Arn != "arn:aws:iam::111122223333:root" || *out.UserId != "111122223333" {
			t.Errorf("scoped to %s: account %s, ARN %s, user id %s", region, *out.Account, *out.Arn, *out.UserId)
		}
	}
}

func TestErrors(t *testing.T) {
	url, root := serve(t)
	unknown := access.Credentials{AccessKeyID: "AKIAAAAAAAAAAAAAAAAA", Secret: root.Secret}
	wrong := access.Credentials{AccessKeyID: root.AccessKeyID, Secret: "wrong"}
	identify := func(region string, c access.Credentials) error {
		_, err := client(url, region, c).GetCallerIdentity(ctx, nil)
		return err
	}
	_, assumeErr := client(url, "us-east-1", root).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/r"), RoleSessionName: aws.String("job")})
	_, webErr := client(url, "us-east-1", root).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String("arn:aws:iam::111122223333:role/r"), RoleSessionName: aws.String("job"), WebIdentityToken: aws.String("token")})
	for name, test := range map[string]struct {
		err        error
		code, says string
	}{
		"an unknown key":        {identify("us-east-1", unknown), "InvalidClientTokenId", "security token included in the request is invalid"},
		"a wrong secret":        {identify("us-east-1", wrong), "SignatureDoesNotMatch", "signature we calculated does not match"},
		"another region":        {identify("eu-west-1", root), "SignatureDoesNotMatch", "this service is eu-central-1"},
		"AssumeRole":            {assumeErr, "AccessDenied", "Roles may not be assumed by root accounts."},
		"an unsigned operation": {webErr, "InvalidIdentityToken", "The token is not a JWT"},
	} {
		var api smithy.APIError
		if !errors.As(test.err, &api) || api.ErrorCode() != test.code || !strings.Contains(api.ErrorMessage(), test.says) {
			t.Errorf("%s: %v, want %s", name, test.err, test.code)
		}
	}
}

func TestUnsignedCallerIsNobody(t *testing.T) {
	base, _ := serve(t)
	for form, code := range map[string]string{
		"Action=GetCallerIdentity&Version=2011-06-15": "<Code>MissingAuthenticationToken</Code>",
		"Action=GetCallerIdentity&Version=1999-01-01": "<Code>InvalidAction</Code><Message>Could not find operation GetCallerIdentity for version 1999-01-01",
		"Version=2011-06-15":                          "<Code>MissingAction</Code>",
	} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.PostForm(base, values)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode/100 != 4 || !strings.Contains(string(body), code) || !strings.Contains(string(body), "<RequestId>"+response.Header.Get("X-Amzn-Requestid")) {
			t.Errorf("%s: %d %s", form, response.StatusCode, body)
		}
	}
}
