package ecrapi

import (
	"context"
	"encoding/base64"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// tokenUser is the user name that goes with a registry password.
const tokenUser = "AWS"

type getAuthorizationTokenInput struct {
	RegistryIDs []arn.AccountID `json:"registryIds" validate:"min=1,max=10" each:"pattern=[0-9]{12}"`
}

type getAuthorizationTokenOutput struct {
	Data []authorizationData `json:"authorizationData"`
}

type authorizationData struct {
	Token     string       `json:"authorizationToken"`
	ExpiresAt awshttp.Time `json:"expiresAt"`
	Endpoint  string       `json:"proxyEndpoint"`
}

// getAuthorizationToken hands out the user name and password of /v2. The
// deprecated registryIds may name the caller's own registry only.
func (s *surface) getAuthorizationToken(ctx context.Context, c *awshttp.Call, in *getAuthorizationTokenInput) (*getAuthorizationTokenOutput, error) {
	for _, id := range in.RegistryIDs {
		if id != c.Account {
			return nil, invalid("registryIds", "must be "+string(c.Account)+", the registry of the caller's account")
		}
	}
	password, expires, err := s.tokens.IssueToken(ctx, c.Principal, c.AccessKeyID)
	if err != nil {
		return nil, err
	}
	token := base64.StdEncoding.EncodeToString([]byte(tokenUser + ":" + password))
	return &getAuthorizationTokenOutput{[]authorizationData{{token, awshttp.Time{Time: expires}, c.PublicURL}}}, nil
}
