// Package awshttp is what the AWS surfaces share: request signatures
// (Signature Version 4), the three protocols (REST-JSON, JSON 1.1, query/XML),
// the operation table and the shape of errors.
//
// A surface is a [Service]: a table of [Operation] rows, each of which names
// its access action, the resource the decision is about and its handler. A
// request goes one way: request id, route, authenticate, decode and validate,
// authorize, handle, encode. What is not in a table cannot be reached, and a
// row without an action is refused by [New].
//
// Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html,
// https://smithy.io/2.0/aws/protocols/ and the services' own models.
package awshttp

import (
	"net/http"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
)

// Protocol is how a service puts operations on the wire.
type Protocol uint8

// The protocols.
const (
	RESTJSON Protocol = iota + 1 // AWS restJson1: method and path choose the operation
	JSON11                       // AWS JSON 1.1: POST / with X-Amz-Target
	Query                        // AWS query: POST / with a form, XML answers
)

// Service is one AWS surface.
type Service struct {
	// SigningName is the service in the signature's scope: "signer", "ecr", "sts".
	SigningName string
	// Protocol is how requests and answers look.
	Protocol Protocol
	// TargetPrefix is what stands before the dot in X-Amz-Target (JSON11), such
	// as "AmazonEC2ContainerRegistry_V20150921".
	TargetPrefix string
	// Version and Namespace belong to Query: "2011-06-15" and
	// "https://sts.amazonaws.com/doc/2011-06-15/".
	Version, Namespace string
	// Operations is the table.
	Operations []Operation
	// Translate is the one table from the domain's errors to the service's own.
	// What it leaves zero is filled in from the error's kind; the zero Error asks
	// for the default altogether. Nil means defaults only.
	Translate func(error) Error
	// Validation is the code of the service's validation error:
	// "ValidationException", "InvalidParameterException", "ValidationError".
	Validation string
	// ValidationMessage words what is wrong with an input; nil means AWS's usual
	// words ("1 validation error detected: Value … failed to satisfy …").
	ValidationMessage func([]Violation) string
	// MaxBody bounds a request's body in bytes; zero means 256 KiB.
	MaxBody int64
	// GlobalRegion is a region that the signature's scope may name beside the
	// installation's own: "us-east-1" for the global services. Empty for none.
	GlobalRegion string
	// Presigned is how long a presigned request is good, whatever its X-Amz-Expires
	// says: AWS's STS has it so. Zero means as long as the request says.
	Presigned time.Duration
}

// Error is an error as the service's protocol shows it. It is an error itself,
// so a handler may return one that has no counterpart in the domain.
type Error struct {
	Code    string // such as "ResourceNotFoundException"
	Status  int    // HTTP status
	Message string // for the person who sent the request
	// Members are what the error's shape has beside its message (JSON 1.1 only).
	Members map[string]any
}

// Error returns code and message.
func (e Error) Error() string { return e.Code + ": " + e.Message }

// Violation is one constraint that an input does not satisfy.
type Violation struct {
	Path       string // the member, such as "tags.1.member.key" or "signatureValidityPeriod.value"
	Value      string // as AWS prints it: 'x' in quotes, or null
	Constraint string // such as "Member must have length less than or equal to 64"
}

// Call is what a handler knows of its request beside its input.
type Call struct {
	Principal   access.Principal
	AccessKeyID string        // that signed the request
	Account     arn.AccountID // the principal's
	Region      string        // the installation's
	RequestID   string        // as answered in x-amzn-RequestId
	Host        string        // as the client sent it
	// Context is what conditions may ask about the request. Its region is the one
	// that the signature names; its keys are those of the operation's row.
	Context access.RequestContext

	request   *http.Request
	publicURL func(*http.Request) string
}

// PublicURL is scheme://host as the client should see us.
func (c *Call) PublicURL() string { return c.publicURL(c.request) }
