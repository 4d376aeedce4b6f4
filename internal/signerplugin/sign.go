package signerplugin

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/notaryproject/notation-plugin-framework-go/plugin"

	"github.com/sealwright/sealwright/internal/arn"
)

// mediaTypeJWS is the only envelope the service makes.
const mediaTypeJWS = "application/jose+json"

// GenerateEnvelope has the service sign the payload under the profile that the
// key ID names.
func (p *Plugin) GenerateEnvelope(ctx context.Context, req *plugin.GenerateEnvelopeRequest) (*plugin.GenerateEnvelopeResponse, error) {
	profile, err := checkSignRequest(req)
	if err != nil {
		return nil, err
	}
	client, err := p.connect(ctx, req.PluginConfig)
	if err != nil {
		return nil, err
	}
	if region := client.Options().Region; profile.Region != region {
		return nil, plugin.NewValidationErrorf("the signing profile %s is in region %s, but the configured region is %s: set AWS_REGION=%s or pass --plugin-config %s=%s",
			profile, profile.Region, region, profile.Region, keyRegion, profile.Region)
	}
	name, _, _ := profile.AsSigningProfile()
	owner := string(profile.Account)
	out, err := client.SignPayload(ctx, &signer.SignPayloadInput{
		Payload:       req.Payload,
		PayloadFormat: &req.PayloadType,
		ProfileName:   &name,
		ProfileOwner:  &owner,
	})
	if err != nil {
		return nil, serviceError(err)
	}
	return &plugin.GenerateEnvelopeResponse{
		SignatureEnvelope:     out.Signature,
		SignatureEnvelopeType: req.SignatureEnvelopeType,
		Annotations:           out.Metadata,
	}, nil
}

// checkSignRequest refuses what the service cannot do, before asking it.
func checkSignRequest(req *plugin.GenerateEnvelopeRequest) (arn.ARN, error) {
	if req == nil {
		return arn.ARN{}, plugin.NewValidationError("the generate-envelope request is missing")
	}
	if err := req.Validate(); err != nil {
		return arn.ARN{}, err
	}
	if err := checkContract(req.ContractVersion); err != nil {
		return arn.ARN{}, err
	}
	if req.ExpiryDurationInSeconds != 0 {
		return arn.ARN{}, plugin.NewValidationError("-e (--expiry) is not supported: a signature's validity is set by its signing profile (--signature-validity-period)")
	}
	if req.SignatureEnvelopeType != mediaTypeJWS {
		return arn.ARN{}, plugin.NewValidationErrorf("envelope type %q is not supported: the service makes %s (--signature-format jws)", req.SignatureEnvelopeType, mediaTypeJWS)
	}
	return parseKeyID(req.KeyID)
}

// parseKeyID reads the ARN of a signing profile, without a version: the service
// signs under the current one.
func parseKeyID(id string) (arn.ARN, error) {
	parsed, err := arn.Parse(id)
	if err != nil {
		return arn.ARN{}, plugin.NewValidationErrorf("%.200q is not the ARN of a signing profile: want arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME", id)
	}
	_, version, ok := parsed.AsSigningProfile()
	switch {
	case ok && version == "" && parsed.Account != "" && parsed.Region != "":
		return parsed, nil
	case ok && version != "":
		return arn.ARN{}, plugin.NewValidationErrorf("%.200q names a version of a signing profile; sign with the profile itself: %s", id, strings.TrimSuffix(id, "/"+version))
	}
	return arn.ARN{}, plugin.NewValidationErrorf("%.200q is not the ARN of a signing profile: want arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME%s", id, Misspelling(id))
}

// Misspelling is a hint, to append to a message, for an ARN that says
// "signing-profile" where "signing-profiles" or its leading slash is meant;
// empty for any other text.
func Misspelling(text string) string {
	head, resource, found := cutResource(text)
	if !found {
		return ""
	}
	name, ok := strings.CutPrefix(strings.TrimPrefix(resource, "/"), "signing-profile")
	if !ok {
		return ""
	}
	meant := head + "/signing-profiles/" + strings.TrimPrefix(strings.TrimPrefix(name, "s"), "/")
	if meant == text {
		return ""
	}
	return " (did you mean " + meant + "?)"
}

// cutResource splits an ARN of the Signer service before its resource.
func cutResource(text string) (head, resource string, found bool) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "signer" {
		return "", "", false
	}
	return strings.TrimSuffix(text, parts[5]), parts[5], true
}
