package signerplugin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/notaryproject/notation-plugin-framework-go/plugin"

	"github.com/sealwright/sealwright/internal/arn"
)

// The protected headers of the service's signatures, and their scheme.
//
// Source: https://docs.aws.amazon.com/signer/latest/developerguide/image-verification.html
const (
	attributeProfileVersion = "com.amazonaws.signer.signingProfileVersion"
	attributeJob            = "com.amazonaws.signer.signingJob"
	schemeSigningAuthority  = "notary.x509.signingAuthority"
)

// VerifySignature checks who signed (TRUSTED_IDENTITY) and whether that still
// counts (REVOCATION_CHECK), as far as the request asks.
func (p *Plugin) VerifySignature(ctx context.Context, req *plugin.VerifySignatureRequest) (*plugin.VerifySignatureResponse, error) {
	if err := checkVerifyRequest(req); err != nil {
		return nil, err
	}
	resp := &plugin.VerifySignatureResponse{
		VerificationResults: make(map[plugin.Capability]*plugin.VerificationResult),
		// Both were looked at even if the revocation check was not asked for:
		// Notation refuses signatures with attributes nobody processed.
		ProcessedAttributes: []any{attributeProfileVersion, attributeJob},
	}
	for _, capability := range req.TrustPolicy.SignatureVerification {
		result, err := p.check(ctx, capability, req)
		if err != nil {
			return nil, err
		}
		resp.VerificationResults[capability] = result
	}
	return resp, nil
}

// check answers for one capability.
func (p *Plugin) check(ctx context.Context, capability plugin.Capability, req *plugin.VerifySignatureRequest) (*plugin.VerificationResult, error) {
	if capability == plugin.CapabilityTrustedIdentityVerifier {
		return trustedIdentity(req)
	}
	return p.revocation(ctx, req)
}

// checkVerifyRequest refuses what the plugin cannot judge.
func checkVerifyRequest(req *plugin.VerifySignatureRequest) error {
	if req == nil {
		return plugin.NewValidationError("the verify-signature request is missing")
	}
	if err := req.Validate(); err != nil {
		return err
	}
	if err := checkContract(req.ContractVersion); err != nil {
		return err
	}
	if slices.Contains(req.TrustPolicy.TrustedIdentities, "*") {
		return plugin.NewValidationError(`the trusted identity "*" is not supported: name the signing profiles that are trusted, as arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME`)
	}
	for _, capability := range req.TrustPolicy.SignatureVerification {
		if capability != plugin.CapabilityTrustedIdentityVerifier && capability != plugin.CapabilityRevocationCheckVerifier {
			return plugin.NewValidationErrorf("%q is not a capability of this plugin", capability)
		}
	}
	critical := req.Signature.CriticalAttributes
	if critical.AuthenticSigningTime == nil || critical.AuthenticSigningTime.IsZero() {
		return plugin.NewValidationError("the signature has no authenticSigningTime")
	}
	if !strings.EqualFold(critical.SigningScheme, schemeSigningAuthority) {
		return plugin.NewUnsupportedError(fmt.Sprintf("the signing scheme %q", critical.SigningScheme))
	}
	return nil
}

// trustedIdentity succeeds if the signature's profile version is one the policy
// names, or a version of a profile the policy names.
func trustedIdentity(req *plugin.VerifySignatureRequest) (*plugin.VerificationResult, error) {
	signedBy, err := attribute(req, attributeProfileVersion)
	if err != nil {
		return nil, err
	}
	hints := ""
	for _, identity := range req.TrustPolicy.TrustedIdentities {
		if matches(identity, signedBy) {
			return &plugin.VerificationResult{
				Success: true,
				Reason:  fmt.Sprintf("Signature publisher matched %q trusted identity.", identity),
			}, nil
		}
		hints += Misspelling(identity)
	}
	return &plugin.VerificationResult{
		Reason: fmt.Sprintf("Signature publisher doesn't match any trusted identities: it is %s, trusted are %s%s",
			signedBy, strings.Join(req.TrustPolicy.TrustedIdentities, ", "), hints),
	}, nil
}

// matches reports whether identity, the ARN of a profile or of one version of
// it, covers the profile version signedBy. Case does not count.
func matches(identity, signedBy string) bool {
	parsed, err := arn.Parse(identity)
	if err != nil {
		return false
	}
	_, version, ok := parsed.AsSigningProfile()
	if !ok {
		return false
	}
	if version == "" {
		profile := strings.LastIndexByte(signedBy, '/')
		return profile >= 0 && strings.EqualFold(signedBy[:profile], identity)
	}
	return strings.EqualFold(signedBy, identity)
}

// attribute reads a protected header that must be there and be text.
func attribute(req *plugin.VerifySignatureRequest, name string) (string, error) {
	value, ok := req.Signature.CriticalAttributes.ExtendedAttributes[name].(string)
	if !ok || value == "" {
		return "", plugin.NewValidationErrorf("the signature has no attribute %q that is a text", name)
	}
	return value, nil
}
