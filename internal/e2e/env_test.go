package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// onlyTo is a client of one host. A request for another, Amazon's above all,
// fails the test before it leaves.
type onlyTo struct {
	t    *testing.T
	host string
}

func (o onlyTo) Do(r *http.Request) (*http.Response, error) {
	if r.URL.Host != o.host {
		o.t.Errorf("%s %s would have left the machine", r.Method, r.URL)
		return nil, http.ErrAbortHandler
	}
	return http.DefaultClient.Do(r)
}

// TestTheEnvironmentKeepsEveryCredentialHere: the SDK for Go makes its STS client
// before it has read AWS_ENDPOINT_URL, and so would take what begins sessions of
// roles to Amazon. Both of the ways it begins them by itself go to the service.
func TestTheEnvironmentKeepsEveryCredentialHere(t *testing.T) {
	s := start(t, t.TempDir())
	u := verbs{client{t, s.environ(t.TempDir())}}
	u.must("sealwright", "iam", "create-role", "--role-name", "deploy", "--assume-role-policy-document",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"`+account+`"}}}`)
	u.get(nil, "iam create-user --user-name ci")
	u.must("sealwright", "iam", "put-user-policy", "--user-name", "ci", "--policy-name", "ci", "--policy-document",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`)
	var made struct {
		AccessKey struct{ AccessKeyID, SecretAccessKey string }
	}
	u.get(&made, "iam create-access-key --user-name ci")
	files := filesOfAWS(t)
	t.Setenv("AWS_CA_BUNDLE", "") // wants a client of its own
	for name, value := range s.env {
		t.Setenv(name, value)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", made.AccessKey.AccessKeyID) // the root may not assume roles
	t.Setenv("AWS_SECRET_ACCESS_KEY", made.AccessKey.SecretAccessKey)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(files+"/config", []byte("[profile deploy]\nrole_arn = arn:aws:iam::"+account+":role/deploy\ncredential_source = Environment\nrole_session_name = job\n"), 0o600))
	profile := []func(*config.LoadOptions) error{config.WithSharedConfigProfile("deploy"), config.WithHTTPClient(onlyTo{t, s.host})}
	loaded, err := config.LoadDefaultConfig(t.Context(), profile...)
	must(err)
	who, err := sts.NewFromConfig(loaded).GetCallerIdentity(t.Context(), nil)
	must(err)
	if *who.Arn != "arn:aws:sts::"+account+":assumed-role/deploy/job" {
		t.Error(*who.Arn)
	}

	must(os.WriteFile(files+"/token", []byte("of.some.issuer"), 0o600))
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", files+"/token")
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::"+account+":role/deploy")
	loaded, err = config.LoadDefaultConfig(t.Context(), config.WithHTTPClient(onlyTo{t, s.host}))
	must(err)
	_, err = ecr.NewFromConfig(loaded).DescribeRegistry(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "InvalidIdentityToken") {
		t.Errorf("the service did not see the token: %v", err)
	}
}

// filesOfAWS is an empty directory for the files of the AWS configuration.
func filesOfAWS(t *testing.T) string {
	dir := t.TempDir()
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	return dir
}
