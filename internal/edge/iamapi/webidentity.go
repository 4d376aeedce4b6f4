package iamapi

import (
	"context"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/fault"
)

type assumeRoleWithWebIdentity struct {
	roleSession
	Token    string  `json:"WebIdentityToken" validate:"required"` // its size is checked where no error shows it
	Provider *string `json:"ProviderId" validate:"min=4,max=2048"`
}

type assumeRoleWithWebIdentityOutput struct {
	Credentials    temporary       `json:"Credentials"`
	Subject        string          `json:"SubjectFromWebIdentityToken"`
	User           assumedRoleUser `json:"AssumedRoleUser"`
	Packed         *int            `json:"PackedPolicySize,omitempty"`
	Provider       string          `json:"Provider"`
	Audience       string          `json:"Audience"`
	SourceIdentity *string         `json:"SourceIdentity,omitempty"`
}

// errNoOAuth refuses the providers of OAuth access tokens, which AWS knows two of.
var errNoOAuth = fault.New(fault.Invalid, "ProviderId is for OAuth 2.0 access tokens, which are not supported here: pass an OpenID Connect token, and leave ProviderId out.")

func (s *sts) assumeRoleWithWebIdentity(ctx context.Context, c *awshttp.Call, in *assumeRoleWithWebIdentity) (*assumeRoleWithWebIdentityOutput, error) {
	if in.Provider != nil {
		return nil, errNoOAuth
	}
	n := access.NewSession{RoleARN: in.Role, Name: in.Name, Policy: textOf(in.Policy)}
	n.PolicyARNs, n.Duration = in.limits()
	w, err := s.access.AssumeRoleWithWebIdentity(ctx, c.Context, n, in.Token)
	return &assumeRoleWithWebIdentityOutput{showCredentials(w.TemporaryCredentials), w.Subject, assumedRoleUser{w.UserID, w.ARN},
		showPacked(w.Packed), w.Issuer, w.Audience, orNil(w.SourceIdentity)}, err
}
