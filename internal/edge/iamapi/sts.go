// Package iamapi is the surface of access: AWS Identity and Access Management, and
// the AWS Security Token Service.
package iamapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/policy"
	"github.com/sealwright/sealwright/internal/webidentity"
)

// globalRegion is the region that clients of the global services sign for.
const globalRegion = "us-east-1"

// sts is the receiver of the handlers.
type sts struct{ access *access.Service }

// STS is the Security Token Service: who am I, and sessions.
//
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/
func STS(a *access.Service) awshttp.Service {
	s := &sts{a}
	return awshttp.Service{
		SigningName:  "sts",
		Protocol:     awshttp.Query,
		Version:      "2011-06-15",
		Namespace:    "https://sts.amazonaws.com/doc/2011-06-15/",
		GlobalRegion: globalRegion,
		Presigned:    15 * time.Minute,
		Validation:   "ValidationError",
		Translate:    translateSTS,
		Operations: []awshttp.Operation{
			awshttp.Op("GetCallerIdentity", "sts:GetCallerIdentity", awshttp.AnyResource, getCallerIdentity).AsPermitted(),
			// Whether a role may be assumed is for its trust policy to say, which the
			// domain asks.
			awshttp.Op("AssumeRole", "sts:AssumeRole", awshttp.AnyResource, s.assumeRole).AsPermitted(),
			awshttp.Op("GetSessionToken", "sts:GetSessionToken", awshttp.AnyResource, s.getSessionToken).AsPermitted(),
			awshttp.Op("GetAccessKeyInfo", "sts:GetAccessKeyInfo", awshttp.AnyResource, s.getAccessKeyInfo),
			notOffered("AssumeRoleWithSAML").AsPublic(),
			// The token is the credential.
			awshttp.Op("AssumeRoleWithWebIdentity", "sts:AssumeRoleWithWebIdentity", awshttp.AnyResource, s.assumeRoleWithWebIdentity).AsPublic(),
			notOffered("AssumeRoot"),
			notOffered("DecodeAuthorizationMessage"),
			notOffered("GetDelegatedAccessToken"),
			notOffered("GetFederationToken"),
			notOffered("GetWebIdentityToken"),
		},
	}
}

// notOffered is a row for an operation of the model that is not performed here.
func notOffered(name string) awshttp.Operation {
	return awshttp.NotOffered(name, "sts:"+name, "Use a long-term access key, AssumeRole, or AssumeRoleWithWebIdentity.")
}

// translateSTS is the table from the domain's errors to STS's.
func translateSTS(err error) awshttp.Error {
	switch {
	case errors.Is(err, access.ErrNotAssumed):
		return awshttp.Error{Code: "AccessDenied", Status: http.StatusForbidden}
	case errors.Is(err, access.ErrPackedPolicyTooLarge):
		return awshttp.Error{Code: "PackedPolicyTooLarge", Status: http.StatusBadRequest}
	case errors.Is(err, access.ErrSessionTag):
		return awshttp.Error{Code: "InvalidParameterValue", Status: http.StatusBadRequest}
	case errors.Is(err, webidentity.ErrInvalid):
		return awshttp.Error{Code: "InvalidIdentityToken", Status: http.StatusBadRequest}
	case errors.Is(err, webidentity.ErrExpired):
		return awshttp.Error{Code: "ExpiredTokenException", Status: http.StatusBadRequest}
	case errors.Is(err, webidentity.ErrRejected):
		return awshttp.Error{Code: "IDPRejectedClaim", Status: http.StatusForbidden}
	case errors.Is(err, webidentity.ErrUnreachable):
		return awshttp.Error{Code: "IDPCommunicationError", Status: http.StatusBadRequest}
	case errors.Is(err, policy.ErrMalformed), errors.Is(err, access.ErrNoPolicy):
		return awshttp.Error{Code: "MalformedPolicyDocument", Status: http.StatusBadRequest}
	}
	return awshttp.Error{}
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

type temporary struct {
	ID      string       `json:"AccessKeyId"`
	Secret  string       `json:"SecretAccessKey"`
	Token   string       `json:"SessionToken"`
	Expires awshttp.Time `json:"Expiration"`
}

func showCredentials(c access.TemporaryCredentials) temporary {
	return temporary{c.AccessKeyID, c.Secret, c.SessionToken, awshttp.Time{Time: c.Expires}}
}

// roleSession is what the operations that begin a session of a role have in common.
type roleSession struct {
	Role     string `json:"RoleArn" validate:"required,min=20,max=2048"`
	Name     string `json:"RoleSessionName" validate:"required,min=2,max=64,pattern=[\\w+=,.@-]*"`
	Policies []struct {
		ARN string `json:"arn" validate:"required,min=20,max=2048"`
	} `json:"PolicyArns" validate:"max=10"`
	Policy   *string `json:"Policy" validate:"min=1,max=2048"`
	Duration *int    `json:"DurationSeconds" validate:"min=900,max=43200"`
}

// limits are the managed policies and the length that a session is to have.
func (in *roleSession) limits() (policies []string, d time.Duration) {
	for _, p := range in.Policies {
		policies = append(policies, p.ARN)
	}
	if in.Duration != nil {
		d = time.Duration(*in.Duration) * time.Second
	}
	return policies, d
}

type assumeRole struct {
	roleSession
	Tags           []tag    `json:"Tags" validate:"max=50"`
	Transitive     []string `json:"TransitiveTagKeys" validate:"max=50" each:"min=1,max=128"`
	ExternalID     *string  `json:"ExternalId" validate:"min=2,max=1224,pattern=[\\w+=,.@:\\/-]*"`
	SerialNumber   *string  `json:"SerialNumber" validate:"min=9,max=256"`
	TokenCode      *string  `json:"TokenCode" validate:"min=6,max=6"`
	SourceIdentity *string  `json:"SourceIdentity" validate:"min=2,max=64,pattern=[\\w+=,.@-]*"`
	Contexts       []struct {
		Provider  *string `json:"ProviderArn" validate:"min=20,max=2048"`
		Assertion *string `json:"ContextAssertion" validate:"min=4,max=2048"`
	} `json:"ProvidedContexts" validate:"min=1,max=5"`
}

// session is what the input asks for.
func (in *assumeRole) session() access.NewSession {
	n := access.NewSession{RoleARN: in.Role, Name: in.Name, Policy: textOf(in.Policy), Tags: tags{in.Tags}.given(), Transitive: in.Transitive,
		ExternalID: textOf(in.ExternalID), SourceIdentity: textOf(in.SourceIdentity)}
	n.PolicyARNs, n.Duration = in.limits()
	return n
}

type assumedRoleUser struct {
	ID  string `json:"AssumedRoleId"`
	ARN string `json:"Arn"`
}

type assumeRoleOutput struct {
	Credentials    temporary       `json:"Credentials"`
	User           assumedRoleUser `json:"AssumedRoleUser"`
	Packed         *int            `json:"PackedPolicySize,omitempty"`
	SourceIdentity *string         `json:"SourceIdentity,omitempty"`
}

// showPacked shows a share that is known.
func showPacked(percent int) *int {
	if percent == 0 {
		return nil
	}
	return &percent
}

func (s *sts) assumeRole(ctx context.Context, c *awshttp.Call, in *assumeRole) (*assumeRoleOutput, error) {
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, errNoMFA
	}
	if in.Contexts != nil {
		return nil, errNoContexts
	}
	if (tags{in.Tags}).repeat() {
		return nil, fault.Becausef(access.ErrSessionTag, tagsRepeat)
	}
	a, err := s.access.AssumeRole(ctx, c.Principal, c.Context, in.session())
	return &assumeRoleOutput{showCredentials(a.TemporaryCredentials), assumedRoleUser{a.UserID, a.ARN}, showPacked(a.Packed), orNil(a.SourceIdentity)}, err
}

// errNoMFA refuses codes that nothing here could check.
var errNoMFA = fault.New(fault.Invalid, "There are no MFA devices here: leave SerialNumber and TokenCode out.")

// errNoContexts refuses assertions of who stands behind the caller: AWS has them
// from IAM Identity Center.
var errNoContexts = fault.New(fault.Invalid, "There are no providers of contexts here, such as IAM Identity Center: leave ProvidedContexts out.")

type getSessionToken struct {
	Duration     *int    `json:"DurationSeconds" validate:"min=900,max=129600"`
	SerialNumber *string `json:"SerialNumber" validate:"min=9,max=256"`
	TokenCode    *string `json:"TokenCode" validate:"min=6,max=6"`
}

type getSessionTokenOutput struct {
	Credentials temporary `json:"Credentials"`
}

func (s *sts) getSessionToken(ctx context.Context, c *awshttp.Call, in *getSessionToken) (*getSessionTokenOutput, error) {
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, errNoMFA
	}
	var d time.Duration
	if in.Duration != nil {
		d = time.Duration(*in.Duration) * time.Second
	}
	t, err := s.access.SessionToken(ctx, c.Principal, d)
	return &getSessionTokenOutput{showCredentials(t)}, err
}

type getAccessKeyInfo struct {
	ID string `json:"AccessKeyId" validate:"required,min=16,max=128,pattern=\\w*"`
}

type getAccessKeyInfoOutput struct {
	Account string `json:"Account"`
}

// getAccessKeyInfo tells whose a key of the caller's own account is. AWS tells it
// of any account's.
func (s *sts) getAccessKeyInfo(ctx context.Context, c *awshttp.Call, in *getAccessKeyInfo) (*getAccessKeyInfoOutput, error) {
	_, err := s.access.KeyOwner(ctx, c.Account, in.ID)
	if errors.Is(err, access.ErrNoAccessKey) {
		err = fault.Errorf(fault.Invalid, "%.128s is not an access key of a user of this account", in.ID)
	}
	return &getAccessKeyInfoOutput{string(c.Account)}, err
}
