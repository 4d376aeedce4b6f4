package throttle_test

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/throttle"
)

const account, other = arn.AccountID("111122223333"), arn.AccountID("444455556666")

// clock is a time that tests move.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time               { return time.Unix(1_800_000_000, c.nanos.Load()) }
func (c *clock) add(d time.Duration)          { c.nanos.Add(int64(d)) }
func limit(name string, n int) throttle.Limit { return throttle.Limit{Operations: name, Rate: n} }

func newLimits(t testing.TB, now func() time.Time, limits ...throttle.Limit) *throttle.Limits {
	t.Helper()
	l, err := throttle.New(limits, now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestSecondsWorth(t *testing.T) {
	var c clock
	class := newLimits(t, c.now, limit("a:B", 10)).Class("a:B")
	took := func(who arn.AccountID, n int) (passed int) {
		for range n {
			if class.Take(who) == 0 {
				passed++
			}
		}
		return passed
	}
	if n := took(account, 25); n != 10 {
		t.Errorf("at once: %d", n)
	}
	if n := took(other, 25); n != 10 {
		t.Errorf("another account: %d", n)
	}
	if wait := class.Take(account); wait != 100*time.Millisecond {
		t.Errorf("wait %s", wait)
	}
	c.add(99 * time.Millisecond)
	if wait := class.Take(account); wait != time.Millisecond {
		t.Errorf("wait %s", wait)
	}
	c.add(time.Millisecond)
	if n := took(account, 5); n != 1 {
		t.Errorf("after a tenth: %d", n)
	}
	c.add(time.Hour)
	if n := took(account, 25); n != 10 {
		t.Errorf("a rested bucket holds %d", n)
	}
	if class.Refused() != 15+15+2+4+15 {
		t.Errorf("refused %d", class.Refused())
	}
}

func TestAtOnce(t *testing.T) {
	var c clock
	class := newLimits(t, c.now, limit("a:B", 1000)).Class("a:B")
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if class.Take(account) == 0 {
					passed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if passed.Load() != 1000 || class.Refused() != 7000 {
		t.Errorf("passed %d, refused %d", passed.Load(), class.Refused())
	}
}

func TestClosestLimit(t *testing.T) {
	l := newLimits(t, nil, limit("signer:*", 1), limit("signer:List*", 2), limit("signer:ListSigningJobs", 3), limit("sts:Nothing", 4))
	for operation, rate := range map[string]int{"signer:SignPayload": 1, "signer:ListSigningProfiles": 2, "signer:ListSigningJobs": 3, "ecr:PutImage": 0} {
		class := l.Class(operation)
		if class == nil && rate != 0 || class != nil && class.Rate != rate {
			t.Errorf("%s: %+v", operation, class)
		}
	}
	if unused := l.Unused(); !reflect.DeepEqual(unused, []string{"sts:Nothing"}) {
		t.Errorf("unused %q", unused)
	}
	if _, err := throttle.New([]throttle.Limit{limit("a:b", 1), limit("a:b", 2)}, nil); err == nil {
		t.Error("two limits of one operation")
	}
}

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]throttle.Limit{"signer:SignPayload=10": limit("signer:SignPayload", 10), "oci:*=1000000": limit("oci:*", 1_000_000)} {
		if l, err := throttle.ParseLimit(text); err != nil || l != want {
			t.Errorf("%s: %+v, %v", text, l, err)
		}
	}
	for _, bad := range []string{"", "signer:SignPayload", "signer:SignPayload=", "=1", "signer=1", ":X=1", "signer:=1", "signer:X=0", "signer:X=-1", "signer:X=1.5", "signer:X=1000001",
		"*=1", "s*:X=1", "signer:*X=1", "signer:**=1", "signer:X=1=2"} {
		if l, err := throttle.ParseLimit(bad); err == nil {
			t.Errorf("%q is taken: %+v", bad, l)
		}
	}
}

// TestMemoryIsBounded: more accounts than are remembered are served all the same.
func TestMemoryIsBounded(t *testing.T) {
	var c clock
	class := newLimits(t, c.now, limit("a:B", 1)).Class("a:B")
	for i := range 1025 {
		if wait := class.Take(arn.AccountID(fmt.Sprintf("%012d", i))); wait != 0 {
			t.Fatalf("account %d waits %s", i, wait)
		}
	}
	if class.Take("000000000000") != 0 {
		t.Error("the first account is still remembered")
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	class := newLimits(t, nil, limit("a:B", 5)).Class("a:B")
	if n := testing.AllocsPerRun(1000, func() { class.Take(account) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkTake is what a limit costs a request.
func BenchmarkTake(b *testing.B) {
	class := newLimits(b, nil, limit("a:B", throttle.MaxRate)).Class("a:B")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			class.Take(account)
		}
	})
}
