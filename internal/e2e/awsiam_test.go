package e2e

import (
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sealwright/sealwright/internal/cli/awsverbs"
	"github.com/sealwright/sealwright/internal/peertest"
)

// iamPeer is the AWS CLI at a service of its own. It notes which verbs it ran.
type iamPeer struct {
	aws, url string
	env      []string
	mu       sync.Mutex
	ran      map[string]bool
}

// run runs a command whose words have no spaces, and looks for what must be in its
// output.
func (p *iamPeer) run(t *testing.T, args string, want ...string) string {
	t.Helper()
	out, err := p.try(t, args)
	if err != nil {
		t.Fatalf("aws %s: %v\n%s", args, err, out)
	}
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("aws %s: %q is not in\n%s", args, w, out)
		}
	}
	return strings.TrimSpace(out)
}

// fail runs a command that must fail with an error of the service.
func (p *iamPeer) fail(t *testing.T, code, args string) {
	t.Helper()
	if out, err := p.try(t, args); err == nil || !strings.Contains(out, "("+code+")") {
		t.Errorf("aws %s: %v, want %s\n%s", args, err, code, out)
	}
}

func (p *iamPeer) try(t *testing.T, args string, env ...string) (string, error) {
	words := strings.Split(args, " ")
	p.mu.Lock()
	p.ran[strings.Join(words[:2], " ")] = true
	p.mu.Unlock()
	c := exec.CommandContext(t.Context(), p.aws, append([]string{"--endpoint-url", p.url, "--output", "text"}, words...)...)
	c.Env = append(slices.Clone(p.env), env...)
	out, err := c.CombinedOutput()
	return string(out), err
}

const (
	iamDocument = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`
	iamTrust    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}]}`
	ourPolicies = "arn:aws:iam::111122223333:policy/"
	powerUser   = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser"
)

// TestAWSProgramIAM drives every operation of IAM and STS with the AWS CLI, which
// nobody here wrote: lists, maps, times and documents as it sends and reads them,
// and errors by the names it knows. OpenID Connect has a test of its own.
func TestAWSProgramIAM(t *testing.T) {
	aws := peertest.Program(t, "awscli", "/usr/bin/aws", "aws")
	s := start(t, t.TempDir())
	env := append(s.environ(t.TempDir()), "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1")
	p := &iamPeer{aws: aws, url: s.url, env: env, ran: map[string]bool{}}
	t.Run("", func(t *testing.T) {
		for name, part := range map[string]func(*testing.T, *iamPeer){"users": iamUsers, "groups": iamGroups, "roles": iamRoles, "policies": iamPolicies} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				part(t, p)
			})
		}
	})
	for _, service := range awsverbs.Commands() {
		if service.Name() != "iam" && service.Name() != "sts" {
			continue
		}
		for _, verb := range service.Commands() {
			elsewhere := strings.Contains(verb.Name(), "open-id-connect") || strings.Contains(verb.Name(), "web-identity")
			if name := service.Name() + " " + verb.Name(); !p.ran[name] && !elsewhere {
				t.Errorf("aws %s was not tried", name)
			}
		}
	}
}

func iamUsers(t *testing.T, p *iamPeer) {
	p.run(t, "iam create-user --user-name bob --path /team/ --tags Key=a,Value=1 Key=b,Value=2", "user/team/bob")
	p.fail(t, "EntityAlreadyExists", "iam create-user --user-name bob")
	p.run(t, "iam update-user --user-name bob --new-user-name alice")
	p.run(t, "iam get-user --user-name alice", "user/team/alice")
	p.fail(t, "NoSuchEntity", "iam get-user --user-name bob")
	p.run(t, "iam list-users --path-prefix /team/ --page-size 1", "alice")
	p.run(t, "iam tag-user --user-name alice --tags Key=c,Value=3")
	p.run(t, "iam untag-user --user-name alice --tag-keys a")
	p.run(t, "iam list-user-tags --user-name alice", "b\t2", "c\t3")
	p.run(t, "iam put-user-policy --user-name alice --policy-name own --policy-document "+iamDocument)
	p.fail(t, "MalformedPolicyDocument", "iam put-user-policy --user-name alice --policy-name own --policy-document {}")
	p.run(t, "iam get-user-policy --user-name alice --policy-name own", "ecr:*")
	p.run(t, "iam list-user-policies --user-name alice", "own")
	p.run(t, "iam attach-user-policy --user-name alice --policy-arn "+powerUser)
	p.run(t, "iam list-attached-user-policies --user-name alice", "AmazonEC2ContainerRegistryPowerUser")
	p.run(t, "iam put-user-permissions-boundary --user-name alice --permissions-boundary "+powerUser)
	p.run(t, "iam simulate-principal-policy --policy-source-arn arn:aws:iam::111122223333:user/team/alice --action-names ecr:PutImage", "allowed")
	p.run(t, "iam delete-user-permissions-boundary --user-name alice")
	key := p.run(t, "iam create-access-key --user-name alice --query AccessKey.AccessKeyId", "AKIA")
	p.run(t, "iam update-access-key --user-name alice --status Inactive --access-key-id "+key)
	p.run(t, "iam list-access-keys --user-name alice", key, "Inactive")
	p.run(t, "iam get-access-key-last-used --access-key-id "+key, "alice")
	p.run(t, "sts get-access-key-info --access-key-id "+key, "111122223333")
	p.fail(t, "DeleteConflict", "iam delete-user --user-name alice")
	p.run(t, "iam delete-access-key --user-name alice --access-key-id "+key)
	p.run(t, "iam detach-user-policy --user-name alice --policy-arn "+powerUser)
	p.run(t, "iam delete-user-policy --user-name alice --policy-name own")
	p.run(t, "iam delete-user --user-name alice")
}

func iamGroups(t *testing.T, p *iamPeer) {
	p.run(t, "iam create-user --user-name member")
	p.run(t, "iam create-group --group-name team", "group/team")
	p.run(t, "iam update-group --group-name team --new-group-name crew")
	p.run(t, "iam list-groups", "crew")
	p.run(t, "iam add-user-to-group --group-name crew --user-name member")
	p.run(t, "iam get-group --group-name crew", "user/member")
	p.run(t, "iam list-groups-for-user --user-name member", "crew")
	p.run(t, "iam put-group-policy --group-name crew --policy-name own --policy-document "+iamDocument)
	p.run(t, "iam get-group-policy --group-name crew --policy-name own", "ecr:*")
	p.run(t, "iam list-group-policies --group-name crew", "own")
	p.run(t, "iam attach-group-policy --group-name crew --policy-arn "+powerUser)
	p.run(t, "iam list-attached-group-policies --group-name crew", "AmazonEC2ContainerRegistryPowerUser")
	p.fail(t, "DeleteConflict", "iam delete-group --group-name crew")
	p.run(t, "iam detach-group-policy --group-name crew --policy-arn "+powerUser)
	p.run(t, "iam delete-group-policy --group-name crew --policy-name own")
	p.run(t, "iam remove-user-from-group --group-name crew --user-name member")
	p.run(t, "iam delete-group --group-name crew")
	p.fail(t, "NoSuchEntity", "iam get-group --group-name crew")
}

func iamRoles(t *testing.T, p *iamPeer) {
	p.run(t, "iam create-role --role-name ci --max-session-duration 7200 --assume-role-policy-document "+iamTrust, "role/ci")
	p.run(t, "iam update-role --role-name ci --description builds --max-session-duration 3600")
	p.run(t, "iam get-role --role-name ci", "sts:AssumeRole", "builds", "3600")
	p.run(t, "iam update-role-description --role-name ci --description signs", "signs")
	p.run(t, "iam list-roles", "ci")
	p.run(t, "iam update-assume-role-policy --role-name ci --policy-document "+iamTrust)
	p.fail(t, "MalformedPolicyDocument", "iam update-assume-role-policy --role-name ci --policy-document "+iamDocument)
	p.run(t, "iam tag-role --role-name ci --tags Key=a,Value=1 Key=b,Value=2")
	p.run(t, "iam untag-role --role-name ci --tag-keys a")
	p.run(t, "iam list-role-tags --role-name ci", "b\t2")
	p.run(t, "iam put-role-policy --role-name ci --policy-name own --policy-document "+iamDocument)
	p.run(t, "iam get-role-policy --role-name ci --policy-name own", "ecr:*")
	p.run(t, "iam list-role-policies --role-name ci", "own")
	p.run(t, "iam attach-role-policy --role-name ci --policy-arn "+powerUser)
	p.run(t, "iam list-attached-role-policies --role-name ci", "AmazonEC2ContainerRegistryPowerUser")
	p.run(t, "iam put-role-permissions-boundary --role-name ci --permissions-boundary "+powerUser)
	p.run(t, "sts get-caller-identity", "arn:aws:iam::111122223333:root")
	p.fail(t, "AccessDenied", "sts assume-role --role-arn arn:aws:iam::111122223333:role/ci --role-session-name job")
	session := strings.Fields(p.run(t, "sts get-session-token --query Credentials.[AccessKeyId,SecretAccessKey,SessionToken]"))
	env := []string{"AWS_ACCESS_KEY_ID=" + session[0], "AWS_SECRET_ACCESS_KEY=" + session[1], "AWS_SESSION_TOKEN=" + session[2]}
	if out, err := p.try(t, "sts get-caller-identity", env...); err != nil || !strings.Contains(out, ":root") {
		t.Errorf("with a session: %v %s", err, out)
	}
	p.run(t, "iam create-user --user-name builder")
	p.run(t, "iam attach-user-policy --user-name builder --policy-arn arn:aws:iam::aws:policy/AdministratorAccess")
	key := strings.Fields(p.run(t, "iam create-access-key --user-name builder --query AccessKey.[AccessKeyId,SecretAccessKey]"))
	env = []string{"AWS_ACCESS_KEY_ID=" + key[0], "AWS_SECRET_ACCESS_KEY=" + key[1]}
	if out, err := p.try(t, "sts assume-role --role-arn arn:aws:iam::111122223333:role/ci --role-session-name job", env...); err != nil || !strings.Contains(out, "assumed-role/ci/job") {
		t.Errorf("assume: %v %s", err, out)
	}
	p.run(t, "iam delete-role-permissions-boundary --role-name ci")
	p.fail(t, "DeleteConflict", "iam delete-role --role-name ci")
	p.run(t, "iam detach-role-policy --role-name ci --policy-arn "+powerUser)
	p.run(t, "iam delete-role-policy --role-name ci --policy-name own")
	p.run(t, "iam delete-role --role-name ci")
}

func iamPolicies(t *testing.T, p *iamPeer) {
	p.run(t, "iam create-policy --policy-name P --policy-document "+iamDocument, ourPolicies+"P")
	p.fail(t, "MalformedPolicyDocument", "iam create-policy --policy-name Q --policy-document {}")
	p.run(t, "iam get-policy --policy-arn "+ourPolicies+"P", "v1")
	p.run(t, "iam create-policy-version --set-as-default --policy-arn "+ourPolicies+"P --policy-document "+iamDocument, "v2")
	p.run(t, "iam list-policy-versions --policy-arn "+ourPolicies+"P", "v1", "v2")
	p.run(t, "iam get-policy-version --version-id v2 --policy-arn "+ourPolicies+"P", "ecr:*")
	p.fail(t, "DeleteConflict", "iam delete-policy-version --version-id v2 --policy-arn "+ourPolicies+"P")
	p.run(t, "iam set-default-policy-version --version-id v1 --policy-arn "+ourPolicies+"P")
	p.run(t, "iam delete-policy-version --version-id v2 --policy-arn "+ourPolicies+"P")
	p.run(t, "iam tag-policy --tags Key=a,Value=1 Key=b,Value=2 --policy-arn "+ourPolicies+"P")
	p.run(t, "iam untag-policy --tag-keys a --policy-arn "+ourPolicies+"P")
	p.run(t, "iam list-policy-tags --policy-arn "+ourPolicies+"P", "b\t2")
	p.run(t, "iam list-policies --scope AWS --max-items 1", "AdministratorAccess")
	p.run(t, "iam list-entities-for-policy --policy-arn arn:aws:iam::aws:policy/AdministratorAccess")
	p.run(t, "iam delete-policy --policy-arn "+ourPolicies+"P")
	p.fail(t, "NoSuchEntity", "iam get-policy --policy-arn "+ourPolicies+"P")
	p.run(t, "iam simulate-custom-policy --action-names ecr:PutImage --policy-input-list "+iamDocument, "allowed")
	p.run(t, "iam get-context-keys-for-custom-policy --policy-input-list "+strings.Replace(iamDocument, `"Resource"`, `"Condition":{"Bool":{"aws:SecureTransport":"true"}},"Resource"`, 1), "aws:SecureTransport")
	p.run(t, "iam get-account-authorization-details --filter LocalManagedPolicy --output json", "Policies")
	p.run(t, "iam get-account-summary --output json", "AccessKeysPerUserQuota")
	p.run(t, "iam list-account-aliases")
	p.run(t, "iam generate-credential-report", "COMPLETE")
	p.run(t, "iam get-credential-report", "text/csv")
}
