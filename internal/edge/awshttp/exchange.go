package awshttp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"

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
	read   bool  // whether body was read
	room   int64 // that the body takes

	claimedKey  string // the access key that a signature names, whether it is good or not
	resourceARN string // that the decision was about, as the caller may know it; "" for none
	denial      string // why it was denied
}

func newExchange(h *Handler, w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{h: h, w: w, r: r}
	x.call = Call{
		Region: h.options.Region, RequestID: uuid.Must(uuid.NewV7()).String(), Host: r.Host, request: r, publicURL: h.options.PublicURL,
		Context: access.RequestContext{
			Region: h.options.Region, SourceIP: h.options.SourceIP(r), UserAgent: r.UserAgent(), Secure: h.options.Secure(r),
		},
	}
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
	if err := x.throttle(); err != nil {
		return nil, err
	}
	if err := x.readBody(ctx, x.maxBody()); err != nil {
		return nil, err
	}
	in := reflect.New(x.op.in)
	if err := x.decode(in.Elem()); err != nil {
		return nil, err
	}
	ctx = journal.WithActor(ctx, x.actor())
	if err := x.authorize(ctx, in.Interface()); err != nil {
		return nil, err
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
	return x.r.Method == http.MethodGet && slices.ContainsFunc(x.target.Query, func(p sigv4.Pair) bool { return p.Key == "Action" })
}

func (x *exchange) findAction() (err error) {
	x.route.service = x.h.router.protocol(Query)
	pairs := x.target.Query
	if x.r.Method == http.MethodPost {
		if pairs, err = x.postedForm(); err != nil {
			return err
		}
	}
	if x.form, err = newForm(pairs); err != nil {
		return err
	}
	found, err := x.h.router.findAction(x.form)
	if err == nil {
		x.route = found
	}
	return err
}

// postedForm reads the parameters of a form. The query string may hold a
// signature beside it, but no parameter: whoever looks at one of the two must not
// be deceived by the other.
func (x *exchange) postedForm() ([]sigv4.Pair, error) {
	for _, p := range x.target.Query {
		if !strings.HasPrefix(p.Key, "X-Amz-") {
			return nil, refuse(malformedInput, "The parameter %.64q of the query string must be in the body, as the others are.", p.Key)
		}
	}
	if err := x.readBody(x.r.Context(), defaultMaxBody); err != nil {
		return nil, err
	}
	return sigv4.ParsePairs(string(x.body))
}

// protocol returns a service that speaks p, for errors before one is found.
func (t *router) protocol(p Protocol) *Service {
	if s := t.sample[p]; s != nil {
		return s
	}
	return &Service{Protocol: p}
}

func (x *exchange) maxBody() int64 {
	return cmp.Or(x.op.MaxBody, x.service.MaxBody, defaultMaxBody)
}

// readBody reads the whole body, once, up to limit bytes.
func (x *exchange) readBody(ctx context.Context, limit int64) error {
	if x.read {
		return nil
	}
	x.read = true
	if x.r.ContentLength > limit {
		return refuse(tooLarge, "The body has %d bytes; at most %d are accepted.", x.r.ContentLength, limit)
	}
	if err := x.takeRoom(ctx, limit); err != nil {
		return err
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
		SourceIP:    x.call.Context.SourceIP,
		UserAgent:   x.call.Context.UserAgent,
		RequestID:   x.call.RequestID,
	}
}
