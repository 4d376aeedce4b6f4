package awshttp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp/sigv4"
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
	Authorize(ctx context.Context, r access.Request) (access.Decision, error)
}

// Options is what a [Handler] needs beside its services.
type Options struct {
	Authenticator Authenticator
	Authorizer    Authorizer
	Region        string                     // the installation's one region
	Now           func() time.Time           // nil means time.Now
	Logger        *slog.Logger               // nil means slog.Default
	SourceIP      func(*http.Request) string // who is calling; nil means the peer of the connection
	Secure        func(*http.Request) bool   // whether the client came over TLS; nil means that the connection says so
	PublicURL     func(*http.Request) string // scheme://host for answers; nil means what the request came to
	// Patience is how long a client may take to receive an answer; zero means half
	// a minute. Answers are a few megabytes at most.
	Patience time.Duration
	// Whole has what is written to answer a request leave in one piece when the
	// function that it returns is called. nil means that it leaves as it comes.
	Whole func(*http.Request) (send func())
	// Note is told which operation a request asks for, such as
	// "signer:SignPayload", as soon as that is known, with principal "", and once
	// more with the principal's ARN. w is the ResponseWriter that ServeHTTP was
	// given. nil means that nobody wants to know.
	Note func(w http.ResponseWriter, operation, principal string)
	// Recorder records refused calls and reads; nil means that nobody does.
	Recorder Recorder
	// Limit is asked for each operation, such as "signer:SignPayload", what bounds
	// how often an account may call it: a function that counts a call and returns
	// 0, or how long the account has to wait. nil, of either, means no bound.
	Limit func(operation string) func(arn.AccountID) (wait time.Duration)
}

func (o *Options) complete() error {
	if o.Authenticator == nil || o.Authorizer == nil || o.Region == "" {
		return errors.New("awshttp: an authenticator, an authorizer and a region are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.SourceIP == nil {
		o.SourceIP = peerIP
	}
	if o.Secure == nil {
		o.Secure = func(r *http.Request) bool { return r.TLS != nil }
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.PublicURL == nil {
		o.PublicURL = requestURL
	}
	if o.Whole == nil {
		o.Whole = func(*http.Request) func() { return func() {} }
	}
	if o.Note == nil {
		o.Note = func(http.ResponseWriter, string, string) {}
	}
	if o.Recorder == nil {
		o.Recorder = unrecorded{}
	}
	if o.Limit == nil {
		o.Limit = func(string) func(arn.AccountID) time.Duration { return nil }
	}
	return nil
}

func peerIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func requestURL(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// Handler answers the operations of its services. It is safe for concurrent use.
type Handler struct {
	options  Options
	router   router
	verifier sigv4.Verifier
	panics   panics
	room     *semaphore.Weighted // what is left of bodyRoom
}

// New checks the services' tables and makes their handler. It refuses a row
// without an action (unless public), a duplicate operation or route, and an
// input or output whose fields have no place on the wire.
func New(o Options, services ...Service) (*Handler, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	h := &Handler{options: o, room: semaphore.NewWeighted(bodyRoom), router: router{
		targets: map[string]*route{}, actions: map[string]*route{}, sample: map[Protocol]*Service{},
	}}
	for _, s := range services {
		if err := h.router.add(&s, o.Limit); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// KeyCache counts the signatures whose derived key was remembered, and those for
// which it had to be derived.
func (h *Handler) KeyCache() (hits, misses uint64) { return h.verifier.KeyCache() }

// ServeHTTP answers one request: route, authenticate, decode and validate,
// authorize, handle, encode.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := newExchange(h, w, r)
	defer x.leaveRoom()
	defer x.recover()
	out, err := x.run(r.Context())
	if err == nil {
		err = x.answer(out)
	}
	if err != nil {
		x.refuse(r.Context(), err)
	}
	x.record(r.Context(), err)
}
