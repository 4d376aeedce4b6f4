// Package ociapi serves the OCI distribution protocol under /v2/ on the
// registry's domain.
//
// A request is parsed into a typed value, looked up in the table of routes,
// authenticated, authorized under the ECR action its row names, and given to
// one short function. Where this departs from the specification or from ECR is
// written in docs/divergences/oci.md.
//
// Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
package ociapi

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/recall"
	"github.com/sealwright/sealwright/internal/registry"
)

// TokenVerifier knows whom a registry token speaks for. access.Service is one.
type TokenVerifier interface {
	// VerifyToken fails with access.ErrTokenInvalid or access.ErrTokenExpired.
	VerifyToken(ctx context.Context, password string) (p access.Principal, accessKeyID string, err error)
	// OpenTicket returns the token that a ticket in a URL stands for, and what it
	// opens. Errors are as VerifyToken's.
	OpenTicket(ticket string) (password, what string, err error)
}

// Authorizer decides. access.Service is one.
type Authorizer interface {
	Authorize(ctx context.Context, r access.Request) (access.Decision, error)
}

// Options is what the handler stands on. Registry, Tokens and Authorizer are
// required.
type Options struct {
	Registry   *registry.Service
	Tokens     TokenVerifier
	Authorizer Authorizer
	// AnonymousAccount is whose registry those without credentials mean where the
	// host does not say; "" means that nobody may come without.
	AnonymousAccount arn.AccountID
	// HostAccount is the account that the request's host names, "" for none; nil
	// means that no host does.
	HostAccount func(*http.Request) arn.AccountID
	// Revision is another number after any change of policies; known is false when
	// that cannot be told. nil means never.
	Revision func() (revision uint64, known bool)
	Secure   func(*http.Request) bool // whether the client came over TLS; nil means that the connection says so

	PublicURL func(*http.Request) string // scheme://host for the challenge; nil means what the request came to
	SourceIP  func(*http.Request) string // who is calling; nil means the peer of the connection
	Logger    *slog.Logger               // nil means slog.Default
	Patience  time.Duration              // how long a client may send or take nothing; 0 means 30 seconds
	Room      int64                      // bytes of all manifests that are being pushed; 0 means 128 MiB, at least one fits
	Sending   int64                      // bytes of large manifests and lists that are being sent; 0 means 128 MiB, at least one fits
	Pages     *Pages                     // keeps lists of referrers ready; nil means 64 MiB of them
	Uploads   *Slots                     // bounds the bodies that arrive at once; nil means no bound
	// Note is told which operation a request asks for, such as "oci:getManifest",
	// and the ARN of who asks, once both are known. w is the ResponseWriter that
	// ServeHTTP was given. nil means that nobody wants to know.
	Note func(w http.ResponseWriter, operation, principal string)
	// Recorder records refused requests and reads; nil means that nobody does.
	Recorder Recorder
	// Limit is asked for each operation, such as "oci:getManifest", what bounds how
	// often an account may call it: a function that counts a call and returns 0, or
	// how long the account has to wait. nil, of either, means no bound.
	Limit func(operation string) func(arn.AccountID) (wait time.Duration)
}

// openMemory is for what is remembered of registries: a thousand of them.
const openMemory = 256 << 10

// defaultPatience is how long a transfer may stand still.
const defaultPatience = 30 * time.Second

// defaultRoom lets 32 of the largest manifests be pushed at once, and thousands
// of the usual ones.
const defaultRoom = 128 << 20

type handler struct {
	Options
	room      *semaphore.Weighted                                 // what is left of Room
	sending   *sending                                            // what is left of Sending
	renders   *singleflight.Group                                 // pages in the making
	renderers *semaphore.Weighted                                 // how many more of them there may be
	open      *recall.Memory[arn.AccountID, bool]                 // whether a registry may be open to everyone
	limits    map[string]func(arn.AccountID) (wait time.Duration) // by the names of routes
}

// New makes the handler of /v2 and everything below.
func New(o Options) http.Handler {
	if o.PublicURL == nil {
		o.PublicURL = requestURL
	}
	if o.SourceIP == nil {
		o.SourceIP = peerIP
	}
	if o.HostAccount == nil {
		o.HostAccount = func(*http.Request) arn.AccountID { return "" }
	}
	if o.Revision == nil {
		o.Revision = func() (uint64, bool) { return 0, false }
	}
	if o.Secure == nil {
		o.Secure = func(r *http.Request) bool { return r.TLS != nil }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Note == nil {
		o.Note = func(http.ResponseWriter, string, string) {}
	}
	if o.Recorder == nil {
		o.Recorder = unrecorded{}
	}
	limits := limitsOf(o.Limit)
	room := max(cmp.Or(o.Room, defaultRoom), o.Registry.MaxManifest()+1)
	if o.Pages == nil {
		o.Pages = NewPages(defaultPages)
	}
	return &handler{o, semaphore.NewWeighted(room), newSending(cmp.Or(o.Sending, defaultSending)), new(singleflight.Group), semaphore.NewWeighted(maxRenderers), recall.New[arn.AccountID, bool](openMemory), limits}
}

// call is one request under way.
type call struct {
	*handler
	w         http.ResponseWriter
	r         *http.Request // its context carries the actor
	requestID string
	principal access.Principal
	account   arn.AccountID // whose registry is meant, by host or ticket; "" is the principal's
	route     route         // zero until found
	target
	registry.Key // the repository, in that account
}

// ServeHTTP answers one request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{handler: h, w: w, r: r, requestID: uuid.Must(uuid.NewV7()).String()}
	header := w.Header()
	header.Set("Docker-Distribution-Api-Version", "registry/2.0")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Amzn-RequestId", c.requestID)
	c.bodyWithin()
	err := c.serve()
	if err != nil {
		c.fail(err)
	}
	c.record(err)
}

// serve goes through the steps every request goes through.
func (c *call) serve() error {
	if c.r.URL.Path == tokenPath {
		return c.token()
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	t, err := parseTarget(c.r.URL.Path)
	if err != nil {
		return err
	}
	c.target, c.Key = t, registry.Key{Account: cmp.Or(c.account, c.principal.Account), Name: t.name}
	route, err := findRoute(t.endpoint, c.r.Method)
	if err != nil {
		return err
	}
	c.route = route
	c.Note(c.w, route.name, c.principal.ARN)
	if err := c.throttle(); err != nil {
		return err
	}
	if err := c.admit(route); err != nil {
		return err
	}
	return route.handle(c)
}

// admit asks whether the caller may use a route. Whoever holds a token may ask
// whether it is good: that it was made took a permission.
func (c *call) admit(r route) error {
	switch {
	case r.endpoint != endpointPing:
		return c.authorize(r.action)
	case c.anonymous() && c.r.Header.Get("Authorization") == "":
		return errUnauthorized
	}
	return nil
}

// ctx is the request's context.
func (c *call) ctx() context.Context { return c.r.Context() }

// actor is what the journal keeps of the caller.
func (c *call) actor(accessKeyID string) journal.Actor {
	return journal.Actor{
		Principal:   cmp.Or(c.principal.ARN, anonymousToken),
		AccessKeyID: accessKeyID,
		SourceIP:    c.SourceIP(c.r),
		UserAgent:   c.r.UserAgent(),
		RequestID:   c.requestID,
	}
}

// requestURL is what the client called us, as far as the request tells.
func requestURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// peerIP is the other end of the connection.
func peerIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
