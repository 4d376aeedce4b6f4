package load

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sealwright/sealwright/bench/internal/stat"
)

// Pace is an open loop: requests are due at equal distances, whatever became of
// those before, and take from when they were due to the end of their answers.
//
// One thread sends them, waits, and reads the answers. With a goroutine for each
// connection Go's timers would tell, and its scheduler: they are due to the
// millisecond where nothing else runs, so requests came in bursts and the slowest
// hundredth was the client's. The thread has no priority: where client and server
// share processors it would take them from the server, whose slowest hundredth was
// three to five times as slow.
type Pace struct {
	Address     string // host:port
	Connections int    // at least 1; a request for which none is free waits
	Duration    time.Duration
	Rate        float64 // requests a second
	Request     func(n int) Request
	Check       func(Answer) error // an error ends the loop; the answer is valid until it returns
}

// Paced is what a pace did.
type Paced struct {
	Result
	late []time.Duration // ascending; how long after they could have been requests were sent
}

// Late is the quantile q of how late requests were sent, in seconds: what of their
// latency is the client's, and that of the machine which it was waiting for. That all
// connections were busy is the server's.
func (p Paced) Late(q float64) float64 { return stat.Quantile(p.late, q).Seconds() }

// Run sends requests until the time is up and waits for their answers. It returns
// the first error.
func (p Pace) Run(ctx context.Context) (Paced, error) {
	conns, err := dialAll(ctx, p.Address, p.Connections, dialRaw)
	defer closeAll(conns)
	if err != nil {
		return Paced{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return p.run(ctx, conns)
}

func (p Pace) run(ctx context.Context, conns []*Conn) (Paced, error) {
	count := int(p.Rate*p.Duration.Seconds()) + 1
	s := &pacer{Pace: p, start: time.Now(), idle: slices.Clone(conns), latencies: make([]time.Duration, 0, count), late: make([]time.Duration, 0, count)}
	for s.more() || len(s.busy) > 0 {
		if err := ctx.Err(); err != nil {
			return Paced{}, err
		}
		if err := s.step(); err != nil {
			return Paced{}, err
		}
	}
	elapsed := time.Since(s.start)
	slices.Sort(s.latencies)
	slices.Sort(s.late)
	return Paced{Result{Operations: len(s.latencies), Elapsed: elapsed, latencies: s.latencies}, s.late}, nil
}

// pacer is a pace that runs.
type pacer struct {
	Pace
	start     time.Time
	sent      int       // also the number of the next request
	idle      []*Conn   // the one that was busy last comes last, and is used first
	freed     time.Time // when there was an idle one again after there was none
	busy      []awaited
	polled    []unix.PollFd
	latencies []time.Duration
	late      []time.Duration
}

// awaited is an answer that is on its way.
type awaited struct {
	conn *Conn
	due  time.Time // of its request
}

// due is when the next request is.
func (p *pacer) due() time.Time {
	return p.start.Add(time.Duration(float64(p.sent) / p.Rate * float64(time.Second)))
}

func (p *pacer) more() bool { return p.due().Sub(p.start) < p.Duration }

// step sends what is due, and takes the answers that are there before the next is.
func (p *pacer) step() error {
	for p.more() && len(p.idle) > 0 && time.Until(p.due()) <= 0 {
		if err := p.send(); err != nil {
			return err
		}
	}
	wait := time.Second // nothing but an answer can be waited for
	if p.more() && len(p.idle) > 0 {
		wait = max(0, time.Until(p.due()))
	}
	if err := p.await(wait); err != nil {
		return err
	}
	return p.receive()
}

func (p *pacer) send() error {
	last := len(p.idle) - 1
	a := awaited{conn: p.idle[last], due: p.due()}
	p.late = append(p.late, min(time.Since(a.due), time.Since(p.freed)))
	if _, err := a.conn.net.Write(p.Request(p.sent)); err != nil {
		return err
	}
	p.idle, p.busy, p.sent = p.idle[:last], append(p.busy, a), p.sent+1
	return nil
}

// await waits for answers.
func (p *pacer) await(wait time.Duration) error {
	p.polled = p.polled[:0]
	for _, a := range p.busy {
		p.polled = append(p.polled, unix.PollFd{Fd: int32(a.conn.net.(rawConn)), Events: unix.POLLIN})
	}
	timeout := unix.NsecToTimespec(int64(wait))
	_, err := unix.Ppoll(p.polled, &timeout, nil)
	if err == unix.EINTR { // and nothing is ready, says polled
		return nil
	}
	return err
}

// receive takes the answers whose beginning is there.
func (p *pacer) receive() error {
	waiting, now := p.busy[:0], time.Now()
	for i, a := range p.busy {
		if p.polled[i].Revents == 0 {
			if now.Sub(a.due) > answerTimeout {
				return fmt.Errorf("the request of %s after the start: no answer: %w", a.due.Sub(p.start), os.ErrDeadlineExceeded)
			}
			waiting = append(waiting, a)
			continue
		}
		answer, err := a.conn.receive()
		p.latencies = append(p.latencies, time.Since(a.due))
		if err == nil {
			err = p.Check(answer)
		}
		if err != nil {
			return fmt.Errorf("the request of %s after the start: %w", a.due.Sub(p.start), err)
		}
		if len(p.idle) == 0 {
			p.freed = time.Now()
		}
		p.idle = append(p.idle, a.conn)
	}
	p.busy = waiting
	return nil
}
