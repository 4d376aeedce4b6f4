package awshttp

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/sealwright/sealwright/internal/access"
)

// Authenticator finds the secret behind an access key. access.Service is one.
type Authenticator interface {
	// Credential returns the secret of an access key and who it belongs to.
	// sessionToken is what came in X-Amz-Security-Token, "" for none. Errors:
	// access.ErrUnknownKey, access.ErrTokenInvalid, access.ErrTokenExpired.
	Credential(ctx context.Context, accessKeyID, sessionToken string) (secret string, p access.Principal, err error)
}

// Authorizer decides. access.Service is one.
type Authorizer interface {
	Authorize(ctx context.Context, r access.Request) access.Decision
}

// Options is what a [Handler] needs beside its services.
type Options struct {
	Authenticator Authenticator
	Authorizer    Authorizer
	Region        string                     // the installation's one region
	Now           func() time.Time           // nil means time.Now
	Logger        *slog.Logger               // nil means slog.Default
	SourceIP      func(*http.Request) string // who is calling; nil means the peer of the connection
	PublicURL     func(*http.Request) string // scheme://host for answers; nil means what the request came to
}

// Handler answers the operations of its services. It is safe for concurrent use.
type Handler struct {
	options  Options
	services []Service
}

// New checks the services' tables and makes their handler. It refuses a row
// without an action (unless public), a duplicate operation or route, and an
// input or output whose fields have no place on the wire.
func New(o Options, services ...Service) (*Handler, error) {
	return &Handler{options: o, services: services}, nil
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNotImplemented)
}
