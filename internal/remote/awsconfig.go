package remote

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// LoadConfig is the AWS SDK's LoadDefaultConfig, but for the credentials that STS
// gives for a token (AWS_WEB_IDENTITY_TOKEN_FILE) or to a profile with a role_arn.
// The SDK asks Amazon for those whatever AWS_ENDPOINT_URL says, since it makes
// that client before it knows the endpoint (config.defaultAWSConfigResolvers:
// resolveCredentials comes before resolveBaseEndpoint). A token for this service
// is not to go there, nor a signature by a key of it.
func LoadConfig(ctx context.Context, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	late := &lateSTS{}
	loaded, err := config.LoadDefaultConfig(ctx, append(options,
		config.WithWebIdentityRoleCredentialOptions(func(o *stscreds.WebIdentityRoleOptions) { o.Client = late }),
		config.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) { o.Client = lateRole{o.Client, late} }))...)
	late.config = loaded
	return loaded, err
}

// lateSTS is an STS client of a configuration that is known when it is used.
type lateSTS struct{ config aws.Config }

// AssumeRoleWithWebIdentity implements [stscreds.AssumeRoleWithWebIdentityAPIClient].
func (l *lateSTS) AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput, options ...func(*sts.Options)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	return sts.NewFromConfig(l.config).AssumeRoleWithWebIdentity(ctx, in, options...)
}

// at leads a client that found no endpoint of its own to the configuration's.
func (l *lateSTS) at(o *sts.Options) {
	if o.BaseEndpoint == nil {
		o.BaseEndpoint = l.config.BaseEndpoint
	}
}

// lateRole is the SDK's client with a role's source credentials, at an endpoint
// that is known when it is used.
type lateRole struct {
	stscreds.AssumeRoleAPIClient
	late *lateSTS
}

// AssumeRole implements [stscreds.AssumeRoleAPIClient].
func (l lateRole) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, options ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	return l.AssumeRoleAPIClient.AssumeRole(ctx, in, append(options, l.late.at)...)
}
