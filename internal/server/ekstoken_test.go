package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sealwright/sealwright/internal/peertest"
)

// cluster is the header that authenticators of Kubernetes have signed: it binds a
// token to their cluster.
const cluster = "X-K8s-Aws-Id"

// redeem does what an authenticator does with the URL in a token.
func redeem(t *testing.T, url, name string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(cluster, name)
	r.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// inCluster has a request say for which cluster it is, and X-Amz-Expires.
func inCluster(name string) func(*sts.Options) {
	return func(o *sts.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Build.Add(middleware.BuildMiddlewareFunc("cluster",
				func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
					r := in.Request.(*smithyhttp.Request)
					r.Header.Set(cluster, name)
					query := r.URL.Query()
					query.Set("X-Amz-Expires", "60")
					r.URL.RawQuery = query.Encode()
					return next.HandleBuild(ctx, in)
				}), middleware.After)
		})
	}
}

// TestPresignedIdentity: an authenticator learns who presigned a GetCallerIdentity
// for its cluster within a quarter of an hour, whatever policies say of the
// caller.
func TestPresignedIdentity(t *testing.T) {
	f := newFort(t)
	ci := f.newCI(t)
	must(t, f.access.PutInlinePolicy(t.Context(), user("ci"), "no", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`))
	presigner := sts.NewPresignClient(sts.NewFromConfig(bearer{credentials: ci}.config(f.Server)))
	made, err := presigner.PresignGetCallerIdentity(t.Context(), nil, sts.WithPresignClientFromClientOptions(inCluster("mine")))
	if err != nil {
		t.Fatal(err)
	}
	for after, status := range map[time.Duration]int{0: 200, 14 * time.Minute: 200, 15*time.Minute + 2*time.Second: 403} {
		f.shift.Store(int64(after))
		if got, body := redeem(t, made.URL, "mine"); got != status || got == 200 && !strings.Contains(body, "arn:aws:iam::111122223333:user/ci") {
			t.Errorf("after %v: %d %s", after, got, body)
		}
	}
	f.shift.Store(0)
	if status, body := redeem(t, made.URL, "yours"); status != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
		t.Errorf("for another cluster: %d %s", status, body)
	}
}

// TestEKSToken redeems what `aws eks get-token` makes, whose URL is for the host
// that the program was told, if it is new enough to be told.
func TestEKSToken(t *testing.T) {
	program := peertest.Program(t, "awscli", "aws")
	f := newFort(t)
	command := exec.CommandContext(t.Context(), program, "eks", "get-token", "--cluster-name", "mine", "--region", "us-east-1", "--output", "json")
	command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+f.owner.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+f.owner.SecretAccessKey,
		"AWS_SESSION_TOKEN=", "AWS_ENDPOINT_URL="+f.URL(), "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var credential struct{ Status struct{ Token string } }
	must(t, json.Unmarshal(out, &credential))
	url, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(credential.Status.Token, "k8s-aws-v1."))
	must(t, err)
	made := string(url)
	status, body := 0, ""
	if strings.HasPrefix(made, f.URL()) {
		status, body = redeem(t, made, "mine")
	} else { // an old program signs for AWS's own host: its signature is good, its host not ours
		status, body = redeem(t, f.URL()+made[strings.Index(made, "/?"):], "mine")
		if status != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
			t.Errorf("signed for another host: %d %s", status, body)
		}
		return
	}
	if status != 200 || !strings.Contains(body, "arn:aws:iam::111122223333:root") {
		t.Errorf("%s: %d %s", made, status, body)
	}
}
