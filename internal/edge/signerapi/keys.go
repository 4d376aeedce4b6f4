package signerapi

import (
	"context"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/signing"
)

// versionKey is the condition key of the profile version that a request is about.
//
// Source: https://docs.aws.amazon.com/signer/latest/developerguide/authen-apipermissions.html
const versionKey = "signer:ProfileVersion"

// versionKeys gives versionKey its value; there is none for "".
func versionKeys(version string, err error) ([]access.Key, error) {
	if version == "" || err != nil {
		return nil, err
	}
	return []access.Key{{Name: versionKey, Values: []string{version}}}, nil
}

// decidedVersion is the version that the decision was about; "" if conditions
// were told none.
func decidedVersion(c *awshttp.Call) string {
	for _, k := range c.Context.Keys {
		if k.Name == versionKey {
			return k.Values[0]
		}
	}
	return ""
}

func putProfileKeys(_ context.Context, _ *awshttp.Call, in *putProfileInput) ([]access.Key, error) {
	return access.RequestTags(in.Tags), nil
}

func (a api) getProfileKeys(ctx context.Context, c *awshttp.Call, in *getProfileInput) ([]access.Key, error) {
	return versionKeys(a.signing.VersionShown(ctx, signing.ProfileKey{Account: owner(c, in.Owner), Name: in.Name}, c.Account))
}

func (a api) cancelProfileKeys(ctx context.Context, c *awshttp.Call, in *cancelProfileInput) ([]access.Key, error) {
	return versionKeys(a.signing.VersionShown(ctx, signing.ProfileKey{Account: c.Account, Name: in.Name}, c.Account))
}

func (a api) revokeProfileKeys(_ context.Context, _ *awshttp.Call, in *revokeProfileInput) ([]access.Key, error) {
	return versionKeys(in.Version, nil)
}

func (a api) signPayloadKeys(ctx context.Context, c *awshttp.Call, in *signPayloadInput) ([]access.Key, error) {
	return versionKeys(a.signing.VersionToSign(ctx, signing.ProfileKey{Account: owner(c, in.Owner), Name: in.Profile}, c.Account))
}
