package iamapi

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/policy"
)

// iam is the receiver of the handlers.
type iam struct{ access *access.Service }

// IAM is Identity and Access Management: users, groups, roles, their policies and
// access keys.
//
// Source: https://docs.aws.amazon.com/IAM/latest/APIReference/
func IAM(a *access.Service) awshttp.Service {
	s := &iam{a}
	return awshttp.Service{
		SigningName:  "iam",
		Protocol:     awshttp.Query,
		Version:      "2010-05-08",
		Namespace:    "https://iam.amazonaws.com/doc/2010-05-08/",
		GlobalRegion: globalRegion,
		Validation:   "ValidationError",
		Translate:    translate,
		Operations:   slices.Concat(s.identityRows(), s.policyRows(), s.attachmentRows(), s.keyRows(), s.providerRows(), s.accountRows(), notOfferedIAM()),
	}
}

// codes are IAM's names for the domain's errors. An error that is not here is
// named by its kind.
var codes = []struct {
	err    error
	code   string
	status int
}{
	{access.ErrNoIdentity, "NoSuchEntity", http.StatusNotFound},
	{access.ErrNoPolicy, "NoSuchEntity", http.StatusNotFound},
	{access.ErrNoAccessKey, "NoSuchEntity", http.StatusNotFound},
	{access.ErrNoProvider, "NoSuchEntity", http.StatusNotFound},
	{access.ErrProviderExists, "EntityAlreadyExists", http.StatusConflict},
	{access.ErrBadProvider, "InvalidInput", http.StatusBadRequest},
	{access.ErrIdentityExists, "EntityAlreadyExists", http.StatusConflict},
	{access.ErrPolicyExists, "EntityAlreadyExists", http.StatusConflict},
	{access.ErrNoReport, "ReportNotPresent", http.StatusGone},
	{access.ErrReportExpired, "ReportExpired", http.StatusGone},
	{access.ErrInUse, "DeleteConflict", http.StatusConflict},
	{access.ErrTooMany, "LimitExceeded", http.StatusConflict},
	{access.ErrUnmodifiable, "InvalidInput", http.StatusBadRequest},
	{policy.ErrMalformed, "MalformedPolicyDocument", http.StatusBadRequest},
}

// translate is the table from the domain's errors to IAM's.
func translate(err error) awshttp.Error {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return awshttp.Error{Code: c.code, Status: c.status}
		}
	}
	if k := fault.KindOf(err); k == fault.Internal || k == fault.Unavailable {
		return awshttp.Error{Code: "ServiceFailure", Status: http.StatusInternalServerError}
	}
	return awshttp.Error{}
}

// invalidInput is IAM's error for a parameter that is well-formed and wrong.
func invalidInput(message string) error {
	return awshttp.Error{Code: "InvalidInput", Status: http.StatusBadRequest, Message: message}
}

// none is the answer of operations that only do something.
type none struct{}

// row makes the row of an operation on what its input names.
func row[In, Out any, P interface {
	*In
	target
}](s *iam, name string, handle func(ctx context.Context, c *awshttp.Call, in *In) (*Out, error)) awshttp.Operation {
	o := awshttp.Op(name, "iam:"+name, func(c *awshttp.Call, in *In) string { return P(in).asked(c) }, handle)
	o = awshttp.Finding(o, func(ctx context.Context, c *awshttp.Call, in *In) (string, error) { return s.find(ctx, c, P(in)) })
	o = awshttp.WithKeys(o, func(ctx context.Context, c *awshttp.Call, in *In) ([]access.Key, error) { return s.keys(ctx, c, P(in)) })
	return awshttp.AlsoFinding(o, func(ctx context.Context, c *awshttp.Call, in *In) ([]awshttp.Need, error) {
		return s.needs(ctx, c, name, P(in))
	})
}

// act makes the row of an operation that answers nothing.
func act[In any, P interface {
	*In
	target
}](s *iam, name string, do func(ctx context.Context, c *awshttp.Call, in *In) error) awshttp.Operation {
	return row[In, none, P](s, name, func(ctx context.Context, c *awshttp.Call, in *In) (*none, error) { return &none{}, do(ctx, c, in) })
}
