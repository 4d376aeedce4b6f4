// Package iamapi is the surface of access: the AWS Security Token Service.
package iamapi

import (
	"context"
	"time"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// globalRegion is the region that clients of the global services sign for.
const globalRegion = "us-east-1"

// STS is the Security Token Service: who am I.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/
func STS() awshttp.Service {
	return awshttp.Service{
		SigningName:  "sts",
		Protocol:     awshttp.Query,
		Version:      "2011-06-15",
		Namespace:    "https://sts.amazonaws.com/doc/2011-06-15/",
		GlobalRegion: globalRegion,
		Presigned:    15 * time.Minute,
		Validation:   "ValidationError",
		Operations: []awshttp.Operation{
			awshttp.Op("GetCallerIdentity", "sts:GetCallerIdentity", awshttp.AnyResource, getCallerIdentity).AsPermitted(),
			notOffered("AssumeRole"),
			notOffered("AssumeRoleWithSAML").AsPublic(),
			notOffered("AssumeRoleWithWebIdentity").AsPublic(),
			notOffered("AssumeRoot"),
			notOffered("DecodeAuthorizationMessage"),
			notOffered("GetAccessKeyInfo"),
			notOffered("GetDelegatedAccessToken"),
			notOffered("GetFederationToken"),
			notOffered("GetSessionToken"),
			notOffered("GetWebIdentityToken"),
		},
	}
}

// notOffered is a row for an operation of the model that is not performed here.
func notOffered(name string) awshttp.Operation {
	return awshttp.NotOffered(name, "sts:"+name, "Use a long-term access key.")
}

type getCallerIdentityInput struct{}

type getCallerIdentityOutput struct {
	UserID  string `json:"UserId"`
	Account string `json:"Account"`
	ARN     string `json:"Arn"`
}

func getCallerIdentity(_ context.Context, c *awshttp.Call, _ *getCallerIdentityInput) (*getCallerIdentityOutput, error) {
	return &getCallerIdentityOutput{
		UserID:  c.Principal.UserID,
		Account: string(c.Account),
		ARN:     c.Principal.ARN,
	}, nil
}
