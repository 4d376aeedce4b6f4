package awshttp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

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
	x.retryAfter(err)
	contentType, body := codecs[x.service.Protocol].fail(x, e)
	x.write(e.Status, contentType, body)
}

// maxWhole is how long an answer is, at most, that is held back until all of it is
// there.
const maxWhole = 64 << 10

// write sends an answer within the time it may take. The flush sees to the last
// of it before the deadline is lifted; the connection's next request has its own.
func (x *exchange) write(status int, contentType string, body []byte) {
	header := x.w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	control := http.NewResponseController(x.w)
	control.SetWriteDeadline(time.Now().Add(x.h.options.Patience)) // not supported only by recorders of tests
	defer control.SetWriteDeadline(time.Time{})
	if len(body) <= maxWhole {
		defer x.h.options.Whole(x.r)()
	}
	x.w.WriteHeader(status)
	x.w.Write(body) // a client that went away, or does not read, is not our error
	control.Flush()
}

// log notes a refused request: our own errors in full, denials with who and
// what, and other mistakes of the caller only for who looks closely.
func (x *exchange) log(ctx context.Context, e Error, err error) {
	level := slog.LevelDebug
	why, refused := reason(err)
	switch {
	case e.Status >= http.StatusInternalServerError && ctx.Err() == nil:
		level = slog.LevelError
	case refused && why <= accessDenied, e.Status == http.StatusForbidden:
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
	x.refuse(x.r.Context(), fmt.Errorf("awshttp: panic: %.1024s%s", fmt.Sprint(p), x.h.panics.stack(time.Now())))
}

// panicPause is the time from one stack that is logged to the next: a request
// that causes a panic can be sent again and again.
const panicPause = time.Minute

// panics remembers when a stack was logged last. The zero value is ready.
type panics struct{ last atomic.Pointer[time.Time] }

// stack is what to log of where the program is, or that it was logged lately.
func (l *panics) stack(now time.Time) string {
	before := l.last.Load()
	if before != nil && now.Sub(*before) < panicPause || !l.last.CompareAndSwap(before, &now) {
		return " (its stack is left out: one was logged within a minute)"
	}
	return "\n" + string(debug.Stack())
}
