package awshttp_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/peertest"
)

// These tests sign with implementations that share no code with the SDK for Go.

func output(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Env = append(os.Environ(), env...)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestCurlSigns(t *testing.T) {
	curl := peertest.Program(t, "curl", "curl")
	w := newWorld(t, (&toy{}).signer(), queryToy())
	sign := func(service string, args ...string) string {
		return output(t, nil, curl, append([]string{"-sS", "--aws-sigv4", "aws:amz:us-east-1:" + service, "--user", w.Root.AccessKeyID + ":" + w.Root.Secret}, args...)...)
	}
	if out := sign("signer", w.URL+"/signing-jobs"); out != `{"jobs":[]}` {
		t.Errorf("GET: %s", out)
	}
	if out := sign("signer", "-H", "Content-Type: application/json", "-d", goodBody, w.URL+"/signing-jobs/with-payload"); !strings.Contains(out, `"signature":"e30="`) {
		t.Errorf("POST: %s", out)
	}
	if out := sign("sts", w.URL+"/?Action=Echo&Name=abc&Version=2011-06-15"); !strings.Contains(out, "<Name>abc</Name>") {
		t.Errorf("GET with a query string: %s", out)
	}
	if out := sign("sts", "-d", "Action=Echo&Version=2011-06-15&Name=a%2Fc", w.URL); !strings.Contains(out, "<Name>a/c</Name>") {
		t.Errorf("a form: %s", out)
	}
}

func TestAWSProgramSigns(t *testing.T) {
	program := peertest.Program(t, "awscli", "aws")
	y := &toy{}
	w := newWorld(t, y.signer(), ecrToy())
	env := []string{"AWS_ACCESS_KEY_ID=" + w.Root.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + w.Root.Secret, "AWS_SESSION_TOKEN=", "AWS_MAX_ATTEMPTS=1",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER="}
	aws := func(args ...string) string {
		return output(t, env, program, append([]string{"--endpoint-url", w.URL, "--region", region}, args...)...)
	}
	aws("signer", "put-signing-profile", "--profile-name", "my_profile", "--platform-id", "p",
		"--signature-validity-period", "value=3,type=YEARS", "--tags", "k=v ü")
	if y.put.ProfileName != "my_profile" || y.put.Validity.Value != 3 || y.put.Tags["k"] != "v ü" {
		t.Errorf("put-signing-profile: %+v", y.put)
	}
	const resource = "arn:aws:signer:us-east-1:111122223333:/signing-profiles/p"
	aws("signer", "untag-resource", "--resource-arn", resource, "--tag-keys", "b c", "a:", "a1", "a", "ü&=+")
	if y.untag.ResourceARN != resource || strings.Join(y.untag.Keys, "|") != "b c|a:|a1|a|ü&=+" {
		t.Errorf("untag-resource: %+v", y.untag)
	}
	at := time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC)
	if out := aws("signer", "list-signing-jobs", "--signature-expires-before", at.Format(time.RFC3339), "--output", "json"); !strings.Contains(out, `"jobId": "a&<b>"`) ||
		!y.list.Before.Equal(at) {
		t.Errorf("list-signing-jobs: %s, %+v", out, y.list)
	}
	if out := aws("ecr", "create-repository", "--repository-name", "team/curl", "--output", "json"); !strings.Contains(out, `"repositoryName": "team/curl"`) {
		t.Errorf("create-repository: %s", out)
	}
}
