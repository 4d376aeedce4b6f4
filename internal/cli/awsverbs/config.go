package awsverbs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/internal/remote"
)

// Load is the AWS configuration of the environment, for verbs of their own that
// call a service.
func Load(ctx context.Context) (aws.Config, error) { return new(settings).load(ctx, false) }

// load reads the AWS configuration: flags, environment, shared files. Region
// and, unless nothing is to be signed, credentials must be there, so that their
// absence has an error of its own.
func (g *settings) load(ctx context.Context, unsigned bool) (aws.Config, error) {
	cfg, err := remote.LoadConfig(ctx,
		config.WithRegion(g.region),
		config.WithSharedConfigProfile(g.profile),
		config.WithBaseEndpoint(g.endpoint),
		config.WithServiceOptions(keepHost),
	)
	if err != nil {
		return aws.Config{}, err
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New(`You must specify a region: give --region, set AWS_REGION, or run eval "$(sealwright env)"`)
	}
	if unsigned {
		cfg.Credentials = aws.AnonymousCredentials{}
		return cfg, nil
	}
	if cfg.BaseEndpoint != nil && remote.FromInstanceRole(cfg.Credentials) {
		return aws.Config{}, errors.New(noCredentials)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, fmt.Errorf("%s: %w", noCredentials, err)
	}
	return cfg, nil
}

const noCredentials = `Unable to locate credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run eval "$(sealwright env)"`

// keepHost leaves the endpoint's host as it is (GetRevocationStatus would go to
// verification.HOST) where the endpoint is not AWS's own or
// AWS_DISABLE_HOST_PREFIX_INJECTION says so: such names rarely resolve.
func keepHost(_ string, options any) {
	o, ok := options.(*signer.Options)
	if ok && (o.BaseEndpoint != nil || os.Getenv("AWS_DISABLE_HOST_PREFIX_INJECTION") == "true") {
		o.APIOptions = append(o.APIOptions, remote.WithoutHostPrefix)
	}
}
