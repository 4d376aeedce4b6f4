package ociapi

import (
	"errors"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/throttle"
)

// errTooOften is the error of a request that came before its account may send
// another.
var errTooOften = fault.New(fault.Throttled, "too many requests: try again in a moment")

// limitsOf finds the limits of all routes.
func limitsOf(limit func(string) func(arn.AccountID) time.Duration) map[string]func(arn.AccountID) time.Duration {
	if limit == nil {
		return nil
	}
	limits := map[string]func(arn.AccountID) time.Duration{}
	for _, r := range routes() {
		if l := limit(r.name); l != nil {
			limits[r.name] = l
		}
	}
	return limits
}

// throttle counts the request against what the caller's account may do. Those
// without credentials count together.
func (c *call) throttle() error {
	limit := c.limits[c.route.name]
	if limit == nil {
		return nil
	}
	wait := limit(c.principal.Account)
	if wait == 0 {
		return nil
	}
	c.w.Header().Set("Retry-After", throttle.RetryAfter(wait))
	return fault.Becausef(errTooOften, "too many requests: %s was asked for more often than this registry lets an account; try again in %s", c.route.name, wait.Round(time.Millisecond))
}

// tooOften reports whether a request was throttled. Such requests are counted and
// not recorded: they came to nothing, and may be as many as somebody likes.
func tooOften(err error) bool { return errors.Is(err, errTooOften) }
