package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sealwright/sealwright/bench/internal/process"
	"github.com/sealwright/sealwright/bench/internal/table"
)

// start measures how long it takes from the start of the process to the first
// 200, and how much memory an idle service holds.
type start struct{}

func (*start) prepare(context.Context, *bench) error { return nil }

func (*start) round(ctx context.Context, b *bench, n int) error {
	dir := filepath.Join(b.dir, fmt.Sprintf("start-%d", n))
	defer os.RemoveAll(dir)
	fresh, _, err := startOurs(ctx, b, dir)
	if err != nil {
		return err
	}
	again, memory, err := startOurs(ctx, b, dir)
	if err != nil {
		return err
	}
	peer, err := startDistribution(ctx, b.programs.distribution, filepath.Join(dir, "distribution"))
	if err != nil {
		return err
	}
	defer peer.process.Stop()
	theirMemory, err := idleMemory(b, peer.process)
	if err != nil {
		return err
	}
	_, version, err := b.ours.command("version").Run(ctx)
	if err != nil {
		return err
	}
	theirs := peer.startup.Seconds()
	b.table.Add(table.Measurement{Work: "start to serving, new data directory", Unit: table.Seconds, Value: fresh.Seconds(), Beside: distributionName, Limit: theirs})
	b.table.Add(table.Measurement{Work: "start to serving, existing data", Unit: table.Seconds, Value: again.Seconds(), Beside: distributionName, Limit: theirs})
	b.table.Add(table.Measurement{Work: "start to serving, existing data", Unit: table.Seconds, Value: again.Seconds(), Beside: "sealwright version", Limit: version.Wall})
	b.table.Add(table.Measurement{Work: "memory, idle after start", Unit: table.Bytes, Value: memory, Beside: distributionName, Limit: theirMemory})
	return nil
}

// startOurs starts a service on a directory, measures, and stops it.
func startOurs(ctx context.Context, b *bench, dir string) (took time.Duration, memory float64, err error) {
	s := &service{program: b.programs.sealwright, data: filepath.Join(dir, "data"), home: filepath.Join(dir, "home")}
	if err := s.serve(ctx); err != nil {
		return 0, 0, err
	}
	defer s.process.Stop()
	memory, err = idleMemory(b, s.process)
	return s.startup, memory, err
}

// idleMemory is what the process holds a moment after it began to serve.
func idleMemory(b *bench, p *process.Process) (float64, error) {
	time.Sleep(b.settle)
	return p.ResidentBytes()
}
