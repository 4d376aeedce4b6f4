package ecrapi_test

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/peertest"
)

// aws runs the aws program against the world and returns what it printed.
func (w *world) aws(args ...string) (stdout, stderr string, err error) {
	w.Helper()
	program := peertest.Program(w, "awscli", "aws")
	var out, errs bytes.Buffer
	c := exec.CommandContext(w.ctx, program, append([]string{"--endpoint-url", w.url, "--region", region, "--output", "text", "ecr"}, args...)...)
	c.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") }),
		"AWS_ACCESS_KEY_ID="+w.key.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+w.key.Secret,
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1")
	c.Stdout, c.Stderr = &out, &errs
	err = c.Run()
	return strings.TrimSpace(out.String()), strings.TrimSpace(errs.String()), err
}

// The aws program of Debian, which knows only --endpoint-url.
func TestWithTheAWSProgram(t *testing.T) {
	w := newWorld(t)
	run := func(args ...string) string {
		t.Helper()
		out, errs, err := w.aws(args...)
		if err != nil {
			t.Fatalf("aws ecr %s: %v\n%s", strings.Join(args, " "), err, errs)
		}
		return out
	}
	same(w, run("create-repository", "--repository-name", *app, "--query", "repository.repositoryUri"), "registry.example.org:8443/team/app")
	resource := arn.Repository(region, account, *app).String()
	run("tag-resource", "--resource-arn", resource, "--tags", "Key=team,Value=a", "Key=stage,Value=test")
	run("untag-resource", "--resource-arn", resource, "--tag-keys", "stage")
	same(w, run("list-tags-for-resource", "--resource-arn", resource, "--query", "tags[].[Key,Value]"), "team\ta")
	image := w.image(*app, "v1")
	same(w, run("describe-images", "--repository-name", *app, "--query", "imageDetails[].imageDigest"), string(image.Digest))
	same(w, run("list-images", "--repository-name", *app, "--query", "imageIds[].imageTag"), "v1")
	same(w, run("batch-get-image", "--repository-name", *app, "--image-ids", "imageTag=v1", "--query", "images[].imageManifest"), string(image.Content))
	password := run("get-login-password")
	if _, _, err := w.access.VerifyToken(w.ctx, password); err != nil {
		t.Errorf("the password that aws printed: %v", err)
	}
	_, errs, err := w.aws("delete-repository", "--repository-name", *app)
	if err == nil || !strings.Contains(errs, "RepositoryNotEmptyException") || !strings.Contains(errs, "still contains images") {
		t.Errorf("delete-repository: %v %s", err, errs)
	}
	run("batch-delete-image", "--repository-name", *app, "--image-ids", "imageDigest="+string(image.Digest))
	run("delete-repository", "--repository-name", *app)
	_, errs, err = w.aws("describe-repositories", "--repository-names", *app)
	if err == nil || !strings.Contains(errs, "RepositoryNotFoundException") {
		t.Errorf("describe-repositories: %v %s", err, errs)
	}
	_, errs, err = w.aws("describe-registry")
	if err == nil || !strings.Contains(errs, "not offered") {
		t.Errorf("describe-registry: %v %s", err, errs)
	}
}
