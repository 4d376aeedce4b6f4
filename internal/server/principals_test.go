package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// namesakes is a stage on which somebody is made again under a name.
type namesakes struct{ *stage }

// user makes a user, who may do nothing.
func (n namesakes) newUser(name string) bearer {
	n.Helper()
	_, err := n.iam.CreateUser(n.Context(), &iam.CreateUserInput{UserName: &name})
	must(n, err)
	k, err := n.iam.CreateAccessKey(n.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	must(n, err)
	return bearer{credentials: aws.Credentials{AccessKeyID: *k.AccessKey.AccessKeyId, SecretAccessKey: *k.AccessKey.SecretAccessKey}}
}

func (n namesakes) delete(name string, b bearer) {
	n.Helper()
	_, err := n.iam.DeleteAccessKey(n.Context(), &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: &b.credentials.AccessKeyID})
	must(n, err)
	_, err = n.iam.DeleteUser(n.Context(), &iam.DeleteUserInput{UserName: &name})
	must(n, err)
}

// trust is the trust policy of a role as its owner reads it.
func (n namesakes) trust(role string) string {
	n.Helper()
	out, err := n.iam.GetRole(n.Context(), &iam.GetRoleInput{RoleName: &role})
	must(n, err)
	text, err := url.PathUnescape(*out.Role.AssumeRolePolicyDocument)
	must(n, err)
	list, err := n.iam.ListRoles(n.Context(), &iam.ListRolesInput{})
	must(n, err)
	for _, r := range list.Roles {
		if listed, _ := url.PathUnescape(*r.AssumeRolePolicyDocument); *r.RoleName == role && listed != text {
			n.Errorf("listed as %s, read as %s", listed, text)
		}
	}
	return text
}

func (n namesakes) assumes(b bearer, role string) error {
	_, err := sts.NewFromConfig(b.config(n.Server)).AssumeRole(n.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/" + role), RoleSessionName: aws.String("job-1")})
	return err
}

func (n namesakes) userID(name string) string {
	n.Helper()
	out, err := n.iam.GetUser(n.Context(), &iam.GetUserInput{UserName: &name})
	must(n, err)
	return *out.User.UserId
}

// TestTrustIsInWhoItWas: a trust policy follows a user who is renamed, and not one
// who is made again under the name.
func TestTrustIsInWhoItWas(t *testing.T) {
	n := namesakes{newStage(t)}
	must(t, n.assumes(n.user, "ci"))
	if got := n.trust("ci"); got != trustUser {
		t.Errorf("%s, want %s", got, trustUser)
	}
	_, err := n.iam.UpdateUser(t.Context(), &iam.UpdateUserInput{UserName: aws.String("builder"), NewUserName: aws.String("mason"), NewPath: aws.String("/yard/")})
	must(t, err)
	must(t, n.assumes(n.user, "ci"))
	if got, want := n.trust("ci"), strings.Replace(trustUser, "user/builder", "user/yard/mason", 1); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	impostor := n.newUser("builder")
	n.wantCode(n.assumes(impostor, "ci"), "AccessDenied")

	id := n.userID("mason")
	n.delete("mason", n.user)
	again := n.newUser("mason")
	n.wantCode(n.assumes(again, "ci"), "AccessDenied")
	gone := strings.Replace(trustUser, "arn:aws:iam::111122223333:user/builder", id, 1)
	if got := n.trust("ci"); got != gone {
		t.Errorf("%s, want %s", got, gone)
	}
	_, err = n.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("ci"), PolicyDocument: &gone})
	n.wantCode(err, "MalformedPolicyDocument")
	byID := strings.Replace(trustUser, "arn:aws:iam::111122223333:user/builder", n.userID("mason"), 1)
	_, err = n.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("ci"), PolicyDocument: &byID})
	must(t, err)
	must(t, n.assumes(again, "ci"))
	if got, want := n.trust("ci"), strings.Replace(trustUser, "user/builder", "user/mason", 1); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestNobodyIsTrusted: who is not there cannot be named.
func TestNobodyIsTrusted(t *testing.T) {
	n := namesakes{newStage(t)}
	for _, nobody := range []string{"arn:aws:iam::111122223333:user/none", "arn:aws:iam::111122223333:user/Builder", "arn:aws:iam::111122223333:user/x/builder",
		"arn:aws:iam::999999999999:role/ci", "arn:aws:sts::111122223333:assumed-role/none/s", "arn:aws:sts::111122223333:assumed-role/ci", "AIDANONENONENONENONE1"} {
		document := strings.Replace(trustUser, "arn:aws:iam::111122223333:user/builder", nobody, 1)
		_, err := n.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("new"), AssumeRolePolicyDocument: &document})
		n.wantCode(err, "MalformedPolicyDocument")
		if err == nil || !strings.Contains(err.Error(), `Invalid principal in policy: "AWS":"`+nobody+`"`) {
			t.Errorf("%s: %v", nobody, err)
		}
		text := strings.Replace(strings.Replace(document, `"sts:AssumeRole","sts:TagSession"`, `"ecr:*"`, 1), `"sts:ExternalId":"x1"`, `"aws:username":"x"`, 1)
		_, err = ecr.NewFromConfig(n.root.config(n.Server)).SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: &text})
		n.wantCode(err, "InvalidParameterException")
	}
}

// TestRepositoriesAreSharedWithWhoItWas: policies of a repository and of the
// registry that name a user, a role and a session.
func TestRepositoriesAreSharedWithWhoItWas(t *testing.T) {
	n := namesakes{newStage(t)}
	registry := ecr.NewFromConfig(n.root.config(n.Server))
	must(t, n.strip("ci"))
	session := n.assume()
	shared := func(share func(text string) error) {
		t.Helper()
		for _, principal := range []string{"arn:aws:iam::111122223333:role/ci", "arn:aws:sts::111122223333:assumed-role/ci/job-1"} {
			must(t, share(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["`+principal+`","arn:aws:iam::111122223333:user/builder"]},"Action":"ecr:*"}]}`))
			must(t, n.lists(session, "app"))
			must(t, n.lists(n.user, "app"))
		}
	}
	shared(func(text string) error {
		_, err := registry.SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("app"), PolicyText: &text})
		return err
	})
	_, err := registry.DeleteRepositoryPolicy(t.Context(), &ecr.DeleteRepositoryPolicyInput{RepositoryName: aws.String("app")})
	must(t, err)
	n.wantCode(n.lists(session, "app"), "AccessDeniedException")
	shared(func(text string) error {
		_, err := registry.PutRegistryPolicy(t.Context(), &ecr.PutRegistryPolicyInput{PolicyText: &text})
		return err
	})
	shown, err := registry.GetRegistryPolicy(t.Context(), &ecr.GetRegistryPolicyInput{})
	must(t, err)
	role, err := n.iam.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("ci")})
	must(t, err)
	if !strings.Contains(*shown.PolicyText, `["arn:aws:sts::111122223333:assumed-role/ci/job-1","arn:aws:iam::111122223333:user/builder"]`) {
		t.Error(*shown.PolicyText)
	}

	_, err = n.iam.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("ci")})
	must(t, err)
	_, err = n.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("ci"), AssumeRolePolicyDocument: aws.String(trustUser)})
	must(t, err)
	again := n.assume()
	err = n.lists(again, "app")
	n.wantCode(err, "AccessDeniedException")
	again = newBearer(t, n.Server, n.withLogin("ci", again).credentials)
	if got := again.get(t, n.Server, "/v2/app/tags/list"); got != http.StatusForbidden {
		t.Errorf("/v2/app: %d", got)
	}
	shown, err = registry.GetRegistryPolicy(t.Context(), &ecr.GetRegistryPolicyInput{})
	must(t, err)
	if !strings.Contains(*shown.PolicyText, `["`+*role.Role.RoleId+`:job-1","arn:aws:iam::111122223333:user/builder"]`) {
		t.Error(*shown.PolicyText)
	}
}

// strip takes a role's policies away.
func (n namesakes) strip(role string) error {
	_, err := n.iam.DeleteRolePolicy(n.Context(), &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: aws.String("reads")})
	return err
}

// withLogin lets a role log in to the registry.
func (n namesakes) withLogin(role string, b bearer) bearer {
	n.Helper()
	_, err := n.iam.PutRolePolicy(n.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String("login"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}}`)})
	must(n, err)
	return b
}

// TestProfilesAreSharedWithWhoItWas: a permission for another account's role ends
// with the role.
func TestProfilesAreSharedWithWhoItWas(t *testing.T) {
	n := namesakes{newStage(t)}
	ours := signer.NewFromConfig(n.root.config(n.Server))
	_, err := ours.PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{ProfileName: aws.String("release"), PlatformId: aws.String("Notation-OCI-SHA384-ECDSA")})
	must(t, err)
	_, root, err := n.access.CreateAccount(t.Context(), "444455556666")
	must(t, err)
	theirs := bearer{credentials: aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: root.Secret}}
	office := iam.NewFromConfig(theirs.config(n.Server))
	hire := func() bearer {
		t.Helper()
		_, err := office.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("ci"), AssumeRolePolicyDocument: aws.String(trustUser)})
		must(t, err)
		_, err = office.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("ci"), PolicyName: aws.String("all"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)})
		must(t, err)
		out, err := sts.NewFromConfig(n.user.config(n.Server)).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::444455556666:role/ci"), RoleSessionName: aws.String("job-1")})
		must(t, err)
		return bearer{credentials: aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}}
	}
	_, err = n.iam.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("builder"), PolicyName: aws.String("go"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::444455556666:role/ci"}}`)})
	must(t, err)
	permit := func() error {
		_, err := ours.AddProfilePermission(t.Context(), &signer.AddProfilePermissionInput{ProfileName: aws.String("release"), Action: aws.String("signer:GetSigningProfile"),
			Principal: aws.String("arn:aws:iam::444455556666:role/ci"), StatementId: aws.String("s")})
		return err
	}
	n.wantCode(permit(), "ValidationException")
	first := hire()
	must(t, permit())
	reads := func(b bearer) error {
		_, err := signer.NewFromConfig(b.config(n.Server)).GetSigningProfile(t.Context(), &signer.GetSigningProfileInput{ProfileName: aws.String("release"), ProfileOwner: aws.String("111122223333")})
		return err
	}
	must(t, reads(first))
	principal := func() string {
		t.Helper()
		out, err := ours.ListProfilePermissions(t.Context(), &signer.ListProfilePermissionsInput{ProfileName: aws.String("release")})
		must(t, err)
		return *out.Permissions[0].Principal
	}
	if got := principal(); got != "arn:aws:iam::444455556666:role/ci" {
		t.Error(got)
	}
	_, err = office.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: aws.String("ci"), PolicyName: aws.String("all")})
	must(t, err)
	role, err := office.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("ci")})
	must(t, err)
	_, err = office.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("ci")})
	must(t, err)
	n.wantCode(reads(hire()), "AccessDeniedException")
	if got := principal(); got != *role.Role.RoleId {
		t.Error(got)
	}
}
