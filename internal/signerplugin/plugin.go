// Package signerplugin is the Notation plugin of the AWS Signer API: contract
// 1.0, capabilities SIGNATURE_GENERATOR.ENVELOPE, SIGNATURE_VERIFIER.TRUSTED_IDENTITY
// and SIGNATURE_VERIFIER.REVOCATION_CHECK. [Plugin] speaks the contract's Go
// form; [Execute] serves it over standard input and output for Notation, and
// [Manager] hands it to notation-go in process.
//
// It stands in for Amazon's plugin of the same name, so it asks the same
// questions, takes the same configuration keys and gives the same error codes.
//
// Source: https://github.com/notaryproject/specifications/blob/main/specs/plugin-extensibility.md
// and https://github.com/aws/aws-signer-notation-plugin
package signerplugin

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/notaryproject/notation-plugin-framework-go/plugin"

	"github.com/sealwright/sealwright/internal/remote"
)

// Name is the plugin's name, which signatures carry.
const Name = "com.amazonaws.signer.notation.plugin"

// URL tells our plugin from others of the same name.
const URL = "https://github.com/sealwright/sealwright"

// Version is that of Amazon's plugin whose behaviour this one has, marked as
// ours. Signatures may ask for a minimum; the mark does not count in that.
const Version = "1.0.350+sealwright"

// The configuration keys, which are those of Amazon's plugin.
const (
	keyRegion   = "aws-region"
	keyProfile  = "aws-profile"
	keyEndpoint = "aws-signer-endpoint-url"
)

// Plugin answers the contract's requests. Its errors are *plugin.Error. It may
// be used by many goroutines.
type Plugin struct{ userAgent string }

// New makes the plugin. userAgent (name/version) goes into requests.
func New(userAgent string) *Plugin { return &Plugin{userAgent: userAgent} }

// GetMetadata says what the plugin is and can do.
func (p *Plugin) GetMetadata(context.Context, *plugin.GetMetadataRequest) (*plugin.GetMetadataResponse, error) {
	return &plugin.GetMetadataResponse{
		Name:                      Name,
		Description:               "AWS Signer API plugin for Notation, by Sealwright",
		Version:                   Version,
		URL:                       URL,
		SupportedContractVersions: []string{plugin.ContractVersion},
		Capabilities: []plugin.Capability{
			plugin.CapabilityEnvelopeGenerator,
			plugin.CapabilityTrustedIdentityVerifier,
			plugin.CapabilityRevocationCheckVerifier,
		},
	}, nil
}

// DescribeKey is not supported: the service never shows a key.
func (p *Plugin) DescribeKey(context.Context, *plugin.DescribeKeyRequest) (*plugin.DescribeKeyResponse, error) {
	return nil, plugin.NewUnsupportedError("DescribeKey operation")
}

// GenerateSignature is not supported: the service makes whole envelopes.
func (p *Plugin) GenerateSignature(context.Context, *plugin.GenerateSignatureRequest) (*plugin.GenerateSignatureResponse, error) {
	return nil, plugin.NewUnsupportedError("GenerateSignature operation")
}

// connect makes a client for one request's configuration.
func (p *Plugin) connect(ctx context.Context, config map[string]string) (*signer.Client, error) {
	client, err := remote.NewSigner(ctx, remote.SignerOptions{
		Region:    config[keyRegion],
		Profile:   config[keyProfile],
		Endpoint:  config[keyEndpoint],
		UserAgent: p.userAgent,
	})
	if err != nil {
		return nil, plugin.NewGenericError(err.Error())
	}
	if client.Options().Region == "" {
		return nil, plugin.NewValidationErrorf("no AWS region is configured: set AWS_REGION or pass --plugin-config %s=REGION", keyRegion)
	}
	return client, nil
}

// checkContract refuses any contract but ours.
func checkContract(version string) error {
	if version != plugin.ContractVersion {
		return plugin.NewUnsupportedContractVersionError(version)
	}
	return nil
}
