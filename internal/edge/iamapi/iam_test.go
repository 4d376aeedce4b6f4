package iamapi_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/edge/iamapi"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

const (
	account = "111122223333"
	admin   = "arn:aws:iam::aws:policy/AdministratorAccess"
	trust   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}]}`
	reads   = `{"Version":"2012-10-17","Statement":[{"Sid":"R","Effect":"Allow","Action":"ecr:BatchGetImage","Resource":"*"}]}`
)

// office is IAM over a real database, as its root user sees it.
type office struct {
	*testing.T
	*awsiam.Client
	access *access.Service
	url    string
	root   access.Credentials
}

func open(t *testing.T) *office {
	t.Helper()
	db, err := sqlstore.OpenSQLite(ctx, filepath.Join(t.TempDir(), "test.db"))
	must(t, err)
	t.Cleanup(func() { db.Close() })
	sealer, err := seal.New(seal.NewKey())
	must(t, err)
	s, err := access.New(access.Options{Store: db.Access(), Sealer: sealer, Region: "us-east-1"})
	must(t, err)
	_, _, err = s.Bootstrap(ctx, account, "us-east-1")
	must(t, err)
	root, err := s.RootCredentials(ctx)
	must(t, err)
	h, err := awshttp.New(awshttp.Options{Authenticator: s, Authorizer: s, Region: "us-east-1"}, iamapi.IAM(s))
	must(t, err)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	o := &office{T: t, access: s, url: server.URL, root: root}
	o.Client = o.as(root.AccessKeyID, root.Secret)
	return o
}

// as is the client of somebody's.
func (o *office) as(id, secret string) *awsiam.Client {
	return awsiam.NewFromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: &o.url, Credentials: credentials.NewStaticCredentialsProvider(id, secret, "")},
		func(c *awsiam.Options) { c.RetryMaxAttempts = 1 })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// done is must for an answer and an error.
func done[T any](out T, err error) func(*office) T {
	return func(o *office) T {
		o.Helper()
		if err != nil {
			o.Fatal(err)
		}
		return out
	}
}

// want wants a modelled error and its code.
func want[E error](o *office, err error, code string) {
	o.Helper()
	var modelled E
	var api smithy.APIError
	if !errors.As(err, &modelled) || !errors.As(err, &api) || api.ErrorCode() != code {
		o.Errorf("%v, want %s typed as %T", err, code, modelled)
	}
}

func wantCode(o *office, err error, code string) {
	o.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		o.Errorf("%v, want %s", err, code)
	}
}

func equal[T comparable](o *office, got, wanted T) {
	o.Helper()
	if got != wanted {
		o.Errorf("got %v, want %v", got, wanted)
	}
}

var p = aws.String

func TestUsers(t *testing.T) {
	o := open(t)
	u := done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("alice"), Path: p("/team/"), PermissionsBoundary: p(admin), Tags: []types.Tag{{Key: p("k"), Value: p("v")}}}))(o).User
	equal(o, *u.Arn, "arn:aws:iam::111122223333:user/team/alice")
	got := done(o.GetUser(ctx, &awsiam.GetUserInput{UserName: p("ALICE")}))(o).User
	equal(o, *got.UserId, *u.UserId)
	equal(o, *got.PermissionsBoundary.PermissionsBoundaryArn, admin)
	equal(o, *got.Tags[0].Value, "v")
	equal(o, got.CreateDate.Unix(), u.CreateDate.Unix())
	equal(o, *done(o.GetUser(ctx, &awsiam.GetUserInput{}))(o).User.Arn, "arn:aws:iam::111122223333:root")
	_, err := o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("Alice")})
	want[*types.EntityAlreadyExistsException](o, err, "EntityAlreadyExists")
	_, err = o.GetUser(ctx, &awsiam.GetUserInput{UserName: p("bob")})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
	_, err = o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("b b")})
	wantCode(o, err, "ValidationError")
	_, err = o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("bob"), PermissionsBoundary: p("arn:aws:iam::111122223333:policy/none")})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")

	done(o.TagUser(ctx, &awsiam.TagUserInput{UserName: p("alice"), Tags: []types.Tag{{Key: p("a"), Value: p("1")}, {Key: p("k"), Value: p("w")}}}))(o)
	done(o.UntagUser(ctx, &awsiam.UntagUserInput{UserName: p("alice"), TagKeys: []string{"a", "none"}}))(o)
	tags := done(o.ListUserTags(ctx, &awsiam.ListUserTagsInput{UserName: p("alice")}))(o).Tags
	equal(o, len(tags), 1)
	equal(o, *tags[0].Value, "w")
	done(o.DeleteUserPermissionsBoundary(ctx, &awsiam.DeleteUserPermissionsBoundaryInput{UserName: p("alice")}))(o)
	_, err = o.DeleteUserPermissionsBoundary(ctx, &awsiam.DeleteUserPermissionsBoundaryInput{UserName: p("alice")})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
	done(o.PutUserPermissionsBoundary(ctx, &awsiam.PutUserPermissionsBoundaryInput{UserName: p("alice"), PermissionsBoundary: p(admin)}))(o)
	done(o.UpdateUser(ctx, &awsiam.UpdateUserInput{UserName: p("alice"), NewUserName: p("carol"), NewPath: p("/")}))(o)
	equal(o, *done(o.GetUser(ctx, &awsiam.GetUserInput{UserName: p("carol")}))(o).User.Arn, "arn:aws:iam::111122223333:user/carol")
	done(o.DeleteUser(ctx, &awsiam.DeleteUserInput{UserName: p("carol")}))(o)
	_, err = o.DeleteUser(ctx, &awsiam.DeleteUserInput{UserName: p("carol")})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
}

func TestListsArePaged(t *testing.T) {
	o := open(t)
	for _, name := range []string{"c", "B", "a", "d", "e"} {
		done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p(name)}))(o)
	}
	var names []string
	pages := awsiam.NewListUsersPaginator(o, &awsiam.ListUsersInput{MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		page := done(pages.NextPage(ctx))(o)
		if len(page.Users) > 2 {
			t.Errorf("a page of %d", len(page.Users))
		}
		for _, u := range page.Users {
			names = append(names, *u.UserName)
		}
	}
	equal(o, strings.Join(names, " "), "a B c d e")
	var policies []string
	local := awsiam.NewListPoliciesPaginator(o, &awsiam.ListPoliciesInput{MaxItems: aws.Int32(3)})
	done(o.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: p("Own"), PolicyDocument: p(reads)}))(o)
	for local.HasMorePages() {
		for _, l := range done(local.NextPage(ctx))(o).Policies {
			policies = append(policies, *l.PolicyName)
		}
	}
	equal(o, policies[len(policies)-1], "Own")
	equal(o, slices.Contains(policies, "AdministratorAccess"), true)
	equal(o, len(policies), len(slices.Compact(slices.Clone(policies))))
	for _, marker := range []string{"x", "!!", strings.Repeat("A", 2000)} {
		_, err := o.ListUsers(ctx, &awsiam.ListUsersInput{Marker: &marker})
		wantCode(o, err, "ValidationError")
	}
	_, err := o.ListGroups(ctx, &awsiam.ListGroupsInput{Marker: done(o.ListUsers(ctx, &awsiam.ListUsersInput{MaxItems: aws.Int32(1)}))(o).Marker})
	wantCode(o, err, "ValidationError")
}

func TestAccessKeys(t *testing.T) {
	o := open(t)
	done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("alice")}))(o)
	done(o.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: p("alice"), PolicyName: p("own"), PolicyDocument: p(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::111122223333:user/${aws:username}"}}`)}))(o)
	k := done(o.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: p("alice")}))(o).AccessKey
	alice := o.as(*k.AccessKeyId, *k.SecretAccessKey)
	equal(o, *done(alice.GetUser(ctx, &awsiam.GetUserInput{}))(o).User.UserName, "alice")
	_, err := alice.GetUser(ctx, &awsiam.GetUserInput{UserName: p("bob")})
	wantCode(o, err, "AccessDenied")
	if !strings.Contains(err.Error(), "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: iam:GetUser on resource: arn:aws:iam::111122223333:user/bob because no identity-based policy allows the iam:GetUser action") {
		t.Error(err)
	}
	second := done(alice.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{}))(o).AccessKey
	_, err = alice.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{})
	want[*types.LimitExceededException](o, err, "LimitExceeded")
	equal(o, len(done(alice.ListAccessKeys(ctx, &awsiam.ListAccessKeysInput{}))(o).AccessKeyMetadata), 2)
	used := done(o.GetAccessKeyLastUsed(ctx, &awsiam.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId}))(o)
	equal(o, *used.UserName+" "+*used.AccessKeyLastUsed.ServiceName, "alice iam")
	equal(o, *done(o.GetAccessKeyLastUsed(ctx, &awsiam.GetAccessKeyLastUsedInput{AccessKeyId: second.AccessKeyId}))(o).AccessKeyLastUsed.ServiceName, "N/A")
	must(t, o.access.SaveUses(ctx))
	equal(o, *done(o.GetAccessKeyLastUsed(ctx, &awsiam.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId}))(o).AccessKeyLastUsed.ServiceName, "iam")

	done(o.UpdateAccessKey(ctx, &awsiam.UpdateAccessKeyInput{UserName: p("alice"), AccessKeyId: k.AccessKeyId, Status: types.StatusTypeInactive}))(o)
	_, err = alice.GetUser(ctx, &awsiam.GetUserInput{})
	wantCode(o, err, "InvalidClientTokenId")
	done(o.UpdateAccessKey(ctx, &awsiam.UpdateAccessKeyInput{UserName: p("alice"), AccessKeyId: k.AccessKeyId, Status: types.StatusTypeActive}))(o)
	done(alice.GetUser(ctx, &awsiam.GetUserInput{}))(o)
	_, err = o.DeleteUser(ctx, &awsiam.DeleteUserInput{UserName: p("alice")})
	want[*types.DeleteConflictException](o, err, "DeleteConflict")
	for _, id := range []*string{second.AccessKeyId, k.AccessKeyId} {
		done(o.DeleteAccessKey(ctx, &awsiam.DeleteAccessKeyInput{UserName: p("alice"), AccessKeyId: id}))(o)
	}
	_, err = o.DeleteAccessKey(ctx, &awsiam.DeleteAccessKeyInput{UserName: p("alice"), AccessKeyId: k.AccessKeyId})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
	_, err = o.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{})
	wantCode(o, err, "ValidationError")
}

func TestGroups(t *testing.T) {
	o := open(t)
	done(o.CreateGroup(ctx, &awsiam.CreateGroupInput{GroupName: p("dev"), Path: p("/x/")}))(o)
	for _, name := range []string{"alice", "bob"} {
		done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p(name)}))(o)
		done(o.AddUserToGroup(ctx, &awsiam.AddUserToGroupInput{GroupName: p("dev"), UserName: p(name)}))(o)
	}
	g := done(o.GetGroup(ctx, &awsiam.GetGroupInput{GroupName: p("dev"), MaxItems: aws.Int32(1)}))(o)
	equal(o, *g.Users[0].UserName, "alice")
	g = done(o.GetGroup(ctx, &awsiam.GetGroupInput{GroupName: p("dev"), Marker: g.Marker}))(o)
	equal(o, *g.Users[0].UserName, "bob")
	equal(o, *done(o.ListGroupsForUser(ctx, &awsiam.ListGroupsForUserInput{UserName: p("bob")}))(o).Groups[0].Arn, "arn:aws:iam::111122223333:group/x/dev")
	done(o.UpdateGroup(ctx, &awsiam.UpdateGroupInput{GroupName: p("dev"), NewGroupName: p("ops")}))(o)
	equal(o, *done(o.ListGroups(ctx, &awsiam.ListGroupsInput{PathPrefix: p("/x/")}))(o).Groups[0].GroupName, "ops")
	_, err := o.DeleteGroup(ctx, &awsiam.DeleteGroupInput{GroupName: p("ops")})
	want[*types.DeleteConflictException](o, err, "DeleteConflict")
	_, err = o.AddUserToGroup(ctx, &awsiam.AddUserToGroupInput{GroupName: p("none"), UserName: p("bob")})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
	for _, name := range []string{"alice", "bob"} {
		done(o.RemoveUserFromGroup(ctx, &awsiam.RemoveUserFromGroupInput{GroupName: p("ops"), UserName: p(name)}))(o)
	}
	done(o.DeleteGroup(ctx, &awsiam.DeleteGroupInput{GroupName: p("ops")}))(o)
}

func TestRoles(t *testing.T) {
	o := open(t)
	r := done(o.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: p("ci"), AssumeRolePolicyDocument: p(trust), Description: p("d"), MaxSessionDuration: aws.Int32(7200),
		Tags: []types.Tag{{Key: p("k"), Value: p("v")}}}))(o).Role
	equal(o, *r.Arn, "arn:aws:iam::111122223333:role/ci")
	document, err := url.PathUnescape(*r.AssumeRolePolicyDocument)
	must(t, err)
	equal(o, document, trust)
	_, err = o.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: p("bad"), AssumeRolePolicyDocument: p(reads)})
	want[*types.MalformedPolicyDocumentException](o, err, "MalformedPolicyDocument")
	done(o.UpdateRole(ctx, &awsiam.UpdateRoleInput{RoleName: p("ci"), MaxSessionDuration: aws.Int32(3600)}))(o)
	equal(o, *done(o.UpdateRoleDescription(ctx, &awsiam.UpdateRoleDescriptionInput{RoleName: p("ci"), Description: p("e")}))(o).Role.Description, "e")
	done(o.UpdateAssumeRolePolicy(ctx, &awsiam.UpdateAssumeRolePolicyInput{RoleName: p("ci"), PolicyDocument: p(trust)}))(o)
	done(o.TagRole(ctx, &awsiam.TagRoleInput{RoleName: p("ci"), Tags: []types.Tag{{Key: p("z"), Value: p("")}}}))(o)
	done(o.UntagRole(ctx, &awsiam.UntagRoleInput{RoleName: p("ci"), TagKeys: []string{"k"}}))(o)
	equal(o, *done(o.ListRoleTags(ctx, &awsiam.ListRoleTagsInput{RoleName: p("ci")}))(o).Tags[0].Key, "z")
	done(o.PutRolePermissionsBoundary(ctx, &awsiam.PutRolePermissionsBoundaryInput{RoleName: p("ci"), PermissionsBoundary: p(admin)}))(o)
	got := done(o.GetRole(ctx, &awsiam.GetRoleInput{RoleName: p("ci")}))(o).Role
	equal(o, *got.MaxSessionDuration, 3600)
	equal(o, *got.PermissionsBoundary.PermissionsBoundaryArn, admin)
	done(o.DeleteRolePermissionsBoundary(ctx, &awsiam.DeleteRolePermissionsBoundaryInput{RoleName: p("ci")}))(o)
	equal(o, len(done(o.ListRoles(ctx, &awsiam.ListRolesInput{}))(o).Roles), 1)
	done(o.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: p("ci")}))(o)
}

func TestInlinePolicies(t *testing.T) {
	o := open(t)
	done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("x")}))(o)
	done(o.CreateGroup(ctx, &awsiam.CreateGroupInput{GroupName: p("x")}))(o)
	done(o.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: p("x"), AssumeRolePolicyDocument: p(trust)}))(o)
	for _, name := range []string{"b", "a"} {
		done(o.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: p("x"), PolicyName: p(name), PolicyDocument: p(reads)}))(o)
		done(o.PutGroupPolicy(ctx, &awsiam.PutGroupPolicyInput{GroupName: p("x"), PolicyName: p(name), PolicyDocument: p(reads)}))(o)
		done(o.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: p("x"), PolicyName: p(name), PolicyDocument: p(reads)}))(o)
	}
	first := done(o.ListUserPolicies(ctx, &awsiam.ListUserPoliciesInput{UserName: p("x"), MaxItems: aws.Int32(1)}))(o)
	equal(o, first.PolicyNames[0], "a")
	equal(o, done(o.ListUserPolicies(ctx, &awsiam.ListUserPoliciesInput{UserName: p("x"), Marker: first.Marker}))(o).PolicyNames[0], "b")
	equal(o, len(done(o.ListGroupPolicies(ctx, &awsiam.ListGroupPoliciesInput{GroupName: p("x")}))(o).PolicyNames), 2)
	equal(o, len(done(o.ListRolePolicies(ctx, &awsiam.ListRolePoliciesInput{RoleName: p("x")}))(o).PolicyNames), 2)
	for _, escaped := range []*string{
		done(o.GetUserPolicy(ctx, &awsiam.GetUserPolicyInput{UserName: p("x"), PolicyName: p("a")}))(o).PolicyDocument,
		done(o.GetGroupPolicy(ctx, &awsiam.GetGroupPolicyInput{GroupName: p("x"), PolicyName: p("a")}))(o).PolicyDocument,
		done(o.GetRolePolicy(ctx, &awsiam.GetRolePolicyInput{RoleName: p("x"), PolicyName: p("a")}))(o).PolicyDocument,
	} {
		document, err := url.PathUnescape(*escaped)
		must(t, err)
		equal(o, document, reads)
	}
	_, err := o.GetUserPolicy(ctx, &awsiam.GetUserPolicyInput{UserName: p("x"), PolicyName: p("none")})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
	_, err = o.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: p("x"), PolicyName: p("bad"), PolicyDocument: p(`{"Statement":[]}`)})
	want[*types.MalformedPolicyDocumentException](o, err, "MalformedPolicyDocument")
	big := strings.Replace(reads, `"*"`, `"arn:aws:ecr:*:*:`+strings.Repeat("x", 2000)+`"`, 1)
	_, err = o.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: p("x"), PolicyName: p("big"), PolicyDocument: p(big)})
	want[*types.LimitExceededException](o, err, "LimitExceeded")
	_, err = o.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: p("x")})
	want[*types.DeleteConflictException](o, err, "DeleteConflict")
	for _, name := range []string{"b", "a"} {
		done(o.DeleteUserPolicy(ctx, &awsiam.DeleteUserPolicyInput{UserName: p("x"), PolicyName: p(name)}))(o)
		done(o.DeleteGroupPolicy(ctx, &awsiam.DeleteGroupPolicyInput{GroupName: p("x"), PolicyName: p(name)}))(o)
		done(o.DeleteRolePolicy(ctx, &awsiam.DeleteRolePolicyInput{RoleName: p("x"), PolicyName: p(name)}))(o)
	}
	_, err = o.DeleteUserPolicy(ctx, &awsiam.DeleteUserPolicyInput{UserName: p("x"), PolicyName: p("a")})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
}

func TestManagedPolicies(t *testing.T) {
	o := open(t)
	made := done(o.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: p("Pull"), Path: p("/ci/"), PolicyDocument: p(reads), Description: p("d"), Tags: []types.Tag{{Key: p("k"), Value: p("v")}}}))(o).Policy
	arn := made.Arn
	equal(o, *arn, "arn:aws:iam::111122223333:policy/ci/Pull")
	_, err := o.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: p("pull"), PolicyDocument: p(reads)})
	want[*types.EntityAlreadyExistsException](o, err, "EntityAlreadyExists")
	_, err = o.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: p("bad"), PolicyDocument: p("{}")})
	want[*types.MalformedPolicyDocumentException](o, err, "MalformedPolicyDocument")
	for i := 2; i <= 5; i++ {
		v := done(o.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: p(reads), SetAsDefault: i == 3}))(o).PolicyVersion
		equal(o, v.IsDefaultVersion, i == 3)
	}
	_, err = o.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: p(reads)})
	want[*types.LimitExceededException](o, err, "LimitExceeded")
	_, err = o.DeletePolicyVersion(ctx, &awsiam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: p("v3")})
	want[*types.DeleteConflictException](o, err, "DeleteConflict")
	done(o.SetDefaultPolicyVersion(ctx, &awsiam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: p("v5")}))(o)
	equal(o, *done(o.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: arn}))(o).Policy.DefaultVersionId, "v5")
	first := done(o.ListPolicyVersions(ctx, &awsiam.ListPolicyVersionsInput{PolicyArn: arn, MaxItems: aws.Int32(3)}))(o)
	equal(o, len(done(o.ListPolicyVersions(ctx, &awsiam.ListPolicyVersionsInput{PolicyArn: arn, Marker: first.Marker}))(o).Versions), 2)
	document, err := url.PathUnescape(*done(o.GetPolicyVersion(ctx, &awsiam.GetPolicyVersionInput{PolicyArn: arn, VersionId: p("v1")}))(o).PolicyVersion.Document)
	must(t, err)
	equal(o, document, reads)
	_, err = o.GetPolicyVersion(ctx, &awsiam.GetPolicyVersionInput{PolicyArn: arn, VersionId: p("v9")})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
	done(o.TagPolicy(ctx, &awsiam.TagPolicyInput{PolicyArn: arn, Tags: []types.Tag{{Key: p("z"), Value: p("1")}}}))(o)
	done(o.UntagPolicy(ctx, &awsiam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"k"}}))(o)
	equal(o, *done(o.ListPolicyTags(ctx, &awsiam.ListPolicyTagsInput{PolicyArn: arn}))(o).Tags[0].Key, "z")

	done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("x"), PermissionsBoundary: arn}))(o)
	done(o.CreateGroup(ctx, &awsiam.CreateGroupInput{GroupName: p("x")}))(o)
	done(o.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: p("x"), AssumeRolePolicyDocument: p(trust)}))(o)
	done(o.AttachUserPolicy(ctx, &awsiam.AttachUserPolicyInput{UserName: p("x"), PolicyArn: arn}))(o)
	done(o.AttachGroupPolicy(ctx, &awsiam.AttachGroupPolicyInput{GroupName: p("x"), PolicyArn: arn}))(o)
	done(o.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: p("x"), PolicyArn: p(admin)}))(o)
	equal(o, *done(o.ListAttachedUserPolicies(ctx, &awsiam.ListAttachedUserPoliciesInput{UserName: p("x"), PathPrefix: p("/ci/")}))(o).AttachedPolicies[0].PolicyName, "Pull")
	equal(o, len(done(o.ListAttachedGroupPolicies(ctx, &awsiam.ListAttachedGroupPoliciesInput{GroupName: p("x"), PathPrefix: p("/other/")}))(o).AttachedPolicies), 0)
	equal(o, *done(o.ListAttachedRolePolicies(ctx, &awsiam.ListAttachedRolePoliciesInput{RoleName: p("x")}))(o).AttachedPolicies[0].PolicyArn, admin)
	entities := done(o.ListEntitiesForPolicy(ctx, &awsiam.ListEntitiesForPolicyInput{PolicyArn: arn}))(o)
	equal(o, len(entities.PolicyUsers)*10+len(entities.PolicyGroups), 11)
	entities = done(o.ListEntitiesForPolicy(ctx, &awsiam.ListEntitiesForPolicyInput{PolicyArn: arn, EntityFilter: types.EntityTypeGroup, MaxItems: aws.Int32(1)}))(o)
	equal(o, len(entities.PolicyUsers)*10+len(entities.PolicyGroups), 1)
	equal(o, entities.IsTruncated, false)
	used := func(u types.PolicyUsageType) int {
		return len(done(o.ListPolicies(ctx, &awsiam.ListPoliciesInput{PolicyUsageFilter: u}))(o).Policies)
	}
	equal(o, used(types.PolicyUsageTypePermissionsPolicy)*10+used(types.PolicyUsageTypePermissionsBoundary), 21)
	got := done(o.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: arn}))(o).Policy
	equal(o, *got.AttachmentCount*10+*got.PermissionsBoundaryUsageCount, 21)
	equal(o, len(done(o.ListPolicies(ctx, &awsiam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws, OnlyAttached: true}))(o).Policies), 1)
	_, err = o.DeletePolicy(ctx, &awsiam.DeletePolicyInput{PolicyArn: arn})
	want[*types.DeleteConflictException](o, err, "DeleteConflict")
	_, err = o.DeletePolicy(ctx, &awsiam.DeletePolicyInput{PolicyArn: p(admin)})
	want[*types.InvalidInputException](o, err, "InvalidInput")
	_, err = o.AttachUserPolicy(ctx, &awsiam.AttachUserPolicyInput{UserName: p("x"), PolicyArn: p("arn:aws:iam::444455556666:policy/Theirs")})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
	done(o.DetachUserPolicy(ctx, &awsiam.DetachUserPolicyInput{UserName: p("x"), PolicyArn: arn}))(o)
	_, err = o.DetachUserPolicy(ctx, &awsiam.DetachUserPolicyInput{UserName: p("x"), PolicyArn: arn})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
	done(o.DetachGroupPolicy(ctx, &awsiam.DetachGroupPolicyInput{GroupName: p("x"), PolicyArn: arn}))(o)
	done(o.DetachRolePolicy(ctx, &awsiam.DetachRolePolicyInput{RoleName: p("x"), PolicyArn: p(admin)}))(o)
	done(o.DeleteUser(ctx, &awsiam.DeleteUserInput{UserName: p("x")}))(o)
	for _, v := range []string{"v1", "v2", "v3", "v4"} {
		done(o.DeletePolicyVersion(ctx, &awsiam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: &v}))(o)
	}
	done(o.DeletePolicy(ctx, &awsiam.DeletePolicyInput{PolicyArn: arn}))(o)
	_, err = o.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: arn})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
}

func TestSimulations(t *testing.T) {
	o := open(t)
	custom := done(o.SimulateCustomPolicy(ctx, &awsiam.SimulateCustomPolicyInput{
		PolicyInputList: []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}},{"Effect":"Deny","Action":"ecr:Delete*","Resource":"*"}]}`},
		ActionNames:     []string{"ecr:PutImage", "ecr:DeleteRepository", "signer:SignPayload"},
		ContextEntries:  []types.ContextEntry{{ContextKeyName: p("aws:RequestedRegion"), ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{"us-east-1"}}},
	}))(o).EvaluationResults
	for i, decision := range []types.PolicyEvaluationDecisionType{"allowed", "explicitDeny", "implicitDeny"} {
		equal(o, custom[i].EvalDecision, decision)
	}
	equal(o, *custom[1].MatchedStatements[0].SourcePolicyId, "PolicyInputList.1")
	u := done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("alice"), PermissionsBoundary: p("arn:aws:iam::aws:policy/IAMFullAccess")}))(o).User
	done(o.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: p("alice"), PolicyName: p("r"), PolicyDocument: p(reads)}))(o)
	of := done(o.SimulatePrincipalPolicy(ctx, &awsiam.SimulatePrincipalPolicyInput{PolicySourceArn: u.Arn, ActionNames: []string{"ecr:BatchGetImage", "iam:GetUser"},
		ResourceArns: []string{"arn:aws:ecr:us-east-1:111122223333:repository/a", "arn:aws:ecr:us-east-1:111122223333:repository/b"}, MaxItems: aws.Int32(1)}))(o)
	equal(o, of.EvaluationResults[0].EvalDecision, "implicitDeny")
	equal(o, of.EvaluationResults[0].PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary, false)
	equal(o, len(of.EvaluationResults[0].ResourceSpecificResults), 2)
	equal(o, of.IsTruncated, true)
	_, err := o.SimulatePrincipalPolicy(ctx, &awsiam.SimulatePrincipalPolicyInput{PolicySourceArn: p("arn:aws:iam::111122223333:user/none"), ActionNames: []string{"ecr:PutImage"}})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
	keys := done(o.GetContextKeysForCustomPolicy(ctx, &awsiam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}}`}}))(o)
	equal(o, keys.ContextKeyNames[0], "aws:SecureTransport")
	summary := done(o.GetAccountSummary(ctx, &awsiam.GetAccountSummaryInput{}))(o).SummaryMap
	equal(o, summary["Users"]*10+summary["AccessKeysPerUserQuota"], 12)
	equal(o, len(done(o.ListAccountAliases(ctx, &awsiam.ListAccountAliasesInput{}))(o).AccountAliases), 0)
}

// All operations of the model have a row, and none else.
func TestTableIsTheModels(t *testing.T) {
	model, err := os.ReadFile("testdata/iam-operations.txt")
	must(t, err)
	o := open(t)
	var rows []string
	for _, op := range iamapi.IAM(o.access).Operations {
		rows = append(rows, op.Name)
	}
	slices.Sort(rows)
	names := strings.Fields(string(model))
	for _, n := range names {
		if !slices.Contains(rows, n) {
			t.Errorf("%s has no row", n)
		}
	}
	for _, n := range rows {
		if !slices.Contains(names, n) {
			t.Errorf("%s is not in the model", n)
		}
	}
	if d := slices.Compact(slices.Clone(rows)); len(d) != len(rows) {
		t.Error("a row is there twice")
	}
	_, err = o.CreateLoginProfile(ctx, &awsiam.CreateLoginProfileInput{})
	wantCode(o, err, "InvalidAction")
}

// TestRenamingAsksAboutBoth: who may rename some users makes none of them one that
// a policy names.
func TestRenamingAsksAboutBoth(t *testing.T) {
	o := open(t)
	some := o.user("some", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:UpdateUser","iam:UpdateGroup"],
		"Resource":["arn:aws:iam::111122223333:user/dev/*","arn:aws:iam::111122223333:group/dev/*"]}}`)
	done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("a"), Path: p("/dev/")}))(o)
	done(o.CreateGroup(ctx, &awsiam.CreateGroupInput{GroupName: p("a"), Path: p("/dev/")}))(o)
	user := func(name, path *string) error {
		_, err := some.UpdateUser(ctx, &awsiam.UpdateUserInput{UserName: p("a"), NewUserName: name, NewPath: path})
		return err
	}
	group := func(path string) error {
		_, err := some.UpdateGroup(ctx, &awsiam.UpdateGroupInput{GroupName: p("a"), NewPath: &path})
		return err
	}
	wantCode(o, user(nil, p("/")), "AccessDenied")
	wantCode(o, user(p("admin"), p("/ops/")), "AccessDenied")
	wantCode(o, group("/"), "AccessDenied")
	must(t, group("/dev/x/"))
	must(t, user(p("b"), nil))
	_, err := some.UpdateUser(ctx, &awsiam.UpdateUserInput{UserName: p("none"), NewUserName: p("b")})
	wantCode(o, err, "AccessDenied")
	must(t, func() error {
		_, err := some.UpdateUser(ctx, &awsiam.UpdateUserInput{UserName: p("b"), NewPath: p("/dev/y/")})
		return err
	}())
}

// user makes a user with an inline policy, and returns its client.
func (o *office) user(name, policy string) *awsiam.Client {
	o.Helper()
	done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: &name}))(o)
	done(o.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: &name, PolicyName: p("p"), PolicyDocument: &policy}))(o)
	k := done(o.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: &name}))(o).AccessKey
	return o.as(*k.AccessKeyId, *k.SecretAccessKey)
}

// TestSimulationsAreBounded: one request could list millions of statements.
func TestSimulationsAreBounded(t *testing.T) {
	o := open(t)
	statement := `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"a:b":"true"}}}`
	large := `{"Statement":[` + strings.Repeat(statement+",", 400) + statement + `]}`
	in := &awsiam.SimulateCustomPolicyInput{PolicyInputList: []string{large, large}, ActionNames: make([]string, 150), MaxItems: aws.Int32(1000)}
	for i := range in.ActionNames {
		in.ActionNames[i] = fmt.Sprintf("ecr:A%d", i)
	}
	var asked, pages int
	for page := awsiam.NewSimulateCustomPolicyPaginator(o, in); page.HasMorePages(); pages++ {
		for _, r := range done(page.NextPage(ctx))(o).EvaluationResults {
			equal(o, *r.EvalActionName, in.ActionNames[asked])
			equal(o, len(r.MatchedStatements)*10+len(r.MissingContextValues), 8021)
			asked++
		}
	}
	equal(o, asked, 150)
	if pages < 3 || pages > 10 {
		t.Errorf("%d pages", pages)
	}
	for i := range 500 {
		in.ResourceArns = append(in.ResourceArns, fmt.Sprintf("arn:aws:ecr:us-east-1:111122223333:repository/%d", i))
	}
	in.ActionNames = in.ActionNames[:10]
	_, err := o.SimulateCustomPolicy(ctx, in)
	want[*types.InvalidInputException](o, err, "InvalidInput")
}

// TestPoliciesHaveTags: a Deny by the tags of a policy holds.
func TestPoliciesHaveTags(t *testing.T) {
	o := open(t)
	made := done(o.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: p("Guard"), PolicyDocument: p(reads), Tags: []types.Tag{{Key: p("guard"), Value: p("yes")}}}))(o).Policy
	plain := done(o.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: p("Plain"), PolicyDocument: p(reads)}))(o).Policy
	for key, user := range map[string]string{"aws:ResourceTag/guard": "a", "iam:ResourceTag/guard": "b"} {
		c := o.user(user, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"},
			{"Effect":"Deny","Action":"iam:*","Resource":"*","Condition":{"StringEquals":{"`+key+`":"yes"}}}]}`)
		_, err := c.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{PolicyArn: made.Arn, PolicyDocument: p(reads), SetAsDefault: true})
		wantCode(o, err, "AccessDenied")
		done(c.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{PolicyArn: plain.Arn, PolicyDocument: p(reads), SetAsDefault: true}))(o)
	}
}

// TestNothingIsPassedOver: what would change the answer and is not done is refused.
func TestNothingIsPassedOver(t *testing.T) {
	o := open(t)
	u := done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("a")}))(o).User
	_, err := o.SimulatePrincipalPolicy(ctx, &awsiam.SimulatePrincipalPolicyInput{PolicySourceArn: u.Arn, ActionNames: []string{"ecr:PutImage"}}, adding("PolicyExclusionList.member.1.PolicyArn", admin))
	want[*types.InvalidInputException](o, err, "InvalidInput")
	_, err = o.SimulateCustomPolicy(ctx, &awsiam.SimulateCustomPolicyInput{PolicyInputList: []string{reads}, ActionNames: []string{"ecr:PutImage"}},
		adding("OrderedOrganizationPolicyInputList.member.1.ServiceControlPolicyInputList.member.1", reads))
	want[*types.InvalidInputException](o, err, "InvalidInput")
	_, err = o.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: p("r"), AssumeRolePolicyDocument: p(trust), Description: p("\x01")})
	wantCode(o, err, "ValidationError")
}

// adding adds a parameter to the form of a request before it is signed.
func adding(name, value string) func(*awsiam.Options) {
	return func(options *awsiam.Options) {
		options.APIOptions = append(options.APIOptions, func(stack *middleware.Stack) error {
			return stack.Serialize.Add(middleware.SerializeMiddlewareFunc("adding", func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error) {
				r := in.Request.(*smithyhttp.Request)
				body, err := io.ReadAll(r.GetStream())
				if err == nil {
					r, err = r.SetStream(strings.NewReader(string(body) + "&" + url.Values{name: {value}}.Encode()))
				}
				in.Request = r
				if err != nil {
					return middleware.SerializeOutput{}, middleware.Metadata{}, err
				}
				return next.HandleSerialize(ctx, in)
			}), middleware.After)
		})
	}
}

// TestTextsAreText: what PostgreSQL cannot hold is the caller's mistake.
func TestTextsAreText(t *testing.T) {
	o := open(t)
	for _, text := range []string{"a\x00", "a\xff"} {
		_, err := o.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: p("P"), PolicyDocument: p(reads), Description: &text})
		wantCode(o, err, "ValidationError")
		marker := base64.RawURLEncoding.EncodeToString([]byte("ListUsers\n" + text))
		_, err = o.ListUsers(ctx, &awsiam.ListUsersInput{Marker: &marker})
		wantCode(o, err, "ValidationError")
	}
}
