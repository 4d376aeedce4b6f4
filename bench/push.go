package main

import (
	"context"

	"github.com/sealwright/sealwright/bench/internal/load"
	"github.com/sealwright/sealwright/bench/internal/process"
	"github.com/sealwright/sealwright/bench/internal/table"
)

const (
	pushRepository = "bench/push"
	pushWorkers    = 16
)

// imagePush measures durable pushes of small images, 16 at a time, into one
// repository: two blobs (POST, PUT) and a manifest with a tag of its own.
type imagePush struct{ images images }

func (e *imagePush) prepare(ctx context.Context, b *bench) error {
	noteDistribution(b)
	return b.ours.createRepository(ctx, pushRepository)
}

func noteDistribution(b *bench) {
	b.table.Note(distributionName + ": filesystem driver, which syncs files; no authentication, no access log. Ours checks a token on every request.")
}

func (e *imagePush) round(ctx context.Context, b *bench, n int) error {
	ours, theirs, err := alternate(n,
		func() (loaded, error) { return e.load(ctx, b, b.ours.process, b.ours.registry) },
		func() (loaded, error) { return e.load(ctx, b, b.distribution.process, b.distribution.registry) })
	if err != nil {
		return err
	}
	const work = "image push, 16 workers, durable"
	b.table.Add(table.Measurement{Work: work + ": server CPU", Unit: table.Seconds, Value: ours.cpu, Beside: distributionName, Limit: theirs.cpu})
	b.addRateAndLatency(work, ours, distributionName, theirs)
	return nil
}

func (e *imagePush) load(ctx context.Context, b *bench, server *process.Process, to registry) (loaded, error) {
	return loadServer(ctx, server, load.Plan{
		Address: to.address, Connections: pushWorkers, Duration: b.duration,
		Do: func(c *load.Conn, _ int) error {
			_, err := e.images.push(c, to, pushRepository)
			return err
		},
	})
}

// alternate measures ours and theirs, in the other order every other round, so
// that neither always comes first.
func alternate(round int, ours, theirs func() (loaded, error)) (o, t loaded, err error) {
	if round%2 == 0 {
		if o, err = ours(); err == nil {
			t, err = theirs()
		}
		return o, t, err
	}
	if t, err = theirs(); err == nil {
		o, err = ours()
	}
	return o, t, err
}
