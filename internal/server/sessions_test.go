package server

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
)

// stage is a server with a user and a role that the user may assume, to read one
// repository.
type stage struct {
	*testing.T
	*Server
	root, user bearer
	iam        *iam.Client
}

const (
	roleARN   = "arn:aws:iam::111122223333:role/ci"
	trustUser = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/builder"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEqualsIfExists":{"sts:ExternalId":"x1"}}}]}`
	readsApp  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:us-east-1:111122223333:repository/app"}]}`
)

func newStage(t *testing.T) *stage {
	t.Helper()
	s, _ := run(t, settings(t))
	st := &stage{T: t, Server: s}
	st.root = newBearer(t, s, rootOf(t, s))
	st.iam = iam.NewFromConfig(st.root.config(s))
	for _, repository := range []string{"app", "other"} {
		_, err := ecr.NewFromConfig(st.root.config(s)).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &repository})
		must(t, err)
	}
	_, err := st.iam.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("builder")})
	must(t, err)
	k, err := st.iam.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("builder")})
	must(t, err)
	st.user = bearer{credentials: aws.Credentials{AccessKeyID: *k.AccessKey.AccessKeyId, SecretAccessKey: *k.AccessKey.SecretAccessKey}}
	_, err = st.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("ci"), AssumeRolePolicyDocument: aws.String(trustUser)})
	must(t, err)
	st.allow("reads", readsApp)
	return st
}

// allow puts a policy into the role.
func (st *stage) allow(name, document string) {
	st.Helper()
	_, err := st.iam.PutRolePolicy(st.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("ci"), PolicyName: &name, PolicyDocument: &document})
	must(st, err)
}

// assume begins a session as the SDK's provider of credentials does.
func (st *stage) assume(options ...func(*stscreds.AssumeRoleOptions)) bearer {
	st.Helper()
	provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(st.user.config(st.Server)), roleARN, append(options, func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = "job-1" })...)
	c, err := provider.Retrieve(st.Context())
	must(st, err)
	return bearer{credentials: c}
}

// lists tries to list the images of a repository.
func (st *stage) lists(b bearer, repository string) error {
	_, err := ecr.NewFromConfig(b.config(st.Server)).ListImages(st.Context(), &ecr.ListImagesInput{RepositoryName: &repository})
	return err
}

func (st *stage) wantCode(err error, code string) {
	st.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		st.Errorf("%v, want %s", err, code)
	}
}

func TestARoleIsAssumed(t *testing.T) {
	st := newStage(t)
	b := st.assume()
	who, err := sts.NewFromConfig(b.config(st.Server)).GetCallerIdentity(t.Context(), nil)
	must(t, err)
	if *who.Arn != "arn:aws:sts::111122223333:assumed-role/ci/job-1" || !strings.HasPrefix(*who.UserId, "AROA") || !strings.HasSuffix(*who.UserId, ":job-1") {
		t.Errorf("%s, %s", *who.Arn, *who.UserId)
	}
	must(t, st.lists(b, "app"))
	st.wantCode(st.lists(b, "other"), "AccessDeniedException")
	st.wantCode(st.lists(st.user, "app"), "AccessDeniedException")
	b = newBearer(t, st.Server, b.credentials)
	if got := b.get(t, st.Server, "/v2/app/tags/list"); got != http.StatusOK {
		t.Errorf("/v2/app: %d", got)
	}
	if got := b.get(t, st.Server, "/v2/other/tags/list"); got != http.StatusForbidden {
		t.Errorf("/v2/other: %d", got)
	}
	_, err = iam.NewFromConfig(b.config(st.Server)).ListUsers(t.Context(), nil)
	st.wantCode(err, "AccessDenied")
}

func TestSessionPoliciesLimit(t *testing.T) {
	st := newStage(t)
	b := st.assume(func(o *stscreds.AssumeRoleOptions) {
		o.Policy = aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:DescribeImages","Resource":"*"}]}`)
	})
	err := st.lists(b, "app")
	st.wantCode(err, "AccessDeniedException")
	if !strings.Contains(err.Error(), "because no session policy allows the ecr:ListImages action") {
		t.Error(err)
	}
	b = st.assume(func(o *stscreds.AssumeRoleOptions) {
		o.PolicyARNs = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly")}}
	})
	must(t, st.lists(b, "app"))
}

// TestASessionIsCutOff: by the policy that AWS's console writes, by the end of the
// role, and by nothing that is done to others; registry tokens follow.
func TestASessionIsCutOff(t *testing.T) {
	st := newStage(t)
	b := st.assume()
	b = newBearer(t, st.Server, b.credentials)
	st.allow("AWSRevokeOlderSessions", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"`+
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}}}]}`)
	st.wantCode(st.lists(b, "app"), "AccessDeniedException")
	if got := b.get(t, st.Server, "/v2/app/tags/list"); got != http.StatusForbidden {
		t.Errorf("/v2/app: %d", got)
	}
	for _, name := range []string{"AWSRevokeOlderSessions", "reads"} {
		_, err := st.iam.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: aws.String("ci"), PolicyName: &name})
		must(t, err)
	}
	_, err := st.iam.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("ci")})
	must(t, err)
	_, err = st.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("ci"), AssumeRolePolicyDocument: aws.String(trustUser)})
	must(t, err)
	st.allow("reads", readsApp) // another role of the name
	if open := b.doors(t, st.Server); open != "" {
		t.Errorf("open to a session of a role that is gone: %s", open)
	}
}

func TestWhoMayNotAssume(t *testing.T) {
	st := newStage(t)
	assume := func(b bearer, in sts.AssumeRoleInput) error {
		in.RoleSessionName = aws.String("job")
		_, err := sts.NewFromConfig(b.config(st.Server)).AssumeRole(t.Context(), &in)
		return err
	}
	stranger := bearer{credentials: newUser(t, st.Server, "eve")}
	_, root, err := st.access.CreateAccount(t.Context(), "444455556666")
	must(t, err)
	outsider := bearer{credentials: aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: root.Secret}}
	role := aws.String(roleARN)
	for name, test := range map[string]struct {
		err  error
		code string
	}{
		"root":                {assume(st.root, sts.AssumeRoleInput{RoleArn: role}), "AccessDenied"},
		"a stranger":          {assume(stranger, sts.AssumeRoleInput{RoleArn: role}), "AccessDenied"},
		"another account":     {assume(outsider, sts.AssumeRoleInput{RoleArn: role}), "AccessDenied"},
		"another external id": {assume(st.user, sts.AssumeRoleInput{RoleArn: role, ExternalId: aws.String("x2")}), "AccessDenied"},
		"no such role":        {assume(st.user, sts.AssumeRoleInput{RoleArn: aws.String(roleARN + "x")}), "AccessDenied"},
		"a user":              {assume(st.user, sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:user/builder")}), "AccessDenied"},
		"too long":            {assume(st.user, sts.AssumeRoleInput{RoleArn: role, DurationSeconds: aws.Int32(3601)}), "ValidationError"},
		"a bad policy":        {assume(st.user, sts.AssumeRoleInput{RoleArn: role, Policy: aws.String("{}")}), "MalformedPolicyDocument"},
		"a source identity":   {assume(st.user, sts.AssumeRoleInput{RoleArn: role, SourceIdentity: aws.String("me")}), "AccessDenied"},
		"a tag twice":         {assume(st.user, sts.AssumeRoleInput{RoleArn: role, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}, {Key: aws.String("K"), Value: aws.String("v")}}}), "InvalidParameterValue"},
		"a tag that is not":   {assume(st.user, sts.AssumeRoleInput{RoleArn: role, TransitiveTagKeys: []string{"k"}}), "InvalidParameterValue"},
		"a context":           {assume(st.user, sts.AssumeRoleInput{RoleArn: role, ProvidedContexts: []types.ProvidedContext{{ProviderArn: aws.String("arn:aws:iam::aws:contextProvider/IdentityCenter"), ContextAssertion: aws.String("eyJh")}}}), "ValidationError"},
		"a code":              {assume(st.user, sts.AssumeRoleInput{RoleArn: role, SerialNumber: aws.String("123456789"), TokenCode: aws.String("123456")}), "ValidationError"},
	} {
		var api smithy.APIError
		if !errors.As(test.err, &api) || api.ErrorCode() != test.code {
			t.Errorf("%s: %v, want %s", name, test.err, test.code)
		}
	}
	must(t, assume(st.user, sts.AssumeRoleInput{RoleArn: role, ExternalId: aws.String("x1"), DurationSeconds: aws.Int32(900)}))
}

// TestTamperedSessions: no byte of a session token can be another.
func TestTamperedSessions(t *testing.T) {
	st := newStage(t)
	b := st.assume()
	token := b.credentials.SessionToken
	for i := 0; i < len(token); i += 7 {
		flipped := byte('A')
		if token[i] == 'A' {
			flipped = 'B'
		}
		b.credentials.SessionToken = token[:i] + string(flipped) + token[i+1:]
		if _, _, err := st.access.Credential(t.Context(), b.credentials.AccessKeyID, b.credentials.SessionToken); err == nil {
			t.Fatalf("byte %d can be changed", i)
		}
	}
	for name, bad := range map[string]string{"cut": token[:len(token)-4], "none": "", "longer": token + "AAAA", "huge": strings.Repeat("A", 100_000)} {
		if _, _, err := st.access.Credential(t.Context(), b.credentials.AccessKeyID, bad); err == nil {
			t.Errorf("%s is good", name)
		}
	}
	other := st.assume()
	other.credentials.SessionToken = token
	st.wantCode(st.lists(other, "app"), "UnrecognizedClientException")
	b.credentials.SessionToken = token[:len(token)-4]
	st.wantCode(st.lists(b, "app"), "UnrecognizedClientException")
}

func TestGetSessionToken(t *testing.T) {
	st := newStage(t)
	get := func(b bearer) (bearer, error) {
		out, err := sts.NewFromConfig(b.config(st.Server)).GetSessionToken(t.Context(), nil)
		if err != nil {
			return bearer{}, err
		}
		return bearer{credentials: aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}}, nil
	}
	b, err := get(st.user)
	must(t, err)
	who, err := sts.NewFromConfig(b.config(st.Server)).GetCallerIdentity(t.Context(), nil)
	must(t, err)
	if *who.Arn != "arn:aws:iam::111122223333:user/builder" {
		t.Error(*who.Arn)
	}
	_, err = get(b)
	st.wantCode(err, "AccessDenied")
	root, err := get(st.root)
	must(t, err)
	must(t, st.lists(root, "app"))
	_, err = iam.NewFromConfig(root.config(st.Server)).ListUsers(t.Context(), nil)
	st.wantCode(err, "AccessDenied")
	_, err = st.iam.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: aws.String("builder"), AccessKeyId: &st.user.credentials.AccessKeyID, Status: "Inactive"})
	must(t, err)
	_, err = sts.NewFromConfig(b.config(st.Server)).GetCallerIdentity(t.Context(), nil)
	st.wantCode(err, "InvalidClientTokenId") // the session ends with its key
}

// TestWhatASessionSaysOfItself: how full its token is, and whose it was at first,
// along a chain.
func TestWhatASessionSaysOfItself(t *testing.T) {
	st := newStage(t)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`
	_, err := st.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("ci"), PolicyDocument: &trust})
	must(t, err)
	st.allow("all", allowAll)
	_, err = st.iam.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("builder"), PolicyName: aws.String("all"), PolicyDocument: aws.String(allowAll)})
	must(t, err)
	assume := func(b bearer, in sts.AssumeRoleInput) (*sts.AssumeRoleOutput, bearer) {
		t.Helper()
		in.RoleArn, in.RoleSessionName = aws.String(roleARN), aws.String("job-1")
		out, err := sts.NewFromConfig(b.config(st.Server)).AssumeRole(t.Context(), &in)
		must(t, err)
		return out, bearer{credentials: aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}}
	}
	plain, _ := assume(st.user, sts.AssumeRoleInput{})
	if packed(plain) != 0 || plain.SourceIdentity != nil {
		t.Errorf("%v %v", packed(plain), aws.ToString(plain.SourceIdentity))
	}
	tag := types.Tag{Key: aws.String("team"), Value: aws.String("red")}
	tagged, first := assume(st.user, sts.AssumeRoleInput{SourceIdentity: aws.String("alice"), Tags: []types.Tag{tag}, TransitiveTagKeys: []string{"team"}})
	chained, second := assume(first, sts.AssumeRoleInput{})
	limited, _ := assume(second, sts.AssumeRoleInput{Policy: aws.String(strings.Replace(allowAll, `"Action":"*"`, `"Action":[`+strings.Repeat(`"ecr:PutImage",`, 120)+`"*"]`, 1))})
	for name, out := range map[string]*sts.AssumeRoleOutput{"tagged": tagged, "chained": chained, "limited": limited} {
		if aws.ToString(out.SourceIdentity) != "alice" {
			t.Errorf("%s: source identity %q", name, aws.ToString(out.SourceIdentity))
		}
		if n := packed(out); n < 1 || n > 100 {
			t.Errorf("%s: %d percent", name, n)
		}
	}
	if packed(limited) < packed(chained)+20 {
		t.Errorf("%d percent with a long policy, %d without", packed(limited), packed(chained))
	}
	_, err = sts.NewFromConfig(second.config(st.Server)).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(roleARN), RoleSessionName: aws.String("job-1"), Tags: []types.Tag{tag}})
	st.wantCode(err, "InvalidParameterValue")
	_, err = sts.NewFromConfig(second.config(st.Server)).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(roleARN), RoleSessionName: aws.String("job-1"), SourceIdentity: aws.String("bob")})
	st.wantCode(err, "AccessDenied")
}

// packed is how many percent of the room a session's policies and tags take, 0 when
// that is not told.
func packed(out *sts.AssumeRoleOutput) int32 {
	//lint:ignore SA1019 clients of today read it
	return aws.ToInt32(out.PackedPolicySize)
}
