package load

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealwright/sealwright/bench/internal/stat"
)

// Plan is a closed loop: each connection does one operation after the other,
// until the time or the count is used up. At least one of the two must be given.
type Plan struct {
	Address     string        // host:port
	Connections int           // at least 1
	Duration    time.Duration // no operation starts later; 0: no such bound
	Count       int           // operations in all; 0: no such bound
	// Do does operation n; each n from 0 occurs once. An error ends the loop.
	Do func(c *Conn, n int) error
}

// Result is what a loop did.
type Result struct {
	Operations int
	Elapsed    time.Duration
	latencies  []time.Duration // ascending
}

// Rate is operations per second.
func (r Result) Rate() float64 { return float64(r.Operations) / r.Elapsed.Seconds() }

// Latency is the quantile q of the operations' durations, in seconds.
func (r Result) Latency(q float64) float64 { return stat.Quantile(r.latencies, q).Seconds() }

// Run runs a loop on connections of its own. It returns the first error of any
// operation: a loop in which something failed has no result.
func Run(ctx context.Context, p Plan) (Result, error) {
	conns, err := dialAll(ctx, p.Address, p.Connections, Dial)
	defer closeAll(conns)
	if err != nil {
		return Result{}, err
	}
	l := &loop{plan: p, start: time.Now()}
	defer context.AfterFunc(ctx, func() { l.fail(ctx.Err()) })()
	latencies := make([][]time.Duration, len(conns))
	var workers sync.WaitGroup
	for i, c := range conns {
		workers.Go(func() { latencies[i] = l.work(c) })
	}
	workers.Wait()
	elapsed := time.Since(l.start)
	if err := l.failed.Load(); err != nil {
		return Result{}, *err
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return Result{Operations: len(all), Elapsed: elapsed, latencies: all}, nil
}

func dialAll(ctx context.Context, address string, count int, dial func(context.Context, string) (*Conn, error)) (conns []*Conn, err error) {
	for range count {
		c, err := dial(ctx, address)
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func closeAll(conns []*Conn) {
	for _, c := range conns {
		c.Close()
	}
}

type loop struct {
	plan   Plan
	start  time.Time
	next   atomic.Int64
	failed atomic.Pointer[error]
}

func (l *loop) fail(err error) { l.failed.CompareAndSwap(nil, &err) }

// work does operations on one connection and returns how long each took.
func (l *loop) work(c *Conn) (latencies []time.Duration) {
	for l.failed.Load() == nil {
		n := int(l.next.Add(1)) - 1
		begin := time.Now()
		if l.plan.Count > 0 && n >= l.plan.Count || l.plan.Duration > 0 && begin.Sub(l.start) >= l.plan.Duration {
			break
		}
		if err := l.plan.Do(c, n); err != nil {
			l.fail(err)
			break
		}
		latencies = append(latencies, time.Since(begin))
	}
	return latencies
}
