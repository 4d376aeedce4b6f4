package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/sealwright/sealwright/internal/discovery/issuertest"
	"github.com/sealwright/sealwright/internal/peertest"
)

// client runs programs as a user of the service would.
type client struct {
	t   *testing.T
	env []string
}

func (c client) run(stdin string, args ...string) (stdout, stderr string, err error) {
	command := exec.CommandContext(c.t.Context(), args[0], args[1:]...)
	if filepath.Base(args[0]) == "sealwright" {
		command = program(c.t.Context(), "sealwright", args[1:]...)
	}
	var out, errs strings.Builder
	command.Stdin, command.Stdout, command.Stderr, command.Env = strings.NewReader(stdin), &out, &errs, c.env
	err = command.Run()
	return out.String(), errs.String(), err
}

// must runs a program that must succeed and returns its standard output.
func (c client) must(args ...string) string {
	c.t.Helper()
	out, errs, err := c.run("", args...)
	if err != nil {
		c.t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, errs)
	}
	return out
}

// fails runs a program that must fail and say want on standard error.
func (c client) fails(want string, args ...string) {
	c.t.Helper()
	out, errs, err := c.run("", args...)
	if err == nil || !strings.Contains(errs, want) {
		c.t.Errorf("%s: %v, want a failure that says %q\n%s%s", strings.Join(args, " "), err, want, out, errs)
	}
}

// TestAWSProgram drives the AWS CLI as Debian ships it: 2.9.19 knows neither
// AWS_ENDPOINT_URL nor sign-payload.
func TestAWSProgram(t *testing.T) {
	aws := peertest.Program(t, "awscli", "/usr/bin/aws", "aws")
	s := start(t, t.TempDir())
	c := client{t, append(s.environ(t.TempDir()), "AWS_PAGER=")}
	do := func(args ...string) string {
		t.Helper()
		return c.must(append([]string{aws, "--endpoint-url", s.url}, args...)...)
	}
	fails := func(want string, args ...string) {
		t.Helper()
		c.fails(want, append([]string{aws, "--endpoint-url", s.url}, args...)...)
	}

	var made struct{ Arn, ProfileVersion, ProfileVersionArn string }
	decode(t, do("signer", "put-signing-profile", "--profile-name", "ecr_signing_profile", "--platform-id", platform,
		"--signature-validity-period", "value=12,type=MONTHS"), &made)
	if made.Arn != profileARN("ecr_signing_profile") || made.ProfileVersionArn != made.Arn+"/"+made.ProfileVersion {
		t.Errorf("put-signing-profile: %+v", made)
	}
	var identity struct{ Account, Arn string }
	decode(t, do("sts", "get-caller-identity"), &identity)
	if identity.Account != account || identity.Arn != "arn:aws:iam::"+account+":root" {
		t.Errorf("get-caller-identity: %+v", identity)
	}
	var repository struct {
		Repository struct{ RepositoryURI string }
	}
	decode(t, do("ecr", "create-repository", "--repository-name", "curl"), &repository)
	if want := s.host + "/curl"; repository.Repository.RepositoryURI != want {
		t.Errorf("repositoryUri %q, want %q", repository.Repository.RepositoryURI, want)
	}
	if password := strings.TrimSpace(do("ecr", "get-login-password")); len(password) < 40 {
		t.Errorf("get-login-password: %q", password)
	}
	if out := do("signer", "get-signing-profile", "--profile-name", "ecr_signing_profile"); !strings.Contains(out, `"status": "Active"`) {
		t.Errorf("get-signing-profile: %s", out)
	}
	if out := do("signer", "list-signing-platforms"); !strings.Contains(out, platform) {
		t.Errorf("list-signing-platforms: %s", out)
	}
	fails("(ResourceNotFoundException)", "signer", "get-signing-profile", "--profile-name", "nothing_here")
	fails("(ValidationException)", "signer", "put-signing-profile", "--profile-name", "another", "--platform-id", platform, "--signature-validity-period", "value=136,type=MONTHS")
	fails("(RepositoryAlreadyExistsException)", "ecr", "create-repository", "--repository-name", "curl")
	fails("this service is us-east-1", "--region", "eu-west-1", "signer", "list-signing-platforms")
	do("signer", "cancel-signing-profile", "--profile-name", "ecr_signing_profile")
	if out := do("signer", "list-signing-profiles", "--include-canceled"); !strings.Contains(out, `"status": "Canceled"`) {
		t.Errorf("list-signing-profiles: %s", out)
	}
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// TestSkopeoRoundTrip pushes a multi-platform index with skopeo and pulls it
// back bit for bit.
func TestSkopeoRoundTrip(t *testing.T) {
	skopeo := peertest.Program(t, "skopeo", "skopeo")
	s := start(t, t.TempDir())
	s.createRepository("team/app")
	c := client{t, s.environ(t.TempDir())}
	to := t.TempDir()
	index, err := random.Index(10_000, 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	credentials := "AWS:" + s.password()
	image := "docker://" + s.host + "/team/app:multi"
	nested := nestedLayout(t, index)
	c.must(skopeo, "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", "--dest-creds", credentials, "oci:"+nested+":multi", image)
	raw := c.must(skopeo, "inspect", "--raw", "--tls-verify=false", "--creds", credentials, image)
	want, err := index.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	if raw != string(want) {
		t.Errorf("the index came back as\n%s\nwant\n%s", raw, want)
	}
	c.must(skopeo, "copy", "--all", "--preserve-digests", "--src-tls-verify=false", "--src-creds", credentials, image, "oci:"+to+":multi")
	for _, path := range blobs(t, nested) {
		pushed, err := os.ReadFile(filepath.Join(nested, path))
		if err != nil {
			t.Fatal(err)
		}
		pulled, err := os.ReadFile(filepath.Join(to, path))
		if err != nil || string(pulled) != string(pushed) {
			t.Errorf("%s came back different: %v", path, err)
		}
	}
	_, errs, err := c.run("", skopeo, "inspect", "--tls-verify=false", "--creds", "AWS:forged", image)
	if err == nil || !strings.Contains(strings.ToLower(errs), "auth") {
		t.Errorf("a forged password: %v, %s", err, errs)
	}
}

// nestedLayout writes a layout that lists index under the name multi.
func nestedLayout(t *testing.T, index v1.ImageIndex) string {
	t.Helper()
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "multi"})); err != nil {
		t.Fatal(err)
	}
	return dir
}

// blobs lists the files of a layout's content.
func blobs(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "blobs", "*", "*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no blobs in %s: %v", dir, err)
	}
	for i := range found {
		found[i], _ = filepath.Rel(dir, found[i])
	}
	return found
}

// TestAWSProgramWebIdentity drives OpenID Connect providers and
// AssumeRoleWithWebIdentity with the AWS CLI.
func TestAWSProgramWebIdentity(t *testing.T) {
	aws := peertest.Program(t, "awscli", "/usr/bin/aws", "aws")
	issuer := issuertest.New(t)
	s := start(t, t.TempDir(), "--oidc-loopback")
	c := client{t, append(s.environ(t.TempDir()), "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1")}
	do := func(args ...string) string {
		t.Helper()
		return c.must(append([]string{aws, "--endpoint-url", s.url, "--output", "text"}, args...)...)
	}
	arn := strings.TrimSpace(do("iam", "create-open-id-connect-provider", "--url", issuer.URL, "--client-id-list", "app", "--thumbprint-list", strings.Repeat("a", 40), "--tags", "Key=a,Value=1", "--query", "OpenIDConnectProviderArn"))
	if want := "arn:aws:iam::111122223333:oidc-provider/" + issuerHost(issuer); arn != want {
		t.Fatalf("%s, want %s", arn, want)
	}
	of := []string{"--open-id-connect-provider-arn", arn}
	provider := func(verb string, args ...string) string {
		t.Helper()
		return do(append(append([]string{"iam", verb}, of...), args...)...)
	}
	provider("add-client-id-to-open-id-connect-provider", "--client-id", "sts.amazonaws.com")
	provider("remove-client-id-from-open-id-connect-provider", "--client-id", "app")
	provider("update-open-id-connect-provider-thumbprint", "--thumbprint-list", strings.Repeat("b", 40))
	provider("tag-open-id-connect-provider", "--tags", "Key=b,Value=2")
	provider("untag-open-id-connect-provider", "--tag-keys", "a")
	if out := provider("list-open-id-connect-provider-tags", "--query", "Tags"); strings.TrimSpace(out) != "b\t2" {
		t.Errorf("tags: %q", out)
	}
	if out := provider("get-open-id-connect-provider", "--query", "[ClientIDList[0],ThumbprintList[0]]"); strings.TrimSpace(out) != "sts.amazonaws.com\t"+strings.Repeat("b", 40) {
		t.Errorf("get: %q", out)
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + arn + `"},"Action":"sts:AssumeRoleWithWebIdentity"}]}`
	do("iam", "create-role", "--role-name", "ci", "--assume-role-policy-document", trust)
	token := issuer.Token(time.Now(), issuertest.GitLab("sts.amazonaws.com", "my-group/app", "main"))
	assume := []string{"sts", "assume-role-with-web-identity", "--role-arn", "arn:aws:iam::111122223333:role/ci", "--role-session-name", "job-1", "--web-identity-token"}
	if out := do(append(assume, token, "--query", "[AssumedRoleUser.Arn,Audience]")...); strings.TrimSpace(out) != "arn:aws:sts::111122223333:assumed-role/ci/job-1\tsts.amazonaws.com" {
		t.Errorf("assume: %q", out)
	}
	c.fails("(InvalidIdentityToken)", append([]string{aws, "--endpoint-url", s.url}, append(assume, token+"x")...)...)
	provider("delete-open-id-connect-provider")
	if out := do("iam", "list-open-id-connect-providers", "--query", "OpenIDConnectProviderList"); strings.TrimSpace(out) != "" {
		t.Errorf("list: %q", out)
	}
}
