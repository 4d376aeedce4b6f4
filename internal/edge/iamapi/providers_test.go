package iamapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const (
	github     = "https://token.actions.githubusercontent.com"
	githubARN  = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
	thumbprint = "6938fd4d98bab03faadb97b34396831e3780aea1"
)

func (o *office) provide(in *awsiam.CreateOpenIDConnectProviderInput) *awsiam.CreateOpenIDConnectProviderOutput {
	o.Helper()
	return done(o.CreateOpenIDConnectProvider(ctx, in))(o)
}

func TestProviders(t *testing.T) {
	o := open(t)
	made := o.provide(&awsiam.CreateOpenIDConnectProviderInput{Url: aws.String(github), ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: []string{thumbprint},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("ci")}}})
	equal(o, *made.OpenIDConnectProviderArn, githubARN)
	arn := made.OpenIDConnectProviderArn
	_, err := o.CreateOpenIDConnectProvider(ctx, &awsiam.CreateOpenIDConnectProviderInput{Url: aws.String(github)})
	want[*types.EntityAlreadyExistsException](o, err, "EntityAlreadyExists")
	slash := o.provide(&awsiam.CreateOpenIDConnectProviderInput{Url: aws.String(github + "/")}) // another issuer
	equal(o, *slash.OpenIDConnectProviderArn, githubARN+"/")

	for _, id := range []string{"two", "two"} {
		done(o.AddClientIDToOpenIDConnectProvider(ctx, &awsiam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: &id}))(o)
	}
	done(o.RemoveClientIDFromOpenIDConnectProvider(ctx, &awsiam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("sts.amazonaws.com")}))(o)
	done(o.UpdateOpenIDConnectProviderThumbprint(ctx, &awsiam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: arn, ThumbprintList: []string{strings.Repeat("a", 40)}}))(o)
	done(o.TagOpenIDConnectProvider(ctx, &awsiam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}))(o)
	done(o.UntagOpenIDConnectProvider(ctx, &awsiam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, TagKeys: []string{"team"}}))(o)
	got := done(o.GetOpenIDConnectProvider(ctx, &awsiam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}))(o)
	equal(o, *got.Url, "token.actions.githubusercontent.com")
	equal(o, fmt.Sprint(got.ClientIDList, got.ThumbprintList, *got.Tags[0].Key, len(got.Tags), got.CreateDate.IsZero()), "[two] ["+strings.Repeat("a", 40)+"]a1 false")
	tags := done(o.ListOpenIDConnectProviderTags(ctx, &awsiam.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: arn}))(o)
	equal(o, len(tags.Tags), 1)
	equal(o, done(o.GetAccountSummary(ctx, nil))(o).SummaryMap["Providers"], 2)

	for range 2 { // again is fine
		done(o.DeleteOpenIDConnectProvider(ctx, &awsiam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}))(o)
	}
	list := done(o.ListOpenIDConnectProviders(ctx, nil))(o)
	equal(o, len(list.OpenIDConnectProviderList), 1)
	equal(o, *list.OpenIDConnectProviderList[0].Arn, githubARN+"/")
	_, err = o.GetOpenIDConnectProvider(ctx, &awsiam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
	want[*types.NoSuchEntityException](o, err, "NoSuchEntity")
	_, err = o.GetOpenIDConnectProvider(ctx, &awsiam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(strings.Replace(githubARN, "1111", "9999", 1) + "/")})
	wantCode(o, err, "AccessDenied")
	_, err = o.GetOpenIDConnectProvider(ctx, &awsiam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String("arn:aws:iam::111122223333:user/alice")})
	want[*types.InvalidInputException](o, err, "InvalidInput")
}

// TestIssuersHaveOneSpelling: what tokens are compared with byte by byte, and what
// becomes part of an ARN, admits no look-alike.
func TestIssuersHaveOneSpelling(t *testing.T) {
	o := open(t)
	for _, url := range []string{
		"http://issuer.example", "issuer.example", "HTTPS://issuer.example", "https://Issuer.example", "https://issuer.example?x=y", "https://issuer.example#x",
		"https://issuer.example/a//b", "https://issuer.example/../b", "https://issuer.example/%41", "https://user@issuer.example", "https://", "https:///x",
		"https://іssuer.example", "https://issuer.example/*", "https://issuer.example/${aws:userid}", "https://issuer.example:", "ftp://issuer.example", "https://issuer.example/a b",
		"https://issuer.example?", "https://issuer.example#",
	} {
		_, err := o.CreateOpenIDConnectProvider(ctx, &awsiam.CreateOpenIDConnectProviderInput{Url: &url})
		if err == nil {
			t.Errorf("%s was accepted", url)
			continue
		}
		want[*types.InvalidInputException](o, err, "InvalidInput")
	}
	for _, url := range []string{"https://issuer.example:8443/a/b", "https://issuer.example", "https://issuer.example/", "https://oidc.eks.us-east-1.amazonaws.com/id/ABCDEF", "http://127.0.0.1:8080"} {
		o.provide(&awsiam.CreateOpenIDConnectProviderInput{Url: &url})
	}
}

func TestProvidersHaveLimits(t *testing.T) {
	o := open(t)
	ids := make([]string, 100)
	for i := range ids {
		ids[i] = fmt.Sprint("client", i)
	}
	arn := o.provide(&awsiam.CreateOpenIDConnectProviderInput{Url: aws.String(github), ClientIDList: ids}).OpenIDConnectProviderArn
	_, err := o.AddClientIDToOpenIDConnectProvider(ctx, &awsiam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("more")})
	want[*types.LimitExceededException](o, err, "LimitExceeded")
	for name, list := range map[string][]string{
		"too many":        {thumbprint, thumbprint, thumbprint, thumbprint, thumbprint, thumbprint},
		"not hexadecimal": {strings.Repeat("g", 40)},
	} {
		_, err = o.UpdateOpenIDConnectProviderThumbprint(ctx, &awsiam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: arn, ThumbprintList: list})
		if err == nil {
			t.Error(name, "is accepted")
			continue
		}
		want[*types.InvalidInputException](o, err, "InvalidInput")
	}
	for i := range 99 {
		o.provide(&awsiam.CreateOpenIDConnectProviderInput{Url: aws.String(fmt.Sprintf("https://issuer%d.example", i))})
	}
	_, err = o.CreateOpenIDConnectProvider(ctx, &awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("https://one.more.example")})
	want[*types.LimitExceededException](o, err, "LimitExceeded")
}

// TestProvidersAreAuthorized: who may act on providers is said by their ARNs and
// tags.
func TestProvidersAreAuthorized(t *testing.T) {
	o := open(t)
	arn := o.provide(&awsiam.CreateOpenIDConnectProviderInput{Url: aws.String(github), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("ci")}}}).OpenIDConnectProviderArn
	other := o.provide(&awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("https://other.example")}).OpenIDConnectProviderArn
	done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: aws.String("alice")}))(o)
	done(o.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: aws.String("alice"), PolicyName: aws.String("p"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetOpenIDConnectProvider","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"ci"}}},
		{"Effect":"Allow","Action":"iam:CreateOpenIDConnectProvider","Resource":"arn:aws:iam::111122223333:oidc-provider/*.example"}]}`)}))(o)
	key := done(o.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: aws.String("alice")}))(o).AccessKey
	alice := o.as(*key.AccessKeyId, *key.SecretAccessKey)
	done(alice.GetOpenIDConnectProvider(ctx, &awsiam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}))(o)
	_, err := alice.GetOpenIDConnectProvider(ctx, &awsiam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: other})
	wantCode(o, err, "AccessDenied")
	_, err = alice.DeleteOpenIDConnectProvider(ctx, &awsiam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
	wantCode(o, err, "AccessDenied")
	done(alice.CreateOpenIDConnectProvider(ctx, &awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("https://a.example")}))(o)
	_, err = alice.CreateOpenIDConnectProvider(ctx, &awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("https://a.test")})
	wantCode(o, err, "AccessDenied")
	_, err = alice.CreateOpenIDConnectProvider(ctx, &awsiam.CreateOpenIDConnectProviderInput{Url: aws.String("https://b.example"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("ci")}}})
	wantCode(o, err, "AccessDenied") // nor may she tag it
}
