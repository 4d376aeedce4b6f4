package awsverbs

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// load reads the AWS configuration: flags, environment, shared files. That
// credentials are to be had is checked here, so that their absence has an error
// of its own; the instance metadata service is asked only where nothing else
// has any.
func (g *settings) load(ctx context.Context) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(g.region),
		config.WithSharedConfigProfile(g.profile),
		config.WithBaseEndpoint(g.endpoint),
		config.WithServiceOptions(keepHost),
	)
	if err != nil {
		return aws.Config{}, err
	}
	if cfg.Region == "" {
		return aws.Config{}, fmt.Errorf(`You must specify a region: give --region, set AWS_REGION, or run eval "$(sealwright env)"`)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, fmt.Errorf(`Unable to locate credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run eval "$(sealwright env)": %w`, err)
	}
	return cfg, nil
}

// keepHost stops Signer's client from putting a prefix before the endpoint's
// host (GetRevocationStatus goes to verification.HOST), where the endpoint is
// not AWS's own or AWS_DISABLE_HOST_PREFIX_INJECTION says so: such names rarely
// resolve.
func keepHost(_ string, options any) {
	o, ok := options.(*signer.Options)
	if !ok || o.BaseEndpoint == nil && os.Getenv("AWS_DISABLE_HOST_PREFIX_INJECTION") != "true" {
		return
	}
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(withoutPrefix, middleware.Before)
	})
}

var withoutPrefix = middleware.InitializeMiddlewareFunc("KeepHost",
	func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
	})
