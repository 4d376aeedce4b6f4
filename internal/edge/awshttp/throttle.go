package awshttp

import (
	"errors"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/throttle"
)

// errTooOften is the error of a call that came before its account may call again.
var errTooOften = fault.New(fault.Throttled, "Rate exceeded")

// throttle counts the call against what its account may do. It comes after
// authentication, so that nobody uses up what is another's, and before anything
// that costs more. Who is not known counts together.
func (x *exchange) throttle() error {
	if x.limit == nil {
		return nil
	}
	wait := x.limit(x.call.Account)
	if wait == 0 {
		return nil
	}
	x.w.Header().Set("Retry-After", throttle.RetryAfter(wait))
	return fault.Becausef(errTooOften, "Rate exceeded: %s was called more often than this service lets an account. Try again in %s.", x.label, wait.Round(time.Millisecond))
}

// retryAfter sees to it that whoever came too soon is told when to come again.
func (x *exchange) retryAfter(err error) {
	if h := x.w.Header(); fault.KindOf(err) == fault.Throttled && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "1")
	}
}

// tooOften reports whether a call was throttled. Such calls are counted and not
// recorded: they came to nothing, and may be as many as somebody likes.
func tooOften(err error) bool { return errors.Is(err, errTooOften) }
