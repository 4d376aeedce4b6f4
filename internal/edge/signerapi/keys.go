package signerapi

import (
	"context"
	"errors"

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

func addPermissionKeys(_ context.Context, _ *awshttp.Call, in *addPermissionInput) ([]access.Key, error) {
	return versionKeys(in.Version, nil)
}

// removePermissionKeys is the version that the permission is for.
func (a api) removePermissionKeys(ctx context.Context, c *awshttp.Call, in *removePermissionInput) ([]access.Key, error) {
	all, err := a.signing.Permissions(ctx, signing.ProfileKey{Account: c.Account, Name: in.Name})
	if errors.Is(err, signing.ErrProfileNotFound) {
		return nil, nil
	}
	for _, p := range all.Statements {
		if p.StatementID == in.Statement {
			return versionKeys(p.Version, err)
		}
	}
	return nil, err
}

// revokeSignatureKeys is the version that a job of the caller's account was under;
// another account's jobs are told to nobody before the decision.
func (a api) revokeSignatureKeys(ctx context.Context, c *awshttp.Call, in *revokeSignatureInput) ([]access.Key, error) {
	if owner(c, in.Owner) != c.Account {
		return nil, nil
	}
	j, err := a.signing.Job(ctx, signing.JobKey{Account: c.Account, ID: in.ID})
	if errors.Is(err, signing.ErrJobNotFound) {
		return nil, nil
	}
	return versionKeys(j.ProfileVersion, err)
}
