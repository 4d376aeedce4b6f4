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
// deprecated registryIds have the answer name these registries, whether they are
// there or not: a token is the caller's, and opens what policies say, in any of
// them. Clients that insist on hosts of AWS's shape send it.
func (s *surface) getAuthorizationToken(ctx context.Context, c *awshttp.Call, in *getAuthorizationTokenInput) (*getAuthorizationTokenOutput, error) {
	password, expires, err := s.tokens.IssueToken(ctx, c.Principal, c.AccessKeyID)
	if err != nil {
		return nil, err
	}
	data := authorizationData{
		Token:     base64.StdEncoding.EncodeToString([]byte(tokenUser + ":" + password)),
		ExpiresAt: awshttp.Time{Time: expires},
		Endpoint:  s.url(c, c.Account, false),
	}
	if len(in.RegistryIDs) == 0 {
		return &getAuthorizationTokenOutput{[]authorizationData{data}}, nil
	}
	out := &getAuthorizationTokenOutput{}
	for _, id := range in.RegistryIDs {
		data.Endpoint = s.url(c, id, true)
		out.Data = append(out.Data, data)
	}
	return out, nil
}
