package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sealwright/sealwright/bench/internal/load"
	"github.com/sealwright/sealwright/bench/internal/process"
	"github.com/sealwright/sealwright/bench/internal/table"
)

// halfRate measures how long the slowest hundredth takes beside the median, when a
// server does half of what it can: ours and the floor, which is sent the same and
// can do more.
type halfRate struct {
	work     string
	requests []load.Request // sent in turn
	check    func(load.Answer) error
	ours     float64 // what ours can do, in requests a second
	floor    float64
}

func (h halfRate) add(ctx context.Context, b *bench) error {
	ours, err := h.run(ctx, b.ours.process, b.ours.registry.address, h.ours/2, b.duration)
	if err != nil {
		return err
	}
	floor, err := h.run(ctx, b.floor.process, b.floor.registry.address, h.floor/2, b.duration/2)
	if err != nil {
		return err
	}
	const p99 = ", half the rate: p99"
	b.table.Add(table.Measurement{Work: h.work + p99, Unit: table.Seconds, Value: ours.Latency(0.99), Beside: "its p50", Limit: ours.Latency(0.5)})
	b.table.Add(table.Measurement{Work: h.work + " by " + floorName + p99, Unit: table.Seconds, Value: floor.Latency(0.99), Beside: "its p50", Limit: floor.Latency(0.5)})
	b.table.Add(table.Measurement{Work: h.work + p99 + " of how late it was sent", Unit: table.Seconds, Value: ours.Late(0.99), Beside: floorName, Limit: floor.Late(0.99)})
	return nil
}

// run loads a server after a short warm-up.
func (h halfRate) run(ctx context.Context, p *process.Process, address string, rate float64, d time.Duration) (r load.Paced, err error) {
	pace := load.Pace{Address: address, Connections: connectionsAtHalf, Rate: rate, Check: h.check, Request: func(n int) load.Request { return h.requests[n%len(h.requests)] }}
	for _, pace.Duration = range []time.Duration{d / 10, d} {
		if r, err = pace.Run(ctx); err != nil {
			return r, p.Explain(err)
		}
	}
	return r, nil
}

// connectionsAtHalf is more than are ever busy at once, unless the server stands still.
const connectionsAtHalf = 64

// answered is the check that an answer has a status.
func answered(status int) func(load.Answer) error {
	return func(a load.Answer) error {
		if a.Status != status {
			return fmt.Errorf("status %d, not %d: %.300s", a.Status, status, a.Body)
		}
		return nil
	}
}
