package signerapi

import (
	"context"
	"slices"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/signing"
)

// options is EncryptionAlgorithmOptions and HashAlgorithmOptions.
type options struct {
	AllowedValues []string `json:"allowedValues"`
	DefaultValue  string   `json:"defaultValue"`
}

// platform is SigningPlatform and the output of GetSigningPlatform. maxSizeInMB
// is left out: what this platform signs is measured in bytes.
type platform struct {
	ID                  string        `json:"platformId"`
	DisplayName         string        `json:"displayName"`
	Partner             string        `json:"partner"`
	Target              string        `json:"target"`
	Category            string        `json:"category"`
	Configuration       configuration `json:"signingConfiguration"`
	ImageFormat         imageFormat   `json:"signingImageFormat"`
	RevocationSupported bool          `json:"revocationSupported"`
}

type configuration struct {
	Encryption options `json:"encryptionAlgorithmOptions"`
	Hash       options `json:"hashAlgorithmOptions"`
}

type imageFormat struct {
	SupportedFormats []string `json:"supportedFormats"`
	DefaultFormat    string   `json:"defaultFormat"`
}

type getPlatformInput struct {
	ID string `path:"platformId" validate:"required"`
}

func (a api) getPlatform(_ context.Context, _ *awshttp.Call, in *getPlatformInput) (*platform, error) {
	p, err := a.signing.Platform(in.ID)
	if err != nil {
		return nil, err
	}
	out := describePlatform(p)
	return &out, nil
}

func describePlatform(p signing.Platform) platform {
	return platform{
		ID:          p.ID,
		DisplayName: p.DisplayName,
		Partner:     p.Partner,
		Target:      p.Target,
		Category:    p.Category,
		Configuration: configuration{
			Encryption: options{[]string{p.Encryption}, p.Encryption},
			Hash:       options{[]string{p.Hash}, p.Hash},
		},
		ImageFormat:         imageFormat{[]string{p.ImageFormat}, p.ImageFormat},
		RevocationSupported: p.RevocationSupported,
	}
}

type listPlatformsInput struct {
	Category   string `query:"category"`
	Partner    string `query:"partner"`
	Target     string `query:"target"`
	MaxResults *int   `query:"maxResults" validate:"min=1,max=25"`
	NextToken  string `query:"nextToken"`
}

type listPlatformsOutput struct {
	Platforms []platform `json:"platforms"`
	NextToken string     `json:"nextToken,omitempty"`
}

func (a api) listPlatforms(_ context.Context, _ *awshttp.Call, in *listPlatformsInput) (*listPlatformsOutput, error) {
	after, err := openToken("ListSigningPlatforms", in.NextToken)
	if err != nil {
		return nil, err
	}
	found := a.signing.Platforms(in.Category, in.Partner, in.Target)
	found = slices.DeleteFunc(found, func(p signing.Platform) bool { return p.ID <= after })
	out := &listPlatformsOutput{Platforms: []platform{}}
	for _, p := range found[:min(len(found), pageSize(in.MaxResults))] {
		out.Platforms = append(out.Platforms, describePlatform(p))
	}
	if len(out.Platforms) < len(found) {
		out.NextToken = makeToken("ListSigningPlatforms", out.Platforms[len(out.Platforms)-1].ID)
	}
	return out, nil
}
