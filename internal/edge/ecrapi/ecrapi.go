// Package ecrapi is the Amazon ECR surface of the registry: repositories,
// images and referrers as the aws program and the SDKs speak of them.
//
// All operations of the service's model are in the table. Those that are not
// offered say so, and what to do instead. Where this surface departs from the
// service stands in docs/divergences/ecr.md.
//
// Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/
package ecrapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/registry"
)

// TokenIssuer makes the passwords that GetAuthorizationToken hands out.
// access.Service is one.
type TokenIssuer interface {
	// IssueToken makes a registry password for a principal that has authenticated
	// with the access key, and says when it ends.
	IssueToken(ctx context.Context, p access.Principal, accessKeyID string) (password string, expires time.Time, err error)
	// IssueTicket makes what may stand in a URL for such a password, to open one
	// thing for a while.
	IssueTicket(ctx context.Context, p access.Principal, accessKeyID, what string) (ticket string, err error)
}

// Options is what the surface stands on. Registry, Tokens and Judge are required.
type Options struct {
	Registry *registry.Service
	Tokens   TokenIssuer
	Judge    PolicyJudge
	// RegistryURL is scheme://host of an account's registry for the sender of c;
	// named means that the request names the registry. nil means c.PublicURL.
	RegistryURL func(c *awshttp.Call, account arn.AccountID, named bool) string
}

// surface is the handlers' receiver.
type surface struct {
	registry *registry.Service
	tokens   TokenIssuer
	judge    PolicyJudge
	url      func(c *awshttp.Call, account arn.AccountID, named bool) string
}

// maxBody bounds a request: 100 names of 256 characters, each of which JSON may
// escape, fit several times over.
const maxBody = 1 << 20

// Service returns the surface for [awshttp.New].
func Service(o Options) awshttp.Service {
	if o.RegistryURL == nil {
		o.RegistryURL = func(c *awshttp.Call, _ arn.AccountID, _ bool) string { return c.PublicURL() }
	}
	s := &surface{o.Registry, o.Tokens, o.Judge, o.RegistryURL}
	return awshttp.Service{
		SigningName:       "ecr",
		Protocol:          awshttp.JSON11,
		TargetPrefix:      "AmazonEC2ContainerRegistry_V20150921",
		Operations:        append(s.operations(), notOffered()...),
		Translate:         translate,
		Validation:        invalidParameter,
		ValidationMessage: validationMessage,
		MaxBody:           maxBody,
	}
}

const invalidParameter = "InvalidParameterException"

// codes are ECR's names for the domain's errors; all of them are answered with
// status 400. An error that is not here is named by its kind.
var codes = []struct {
	err  error
	code string
}{
	{registry.ErrRepositoryNotFound, "RepositoryNotFoundException"},
	{registry.ErrRepositoryExists, "RepositoryAlreadyExistsException"},
	{registry.ErrRepositoryNotEmpty, "RepositoryNotEmptyException"},
	{registry.ErrManifestNotFound, "ImageNotFoundException"},
	{registry.ErrTooManyImages, "LimitExceededException"},
	{registry.ErrTooManyImageTags, "LimitExceededException"},
	{registry.ErrNoRepositoryPolicy, "RepositoryPolicyNotFoundException"},
	{registry.ErrNoRegistryPolicy, "RegistryPolicyNotFoundException"},
	{registry.ErrChildNotFound, "ReferencedImagesNotFoundException"},
	{registry.ErrManifestBlob, "LayersNotFoundException"},
	{registry.ErrUploadNotFound, "UploadNotFoundException"},
	{registry.ErrUploadBusy, invalidParameter},
	{registry.ErrUploadTooLarge, "LimitExceededException"},
	{registry.ErrResourceTag, "InvalidTagParameterException"},
	{registry.ErrTooManyTags, "TooManyTagsException"},
}

// translate is the table from the domain's errors to ECR's.
func translate(err error) awshttp.Error {
	if errors.Is(err, registry.ErrMutability) {
		return invalid("imageTagMutabilityExclusionFilters", err.Error())
	}
	if errors.Is(err, registry.ErrPolicy) {
		return invalid("PolicyText", err.Error())
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return awshttp.Error{Code: c.code, Status: http.StatusBadRequest}
		}
	}
	if fault.KindOf(err) == fault.Unavailable {
		return awshttp.Error{Code: "ServerException", Status: http.StatusInternalServerError}
	}
	return awshttp.Error{}
}

// invalid is ECR's error for a parameter that is not what it must be.
func invalid(parameter, constraint string) awshttp.Error {
	return awshttp.Error{
		Code:    invalidParameter,
		Status:  http.StatusBadRequest,
		Message: "Invalid parameter at '" + parameter + "' failed to satisfy constraint: '" + constraint + "'",
	}
}

// validationMessage words what is wrong with an input as ECR does.
func validationMessage(found []awshttp.Violation) string {
	var messages []string
	for _, v := range found[:min(len(found), maxViolations)] {
		constraint := v.Constraint
		if pattern, ok := strings.CutPrefix(constraint, "Member must satisfy regular expression pattern: "); ok {
			constraint = "must satisfy regular expression '" + pattern + "'"
		}
		messages = append(messages, invalid(v.Path, constraint).Message)
	}
	return strings.Join(messages, "; ")
}

// maxViolations bounds how many wrong parameters one answer names.
const maxViolations = 10
