package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// SignerOptions are what a caller may say about the Signer API beyond the
// environment and the shared AWS configuration, which fill what is empty here.
type SignerOptions struct {
	Region    string // such as us-east-1
	Profile   string // of the shared AWS configuration
	Endpoint  string // URL of the service
	UserAgent string // name/version, added to the SDK's own
}

// imdsEndpoint, when set, says that the instance metadata service is meant to
// be asked for credentials whatever the endpoint.
const imdsEndpoint = "AWS_EC2_METADATA_SERVICE_ENDPOINT"

// errNoCredentials replaces a question to the EC2 metadata service: at an
// endpoint that is not Amazon's, an instance's role is no credential.
var errNoCredentials = errors.New(`no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (eval "$(sealwright env)" does), or name a profile that has them`)

// NewSigner makes a client of the Signer API from the AWS SDK's own
// configuration: environment, shared files, and o above both. At an endpoint
// that was configured, rather than Amazon's own, hosts are not prefixed, so
// that no name but the endpoint's has to resolve.
func NewSigner(ctx context.Context, o SignerOptions) (*signer.Client, error) {
	loaded, err := LoadConfig(ctx, o.load()...)
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	return signer.NewFromConfig(loaded, func(s *signer.Options) {
		if o.Endpoint != "" {
			s.BaseEndpoint = &o.Endpoint
		}
		if s.BaseEndpoint == nil {
			return
		}
		s.APIOptions = append(s.APIOptions, WithoutHostPrefix)
		if FromInstanceRole(s.Credentials) {
			s.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, errNoCredentials
			})
		}
	}), nil
}

// load turns o into options of the SDK's loader.
func (o SignerOptions) load() []func(*config.LoadOptions) error {
	var options []func(*config.LoadOptions) error
	if o.Region != "" {
		options = append(options, config.WithRegion(o.Region))
	}
	if o.Endpoint != "" {
		options = append(options, config.WithBaseEndpoint(o.Endpoint)) // where a token is shown, too
	}
	if o.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(o.Profile))
	}
	if o.UserAgent != "" {
		options = append(options, config.WithAPIOptions([]func(*middleware.Stack) error{
			awsmiddleware.AddUserAgentKey(o.UserAgent),
		}))
	}
	return options
}

// FromInstanceRole is whether credentials would be asked of the EC2 metadata
// service though nobody said so. At an endpoint that is not Amazon's they are
// worth nothing, and off EC2 the question takes seconds.
func FromInstanceRole(credentials aws.CredentialsProvider) bool {
	return aws.IsCredentialsProvider(credentials, (*ec2rolecreds.Provider)(nil)) && os.Getenv(imdsEndpoint) == ""
}

// WithoutHostPrefix, an option of the AWS SDK's clients, stops operations from
// putting "data-" or "verification." before the host.
func WithoutHostPrefix(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("NoHostPrefix",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
		}), middleware.Before)
}

// rootPath is where the service shows its root certificate.
const rootPath = "/sealwright/root.pem"

// maxRoot bounds what is read of a root certificate.
const maxRoot = 64 << 10

// ErrNoEndpoint says that nothing but Amazon's own endpoint is configured.
var ErrNoEndpoint = errors.New(`no service endpoint is configured: set AWS_ENDPOINT_URL (eval "$(sealwright env)" does) or pass --endpoint`)

// Endpoint is the service URL client was configured with.
func Endpoint(client *signer.Client) (*url.URL, error) {
	configured := client.Options().BaseEndpoint
	if configured == nil {
		return nil, ErrNoEndpoint
	}
	endpoint, err := url.Parse(*configured)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" {
		return nil, fmt.Errorf("the endpoint %q is not an http or https URL", *configured)
	}
	return endpoint, nil
}

// FetchRoot reads the root certificate, PEM, that the service behind client
// shows. It does not judge it. An answer from another place than the endpoint
// is refused, since it is only worth what the endpoint's own name is worth.
func FetchRoot(ctx context.Context, client *signer.Client) ([]byte, error) {
	endpoint, err := Endpoint(client)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint.JoinPath(rootPath).String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Options().HTTPClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.Request != nil && (resp.Request.URL.Host != req.URL.Host || resp.Request.URL.Scheme != req.URL.Scheme) {
		return nil, fmt.Errorf("GET %s was redirected to %s: name that endpoint if it is meant", req.URL, resp.Request.URL.Redacted())
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s answered %s: is a sealwright service there?", req.URL, resp.Status)
	}
	return readRoot(req.URL, resp.Body)
}

// readRoot reads body up to the bound.
func readRoot(from *url.URL, body io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(body, maxRoot+1))
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", from, err)
	}
	if len(data) > maxRoot {
		return nil, fmt.Errorf("GET %s answered more than %d bytes, which is no certificate", from, maxRoot)
	}
	return data, nil
}
