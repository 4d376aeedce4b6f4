package awshttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"reflect"
	"runtime/debug"
	"strconv"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp/sigv4"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

const defaultMaxBody = 256 << 10 // bytes

// exchange is one request on its way through the handler.
type exchange struct {
	*route // nil until found
	h      *Handler
	w      http.ResponseWriter
	r      *http.Request
	call   Call

	target sigv4.Target
	labels map[string]string // of the path
	form   form              // of the query protocol
	body   []byte
	read   bool // whether body was read
}

func newExchange(h *Handler, w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{h: h, w: w, r: r}
	x.call = Call{Region: h.options.Region, RequestID: uuid.NewString(), Host: r.Host, PublicURL: h.options.PublicURL(r)}
	w.Header().Set("X-Amzn-Requestid", x.call.RequestID)
	return x
}

// run does everything but writing; it returns the output of the operation.
func (x *exchange) run(ctx context.Context) (any, error) {
	if err := x.find(); err != nil {
		return nil, err
	}
	x.h.options.Note(x.w, x.label, "")
	if !x.op.Public {
		if err := x.authenticate(ctx); err != nil {
			return nil, err
		}
		x.h.options.Note(x.w, x.label, x.call.Principal.ARN)
	}
	if err := x.readBody(x.service.maxBody()); err != nil {
		return nil, err
	}
	in := reflect.New(x.op.in)
	if err := x.decode(in.Elem()); err != nil {
		return nil, err
	}
	ctx = journal.WithActor(ctx, x.actor())
	if !x.op.Public {
		if err := x.authorize(ctx, x.op.resource(&x.call, in.Interface())); err != nil {
			return nil, err
		}
	}
	return x.op.handle(ctx, &x.call, in.Interface())
}

// find routes the request. Where it fails, the exchange has the protocol that
// the client seems to speak, so that it can read the error.
func (x *exchange) find() (err error) {
	x.route = &route{service: x.h.router.protocol(RESTJSON)}
	if x.target, err = sigv4.ParseTarget(x.r); err != nil {
		return err
	}
	path := x.target.Path
	switch {
	case path == "/" && len(x.r.Header["X-Amz-Target"]) > 0:
		return x.findTarget()
	case path == "/" && x.speaksQuery():
		return x.findAction()
	}
	found, labels, err := x.h.router.findREST(x.r.Method, path)
	if err == nil {
		x.route, x.labels = found, labels
	}
	return err
}

func (x *exchange) findTarget() error {
	x.route.service = x.h.router.protocol(JSON11)
	if x.r.Method != http.MethodPost {
		return refuse(unknownOperation, "Operations named by X-Amz-Target take POST, not %.16s.", x.r.Method)
	}
	found, err := x.h.router.findTarget(x.r.Header["X-Amz-Target"])
	if err == nil {
		x.route = found
	}
	return err
}

// speaksQuery reports whether the request looks like the query protocol: a form,
// or parameters in the query string.
func (x *exchange) speaksQuery() bool {
	if x.r.Method == http.MethodPost {
		contentType, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
		return contentType == "application/x-www-form-urlencoded"
	}
	return x.r.Method == http.MethodGet && newForm(x.target.Query)["Action"] != ""
}

func (x *exchange) findAction() error {
	x.route.service = x.h.router.protocol(Query)
	pairs := x.target.Query
	if x.r.Method == http.MethodPost {
		if err := x.readBody(defaultMaxBody); err != nil {
			return err
		}
		var err error
		if pairs, err = sigv4.ParsePairs(string(x.body)); err != nil {
			return err
		}
	}
	x.form = newForm(pairs)
	found, err := x.h.router.findAction(x.form)
	if err == nil {
		x.route = found
	}
	return err
}

// protocol returns a service that speaks p, for errors before one is found.
func (t *router) protocol(p Protocol) *Service {
	if s := t.sample[p]; s != nil {
		return s
	}
	return &Service{Protocol: p}
}

// authenticate finds out who calls. What can be refused without the body is
// refused before it is read.
func (x *exchange) authenticate(ctx context.Context) error {
	s, err := sigv4.Parse(x.r, x.target)
	if err != nil {
		return err
	}
	want := sigv4.Scope{Region: x.h.options.Region, GlobalRegion: x.service.GlobalRegion, Service: x.service.SigningName}
	if err := s.Check(want, x.h.options.Now()); err != nil {
		return err
	}
	secret, p, err := x.h.options.Authenticator.Credential(ctx, s.KeyID, s.Token)
	if err != nil {
		return credentialError(err)
	}
	if err := x.readBody(x.service.maxBody()); err != nil {
		return err
	}
	message := sigv4.Message{Request: x.r, Target: x.target, Body: x.body}
	if err := x.h.verifier.Verify(s, message, secret); err != nil {
		return err
	}
	x.call.Principal, x.call.Account, x.call.AccessKeyID = p, p.Account, s.KeyID
	return nil
}

// credentialError puts an authenticator's errors into AWS's words.
func credentialError(err error) error {
	switch {
	case errors.Is(err, access.ErrUnknownKey), errors.Is(err, access.ErrTokenInvalid):
		return refuse(unknownKey, "The security token included in the request is invalid.")
	case errors.Is(err, access.ErrTokenExpired):
		return refuse(expiredToken, "The security token included in the request is expired")
	}
	return fmt.Errorf("awshttp: find the credential: %w", err)
}

func (s *Service) maxBody() int64 {
	if s.MaxBody == 0 {
		return defaultMaxBody
	}
	return s.MaxBody
}

// readBody reads the whole body, once, up to limit bytes.
func (x *exchange) readBody(limit int64) error {
	if x.read {
		return nil
	}
	x.read = true
	if x.r.ContentLength > limit {
		return refuse(tooLarge, "The body has %d bytes; at most %d are accepted.", x.r.ContentLength, limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, limit))
	var exceeded *http.MaxBytesError
	if errors.As(err, &exceeded) {
		return refuse(tooLarge, "The body has more than %d bytes.", limit)
	}
	if err != nil {
		return refuse(malformedInput, "The body could not be read to its end.")
	}
	x.body = body
	return nil
}

// decode reads and validates the input.
func (x *exchange) decode(v reflect.Value) error {
	if err := codecs[x.service.Protocol].decode(x, x.in, v); err != nil {
		return err
	}
	found := validate(x.in, v, "")
	if len(found) == 0 {
		return nil
	}
	say := x.service.ValidationMessage
	if say == nil {
		say = validationMessage
	}
	return fault.Errorf(fault.Invalid, "%s", say(found))
}

// actor is who the journal will name.
func (x *exchange) actor() journal.Actor {
	return journal.Actor{
		Principal:   x.call.Principal.ARN,
		AccessKeyID: x.call.AccessKeyID,
		SourceIP:    x.h.options.SourceIP(x.r),
		UserAgent:   x.r.UserAgent(),
		RequestID:   x.call.RequestID,
	}
}

// authorize asks for a decision, and words a denial as AWS does.
func (x *exchange) authorize(ctx context.Context, resource string) error {
	r := access.Request{Principal: x.call.Principal, Action: x.op.Action, Resource: resource}
	d, err := x.h.options.Authorizer.Authorize(ctx, r)
	if err != nil {
		return fmt.Errorf("awshttp: authorize %s: %w", x.op.Action, err)
	}
	if !d.Allowed {
		return refuse(accessDenied, "%s", access.Denial(r, d))
	}
	return nil
}

// answer writes the output of an operation.
func (x *exchange) answer(out any) error {
	contentType, body, err := codecs[x.service.Protocol].encode(x, x.out, reflect.ValueOf(out).Elem())
	if err != nil {
		return fmt.Errorf("awshttp: encode the answer of %s: %w", x.op.Name, err)
	}
	x.write(http.StatusOK, contentType, body)
	return nil
}

// refuse writes an error and logs it.
func (x *exchange) refuse(ctx context.Context, err error) {
	e := x.service.asError(err)
	x.log(ctx, e, err)
	contentType, body := codecs[x.service.Protocol].fail(x, e)
	x.write(e.Status, contentType, body)
}

func (x *exchange) write(status int, contentType string, body []byte) {
	header := x.w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	x.w.Write(body) // a client that went away is not our error
}

// log notes a refused request: our own errors in full, denials with who and
// what, and other mistakes of the caller only for who looks closely.
func (x *exchange) log(ctx context.Context, e Error, err error) {
	level := slog.LevelDebug
	why, refused := reason(err)
	switch {
	case e.Status >= http.StatusInternalServerError && ctx.Err() == nil:
		level = slog.LevelError
	case refused && why <= accessDenied:
		level = slog.LevelWarn
	}
	actor := x.actor()
	attrs := []slog.Attr{
		slog.String("service", x.service.SigningName), slog.String("code", e.Code), slog.Int("status", e.Status),
		slog.String("error", fault.Whole(err)), slog.String("requestId", actor.RequestID), slog.String("sourceIp", actor.SourceIP),
		slog.String("principal", actor.Principal), slog.String("accessKeyId", actor.AccessKeyID),
	}
	if x.op != nil {
		attrs = append(attrs, slog.String("operation", x.op.Name))
	}
	x.h.options.Logger.LogAttrs(ctx, level, "request refused", attrs...)
}

// recover turns a handler's panic into the protocol's internal error.
func (x *exchange) recover() {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	x.refuse(x.r.Context(), fmt.Errorf("awshttp: panic: %v\n%s", p, debug.Stack()))
}
