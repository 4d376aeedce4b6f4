package sqlstore

import (
	"context"
	"runtime"
	"slices"
	"sync"
)

// convoy has callers that come at the same time served together by one of them.
// Who finds nobody ahead leads: it serves itself and all who have queued, on its
// own goroutine. Those who come meanwhile wait, and the first of them leads next.
// So what one call of serve costs is shared, and who is alone waits for no other
// goroutine.
type convoy[T any] struct {
	most  int               // served at once
	serve func([]*rider[T]) // sets each rider's err; may panic or end its goroutine

	mu      sync.Mutex
	queue   []*rider[T]
	led     bool
	company int // how many leaders are yet to expect others
	closed  bool
	empty   chan struct{} // closed once nobody is left after close
}

// rider is a caller in a convoy, and what it wants done.
type rider[T any] struct {
	ctx   context.Context
	wants T
	err   error
	leads bool      // set under the convoy's lock
	woken chan bool // true: to lead; false: it was served
}

func newConvoy[T any](most int, serve func([]*rider[T])) *convoy[T] {
	return &convoy[T]{most: most, serve: serve, empty: make(chan struct{})}
}

// ride has wants served and returns its error. A ctx that ends in the queue takes
// the caller out of it; later it waits for its answer, so that it always learns
// what happened. [ErrClosed].
func (c *convoy[T]) ride(ctx context.Context, wants T) error {
	r := &rider[T]{ctx: ctx, wants: wants, woken: make(chan bool, 1)}
	leads, err := c.enter(r)
	if err != nil {
		return err
	}
	if leads || c.await(r) {
		c.lead()
	}
	return r.err
}

// enter queues r and reports whether it is to lead.
func (c *convoy[T]) enter(r *rider[T]) (leads bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false, ErrClosed
	}
	if c.led {
		c.company = expectant
	}
	r.leads, c.led = !c.led, true
	c.queue = append(c.queue, r)
	return r.leads, nil
}

// await waits until r was served, or is to lead.
func (c *convoy[T]) await(r *rider[T]) (leads bool) {
	select {
	case leads = <-r.woken:
		return leads
	case <-r.ctx.Done():
	}
	if c.leave(r) {
		r.err = r.ctx.Err()
		return false
	}
	return <-r.woken
}

// leave takes r out of the queue, unless it is being served or is to lead.
func (c *convoy[T]) leave(r *rider[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.Index(c.queue, r)
	if at < 0 || r.leads {
		return false
	}
	c.queue = slices.Delete(c.queue, at, at+1)
	return true
}

// expectant is how many leaders expect others after one who was not alone.
const expectant = 16

// lead serves those who have queued, the caller first. If others have come lately,
// it lets them run before: where processors are busy, those who are about to come
// then come along. Who is alone would wake a processor for nobody.
func (c *convoy[T]) lead() {
	c.mu.Lock()
	if c.company > 0 {
		c.company--
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	n := min(len(c.queue), c.most)
	batch := slices.Clone(c.queue[:n])
	c.queue = slices.Delete(c.queue, 0, n)
	c.mu.Unlock()
	defer c.handOver(batch)
	c.serve(batch)
}

// handOver wakes those who were served, and who leads next.
func (c *convoy[T]) handOver(served []*rider[T]) {
	for _, r := range served[1:] {
		r.woken <- false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) > 0 {
		c.queue[0].leads = true
		c.queue[0].woken <- true
		return
	}
	c.led = false
	if c.closed {
		close(c.empty)
	}
}

// waiting is how many are in the queue.
func (c *convoy[T]) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue)
}

// close turns away whoever comes later and waits until the others are served. It
// is called once.
func (c *convoy[T]) close() {
	c.mu.Lock()
	c.closed = true
	led := c.led
	c.mu.Unlock()
	if led {
		<-c.empty
	}
}
