package awshttp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"runtime/debug"
	"strconv"

	"github.com/sealwright/sealwright/internal/fault"
)

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
