package iamapi_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// details reads all pages and says what was in them, in order.
func (o *office) details(in awsiam.GetAccountAuthorizationDetailsInput) (names []string, pages int) {
	o.Helper()
	p := awsiam.NewGetAccountAuthorizationDetailsPaginator(o.Client, &in)
	for ; p.HasMorePages(); pages++ {
		out, err := p.NextPage(ctx)
		must(o, err)
		for _, u := range out.UserDetailList {
			names = append(names, "user "+*u.UserName)
		}
		for _, g := range out.GroupDetailList {
			names = append(names, "group "+*g.GroupName)
		}
		for _, r := range out.RoleDetailList {
			names = append(names, "role "+*r.RoleName)
		}
		for _, m := range out.Policies {
			names = append(names, "policy "+*m.PolicyName)
		}
	}
	return names, pages
}

func TestAccountAuthorizationDetails(t *testing.T) {
	o := open(t)
	mine := *done(o.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("mine"), PolicyDocument: aws.String(reads)}))(o).Policy.Arn
	for _, name := range []string{"b", "A"} {
		done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: &name, PermissionsBoundary: aws.String(admin), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}}))(o)
		done(o.CreateGroup(ctx, &awsiam.CreateGroupInput{GroupName: aws.String("g" + name)}))(o)
		done(o.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("r" + name), AssumeRolePolicyDocument: aws.String(trust)}))(o)
	}
	done(o.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: aws.String("A"), PolicyName: aws.String("own"), PolicyDocument: aws.String(reads)}))(o)
	done(o.AttachUserPolicy(ctx, &awsiam.AttachUserPolicyInput{UserName: aws.String("A"), PolicyArn: &mine}))(o)
	done(o.AddUserToGroup(ctx, &awsiam.AddUserToGroupInput{UserName: aws.String("A"), GroupName: aws.String("gb")}))(o)
	own := []string{"user A", "user b", "group gA", "group gb", "role rA", "role rb", "policy mine"}
	all, _ := o.details(awsiam.GetAccountAuthorizationDetailsInput{})
	if len(all) <= len(own) || !slices.Equal(all[:len(own)], own) || !slices.Contains(all, "policy AdministratorAccess") {
		t.Errorf("%q", all)
	}
	for size := int32(1); size < 9; size++ {
		if paged, _ := o.details(awsiam.GetAccountAuthorizationDetailsInput{MaxItems: &size}); !slices.Equal(paged, all) {
			t.Errorf("%d at a time: %q", size, paged)
		}
	}
	some, _ := o.details(awsiam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{"Role", "LocalManagedPolicy"}, MaxItems: aws.Int32(2)})
	if !slices.Equal(some, []string{"role rA", "role rb", "policy mine"}) {
		t.Errorf("filtered: %q", some)
	}
	out := done(o.GetAccountAuthorizationDetails(ctx, nil))(o)
	u := out.UserDetailList[0]
	text, err := url.QueryUnescape(*u.UserPolicyList[0].PolicyDocument)
	must(t, err)
	if text != reads || *u.UserPolicyList[0].PolicyName != "own" || !slices.Equal(u.GroupList, []string{"gb"}) || *u.AttachedManagedPolicies[0].PolicyArn != mine ||
		*u.PermissionsBoundary.PermissionsBoundaryArn != admin || *u.Tags[0].Value != "red" || *u.Arn != "arn:aws:iam::111122223333:user/A" {
		t.Errorf("%+v", u)
	}
	m := out.Policies[0]
	if *m.AttachmentCount != 1 || len(m.PolicyVersionList) != 1 || !m.PolicyVersionList[0].IsDefaultVersion || !strings.Contains(*m.PolicyVersionList[0].Document, "BatchGetImage") {
		t.Errorf("%+v", m)
	}
}

// TestDetailsAreBounded: a page ends when its documents are large.
func TestDetailsAreBounded(t *testing.T) {
	o := open(t)
	const roles, size = 150, 10_000
	var want []string
	for i := range roles {
		name := fmt.Sprintf("r%03d", i)
		done(o.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trust)}))(o)
		large := strings.Replace(reads, `"*"`, `"arn:aws:ecr:us-east-1:111122223333:repository/`+strings.Repeat("r", size)+`"`, 1)
		done(o.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &large}))(o)
		want = append(want, "role "+name)
	}
	got, pages := o.details(awsiam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{"Role"}, MaxItems: aws.Int32(1000)})
	if !slices.Equal(got, want) || pages != 2 {
		t.Errorf("%d roles on %d pages, want %d on 2", len(got), pages, roles)
	}
}
