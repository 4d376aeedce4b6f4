package iamapi_test

import (
	"errors"
	"strings"
	"testing"

	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// unchecked sends what the SDK would refuse to.
func unchecked(o *awsiam.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		_, err := stack.Initialize.Remove("OperationInputValidation")
		return err
	})
}

// TestTagsAreRequired where the model says so, and may not come twice.
func TestTagsAreRequired(t *testing.T) {
	o := open(t)
	done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("x")}))(o)
	done(o.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: p("x"), AssumeRolePolicyDocument: p(trust)}))(o)
	policy := done(o.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: p("x"), PolicyDocument: p(reads)}))(o).Policy.Arn
	provider := done(o.CreateOpenIDConnectProvider(ctx, &awsiam.CreateOpenIDConnectProviderInput{Url: p("https://token.example.com")}))(o).OpenIDConnectProviderArn
	put := map[string]func(tags []types.Tag) error{
		"user": func(tags []types.Tag) error {
			_, err := o.TagUser(ctx, &awsiam.TagUserInput{UserName: p("x"), Tags: tags}, unchecked)
			return err
		},
		"role": func(tags []types.Tag) error {
			_, err := o.TagRole(ctx, &awsiam.TagRoleInput{RoleName: p("x"), Tags: tags}, unchecked)
			return err
		},
		"policy": func(tags []types.Tag) error {
			_, err := o.TagPolicy(ctx, &awsiam.TagPolicyInput{PolicyArn: policy, Tags: tags}, unchecked)
			return err
		},
		"provider": func(tags []types.Tag) error {
			_, err := o.TagOpenIDConnectProvider(ctx, &awsiam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: provider, Tags: tags}, unchecked)
			return err
		},
	}
	take := map[string]func() error{
		"user": func() error {
			_, err := o.UntagUser(ctx, &awsiam.UntagUserInput{UserName: p("x")}, unchecked)
			return err
		},
		"role": func() error {
			_, err := o.UntagRole(ctx, &awsiam.UntagRoleInput{RoleName: p("x")}, unchecked)
			return err
		},
		"policy": func() error {
			_, err := o.UntagPolicy(ctx, &awsiam.UntagPolicyInput{PolicyArn: policy}, unchecked)
			return err
		},
		"provider": func() error {
			_, err := o.UntagOpenIDConnectProvider(ctx, &awsiam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: provider}, unchecked)
			return err
		},
	}
	for name, tag := range put {
		var api smithy.APIError
		if err := tag(nil); !errors.As(err, &api) || api.ErrorCode() != "ValidationError" || !strings.Contains(err.Error(), "at 'Tags' failed") {
			t.Errorf("%s without tags: %v", name, err)
		}
		if err := take[name](); !errors.As(err, &api) || api.ErrorCode() != "ValidationError" || !strings.Contains(err.Error(), "at 'TagKeys' failed") {
			t.Errorf("%s without keys: %v", name, err)
		}
		want[*types.InvalidInputException](o, tag([]types.Tag{{Key: p("k"), Value: p("1")}, {Key: p("K"), Value: p("2")}}), "InvalidInput")
		must(t, tag([]types.Tag{{Key: p("k"), Value: p("1")}}))
	}
}
