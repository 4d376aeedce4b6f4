package signerapi

import (
	"cmp"
	"context"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/signing"
)

// validityPeriod is SignatureValidityPeriod.
type validityPeriod struct {
	Value int    `json:"value"`
	Type  string `json:"type" validate:"enum=DAYS|MONTHS|YEARS"`
}

// signingMaterial is SigningMaterial.
type signingMaterial struct {
	CertificateARN string `json:"certificateArn" validate:"required"`
}

// overrides is SigningPlatformOverrides.
type overrides struct {
	SigningConfiguration *configurationOverrides `json:"signingConfiguration"`
	SigningImageFormat   string                  `json:"signingImageFormat" validate:"enum=JSON|JSONEmbedded|JSONDetached"`
}

type configurationOverrides struct {
	EncryptionAlgorithm string `json:"encryptionAlgorithm" validate:"enum=RSA|ECDSA"`
	HashAlgorithm       string `json:"hashAlgorithm" validate:"enum=SHA1|SHA256"`
}

type putProfileInput struct {
	Name       string            `path:"profileName" validate:"required,min=2,max=64,pattern=[a-zA-Z0-9_]{2,}"`
	Material   *signingMaterial  `json:"signingMaterial"`
	Validity   *validityPeriod   `json:"signatureValidityPeriod"`
	Platform   string            `json:"platformId" validate:"required"`
	Overrides  *overrides        `json:"overrides"`
	Parameters map[string]string `json:"signingParameters"`
	Tags       map[string]string `json:"tags" validate:"max=200" key:"min=1,max=128,pattern=[a-zA-Z+-=._:/]+" each:"max=256"`
}

type putProfileOutput struct {
	ARN        string `json:"arn"`
	Version    string `json:"profileVersion"`
	VersionARN string `json:"profileVersionArn"`
}

func (a api) putProfileResource(c *awshttp.Call, in *putProfileInput) string {
	return a.profileARN(c.Account, in.Name)
}

func (a api) profileARN(account arn.AccountID, name string) string {
	return a.signing.ProfileARN(signing.ProfileKey{Account: account, Name: name}).String()
}

func (a api) putProfile(ctx context.Context, c *awshttp.Call, in *putProfileInput) (*putProfileOutput, error) {
	if err := in.checkPlatformOptions(); err != nil {
		return nil, err
	}
	spec := signing.ProfileSpec{
		ProfileKey: signing.ProfileKey{Account: c.Account, Name: in.Name},
		Platform:   in.Platform,
		Parameters: in.Parameters,
		Tags:       in.Tags,
	}
	if in.Validity != nil {
		spec.Validity = signing.ValidityPeriod{Value: in.Validity.Value, Unit: signing.ValidityUnit(in.Validity.Type)}
		if spec.Validity == (signing.ValidityPeriod{}) {
			return nil, invalid("signatureValidityPeriod needs a value and a type; leave it out for 135 MONTHS")
		}
	}
	p, err := a.signing.PutProfile(ctx, spec)
	if err != nil {
		return nil, err
	}
	return &putProfileOutput{p.ProfileARN().String(), p.Version, p.VersionARN().String()}, nil
}

// checkPlatformOptions refuses what belongs to platforms that sign objects in
// S3 with a certificate of the user's.
func (in *putProfileInput) checkPlatformOptions() error {
	if in.Material != nil {
		return invalid("signingMaterial is not supported for platform " + signing.NotationPlatform + ": it signs with this service's own certificates")
	}
	if in.Overrides != nil && *in.Overrides != (overrides{}) {
		return invalid("overrides are not supported for platform " + signing.NotationPlatform + ": its algorithms and format are fixed")
	}
	return nil
}

type getProfileInput struct {
	Name  string `path:"profileName" validate:"required,min=2,max=64,pattern=[a-zA-Z0-9_]{2,}"`
	Owner string `query:"profileOwner" validate:"min=12,max=12,pattern=[0-9]{12}"`
}

// profileRevocation is SigningProfileRevocationRecord.
type profileRevocation struct {
	EffectiveFrom *awshttp.Time `json:"revocationEffectiveFrom,omitempty"`
	RevokedAt     *awshttp.Time `json:"revokedAt,omitempty"`
	RevokedBy     string        `json:"revokedBy,omitempty"`
}

// profileSummary is SigningProfile, as lists have it.
type profileSummary struct {
	Name            string            `json:"profileName"`
	Version         string            `json:"profileVersion"`
	VersionARN      string            `json:"profileVersionArn"`
	Validity        validityPeriod    `json:"signatureValidityPeriod"`
	Platform        string            `json:"platformId"`
	PlatformDisplay string            `json:"platformDisplayName"`
	Parameters      map[string]string `json:"signingParameters,omitempty"`
	Status          string            `json:"status"`
	ARN             string            `json:"arn"`
	Tags            map[string]string `json:"tags"`
}

type getProfileOutput struct {
	Name            string             `json:"profileName"`
	Version         string             `json:"profileVersion"`
	VersionARN      string             `json:"profileVersionArn"`
	Revocation      *profileRevocation `json:"revocationRecord,omitempty"`
	Platform        string             `json:"platformId"`
	PlatformDisplay string             `json:"platformDisplayName"`
	Validity        validityPeriod     `json:"signatureValidityPeriod"`
	Parameters      map[string]string  `json:"signingParameters,omitempty"`
	Status          string             `json:"status"`
	StatusReason    string             `json:"statusReason,omitempty"`
	ARN             string             `json:"arn"`
	Tags            map[string]string  `json:"tags"`
}

func (a api) getProfileResource(c *awshttp.Call, in *getProfileInput) string {
	return a.profileARN(owner(c, in.Owner), in.Name)
}

// owner is the account that was named, or the caller's.
func owner(c *awshttp.Call, named string) arn.AccountID {
	return cmp.Or(arn.AccountID(named), c.Account)
}

func (a api) getProfile(ctx context.Context, c *awshttp.Call, in *getProfileInput) (*getProfileOutput, error) {
	p, err := a.signing.Profile(ctx, signing.ProfileKey{Account: owner(c, in.Owner), Name: in.Name})
	if err != nil {
		return nil, err
	}
	s := a.summarize(p)
	out := &getProfileOutput{
		Name: s.Name, Version: s.Version, VersionARN: s.VersionARN, Platform: s.Platform, PlatformDisplay: s.PlatformDisplay,
		Validity: s.Validity, Parameters: s.Parameters, Status: s.Status, StatusReason: p.StatusReason, ARN: s.ARN, Tags: s.Tags,
	}
	if r := p.Revocation; r != nil {
		out.Revocation = &profileRevocation{awshttp.Stamp(r.EffectiveFrom), awshttp.Stamp(r.RevokedAt), r.RevokedBy}
	}
	return out, nil
}

func (a api) summarize(p signing.Profile) profileSummary {
	return profileSummary{
		Name:            p.Name,
		Version:         p.Version,
		VersionARN:      p.VersionARN().String(),
		Validity:        validityPeriod{p.Validity.Value, string(p.Validity.Unit)},
		Platform:        p.Platform,
		PlatformDisplay: a.displayName(p.Platform),
		Parameters:      p.Parameters,
		Status:          string(p.Status),
		ARN:             p.ProfileARN().String(),
		Tags:            p.Tags,
	}
}

// displayName is a platform's, or "" for one that is served no more.
func (a api) displayName(platform string) string {
	p, err := a.signing.Platform(platform)
	if err != nil {
		return ""
	}
	return p.DisplayName
}

type cancelProfileInput struct {
	Name string `path:"profileName" validate:"required,min=2,max=64,pattern=[a-zA-Z0-9_]{2,}"`
}

// none is the output of operations that answer with an empty object.
type none struct{}

func (a api) cancelProfileResource(c *awshttp.Call, in *cancelProfileInput) string {
	return a.profileARN(c.Account, in.Name)
}

func (a api) cancelProfile(ctx context.Context, c *awshttp.Call, in *cancelProfileInput) (*none, error) {
	return &none{}, a.signing.CancelProfile(ctx, signing.ProfileKey{Account: c.Account, Name: in.Name})
}

type revokeProfileInput struct {
	Name          string        `path:"profileName" validate:"required,min=2,max=64,pattern=[a-zA-Z0-9_]{2,}"`
	Version       string        `json:"profileVersion" validate:"required,min=10,max=10,pattern=[a-zA-Z0-9]{10}"`
	Reason        string        `json:"reason" validate:"required,min=1,max=500"`
	EffectiveTime *awshttp.Time `json:"effectiveTime" validate:"required"`
}

func (a api) revokeProfileResource(c *awshttp.Call, in *revokeProfileInput) string {
	return a.profileARN(c.Account, in.Name)
}

func (a api) revokeProfile(ctx context.Context, c *awshttp.Call, in *revokeProfileInput) (*none, error) {
	return &none{}, a.signing.RevokeProfile(ctx, signing.RevokeProfileRequest{
		Caller:        caller(c),
		Profile:       signing.ProfileKey{Account: c.Account, Name: in.Name},
		Version:       in.Version,
		Reason:        in.Reason,
		EffectiveTime: in.EffectiveTime.Time,
	})
}
