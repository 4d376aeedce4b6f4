// Package throttle says how often accounts may call. A [Class] of operations has
// a token bucket for each account: so many calls a second, and a second's worth
// of them at once.
//
// Asking takes no lock and allocates nothing: a bucket is one number, the moment
// at which it would be full again (GCRA, ITU-T I.371 appendix A, "virtual
// scheduling"). Replicas do not tell each other: each counts what comes to it.
package throttle

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
)

// Limit is how often an account may call a class of operations.
type Limit struct {
	// Operations is the name of one, such as "signer:SignPayload", or what the names
	// of several begin with, and an asterisk: "signer:List*". Those count together.
	Operations string
	Rate       int // calls a second, 1 to MaxRate
}

// MaxRate is more calls a second than a service answers.
const MaxRate = 1_000_000

// ParseLimit reads OPERATIONS=RATE.
func ParseLimit(text string) (Limit, error) {
	name, rate, _ := strings.Cut(text, "=")
	n, err := strconv.Atoi(rate)
	service, operation, _ := strings.Cut(name, ":")
	stem := strings.TrimSuffix(operation, "*")
	if err != nil || n < 1 || n > MaxRate || service == "" || operation == "" || strings.ContainsAny(service+stem, "*, ") {
		return Limit{}, fmt.Errorf("%q: want OPERATION=CALLS, such as signer:SignPayload=10, or signer:List*=6 for several together, with 1 to %d calls a second", text, MaxRate)
	}
	return Limit{name, n}, nil
}

// matches says whether the limit is for an operation, and how closely.
func (l Limit) matches(operation string) (length int, ok bool) {
	if stem, several := strings.CutSuffix(l.Operations, "*"); several {
		return len(stem), strings.HasPrefix(operation, stem)
	}
	return len(l.Operations) + 1, operation == l.Operations
}

// Limits are all limits of a service. The zero value has none.
type Limits struct{ classes []*Class }

// New makes limits; two of the same operations are refused. now is a clock, nil
// for time.Now.
func New(limits []Limit, now func() time.Time) (*Limits, error) {
	if now == nil {
		now = time.Now
	}
	all := &Limits{}
	seen := map[string]bool{}
	for _, l := range limits {
		if seen[l.Operations] {
			return nil, fmt.Errorf("there are two limits of %s", l.Operations)
		}
		seen[l.Operations] = true
		all.classes = append(all.classes, &Class{Limit: l, now: now, begun: now(), interval: int64(time.Second) / int64(l.Rate)})
	}
	return all, nil
}

// Class is the class that an operation is in: the one that names it most closely,
// nil for none. It is asked when a service is put together, not for each call.
func (l *Limits) Class(operation string) (class *Class) {
	closest := -1
	for _, c := range l.classes {
		if length, ok := c.matches(operation); ok && length > closest {
			closest, class = length, c
		}
	}
	if class != nil {
		class.used = true
	}
	return class
}

// Classes are all classes.
func (l *Limits) Classes() []*Class { return l.classes }

// Unused are the limits that no operation asked for: words for nothing.
func (l *Limits) Unused() (names []string) {
	for _, c := range l.classes {
		if !c.used {
			names = append(names, c.Operations)
		}
	}
	return names
}

// Class is a class of operations. It is safe for concurrent use.
type Class struct {
	Limit
	used     bool
	now      func() time.Time
	begun    time.Time
	interval int64 // nanoseconds from call to call

	buckets atomic.Pointer[map[arn.AccountID]*bucket] // replaced, not changed
	mu      sync.Mutex                                // held by who replaces it
	refused atomic.Uint64
}

// bucket is when it will be full again, in nanoseconds since the class began.
type bucket struct{ full atomic.Int64 }

// Take counts a call of an account. It returns 0, or how long the account has to
// wait for the next: such a call does not count. The account "" stands for all
// who are not known.
func (c *Class) Take(account arn.AccountID) (wait time.Duration) {
	if wait = c.bucket(account).take(int64(c.now().Sub(c.begun)), c.interval, c.interval*int64(c.Rate)); wait > 0 {
		c.refused.Add(1)
	}
	return wait
}

// RetryAfter is a wait in whole seconds, as the header of that name has it. It is
// rounded up: sooner would be too soon.
//
// Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
func RetryAfter(wait time.Duration) string {
	return strconv.Itoa(int((wait + time.Second - 1) / time.Second))
}

// Refused is how many calls had to wait.
func (c *Class) Refused() uint64 { return c.refused.Load() }

func (b *bucket) take(now, interval, room int64) time.Duration {
	for {
		full := b.full.Load()
		next := max(full, now) + interval
		if late := next - now - room; late > 0 {
			return time.Duration(late)
		}
		if b.full.CompareAndSwap(full, next) {
			return 0
		}
	}
}

// maxAccounts bounds the accounts that a class remembers. Beyond it, it begins
// anew: some get a second's worth too much, which harms nobody.
const maxAccounts = 1024

func (c *Class) bucket(account arn.AccountID) *bucket {
	if known := c.buckets.Load(); known != nil {
		if b := (*known)[account]; b != nil {
			return b
		}
	}
	return c.add(account)
}

// add makes an account's bucket, unless another did.
func (c *Class) add(account arn.AccountID) *bucket {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[arn.AccountID]*bucket{}
	if known := c.buckets.Load(); known != nil && len(*known) < maxAccounts {
		next = maps.Clone(*known)
	}
	if b := next[account]; b != nil {
		return b
	}
	b := &bucket{}
	next[account] = b
	c.buckets.Store(&next)
	return b
}
