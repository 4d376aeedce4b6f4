package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sealwright/sealwright/bench/internal/load"
	"github.com/sealwright/sealwright/bench/internal/process"
	"github.com/sealwright/sealwright/bench/internal/table"
)

// experiment is one thing that is measured. It keeps between rounds what
// prepare made.
type experiment interface {
	// prepare brings about what every round needs, once.
	prepare(ctx context.Context, b *bench) error
	// round measures once and adds its rows to the table.
	round(ctx context.Context, b *bench, n int) error
}

type named struct {
	name string
	experiment
}

// experiments are in the order of the table's rows.
func experiments() []named {
	return []named{
		{"sign-payload", &signPayload{}},
		{"revocation-status", &revocationStatus{}},
		{"verbs", &verbs{}},
		{"image-push", &imagePush{}},
		{"signature-push", &signaturePush{}},
		{"manifest-get", &manifestGet{}},
		{"authorization", &authorization{}},
		{"referrers", &referrers{}},
		{"blob-get", &blobGet{}},
		{"start", &start{}},
		{"scale-referrers", &scaleReferrers{}},
		{"scale-repositories", &scaleRepositories{}},
		{"memory-reads", &memoryReads{}},
		{"memory-referrers", &memoryReferrers{}},
		{"memory-blob", &memoryBlob{}},
		{"memory-uploads", &memoryUploads{}},
	}
}

// chosen are the experiments that the command line asks for.
func (s settings) chosen() (chosen []named) {
	for _, e := range experiments() {
		wanted := (s.scale || !strings.HasPrefix(e.name, "scale-")) && (s.memory || !strings.HasPrefix(e.name, "memory-"))
		if wanted && s.only.MatchString(e.name) {
			chosen = append(chosen, e)
		}
	}
	return chosen
}

func experimentNames() string {
	var names []string
	for _, e := range experiments() {
		names = append(names, e.name)
	}
	return strings.Join(names, " ")
}

// bench is the machine room: the programs, running, and the table.
type bench struct {
	settings
	progress io.Writer
	table    table.Table
	dir      string // of everything the run makes
	programs programs

	ours         *service
	distribution *peer
	floor        *peer
	others       []*service // that experiments have to themselves
	crowd        *crowd     // nil until it is seeded
}

// newBench builds the programs and starts them.
func newBench(ctx context.Context, s settings, progress io.Writer) (*bench, error) {
	dir, err := os.MkdirTemp("", "sealwright-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{settings: s, progress: progress, dir: dir}
	if err := b.start(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) start(ctx context.Context) (err error) {
	if b.programs, err = build(ctx, b.dir, b.program); err != nil {
		return err
	}
	if b.ours, err = startService(ctx, b.programs.sealwright, filepath.Join(b.dir, "service")); err != nil {
		return err
	}
	if b.distribution, err = startDistribution(ctx, b.programs.distribution, filepath.Join(b.dir, "distribution")); err != nil {
		return err
	}
	b.floor, err = startFloor(ctx, b.programs.floor, filepath.Join(b.dir, "floor"))
	return err
}

func (b *bench) close() {
	if b.ours != nil {
		b.ours.process.Stop()
	}
	for _, s := range b.others {
		s.process.Stop()
	}
	for _, p := range []*peer{b.distribution, b.floor} {
		if p != nil {
			p.process.Stop()
		}
	}
	os.RemoveAll(b.dir)
}

// measure does the rounds. All experiments of a round come before the next
// round, so that a change of the machine's mood meets all rows alike.
func (b *bench) measure(ctx context.Context) error {
	chosen := b.chosen()
	for _, e := range chosen {
		fmt.Fprintf(b.progress, "prepare %s\n", e.name)
		if err := e.prepare(ctx, b); err != nil {
			return fmt.Errorf("prepare %s: %w", e.name, err)
		}
	}
	for n := range b.rounds {
		for _, e := range chosen {
			fmt.Fprintf(b.progress, "round %d of %d: %s\n", n+1, b.rounds, e.name)
			if err := e.round(ctx, b, n); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
		}
	}
	return nil
}

// heading says what was measured, where and how.
func (b *bench) heading(ctx context.Context) string {
	return fmt.Sprintf("%s\n%s, %d cores, %s/%s, %s; client and servers share them; load average at the end %s\nrounds: %d, of %s for each load; figures are median (least–greatest), ratios are within a round; ↓ less is better, ↑ more is better\n\n",
		b.version(ctx), processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), loadAverage(), b.rounds, b.duration)
}

// version is what the program says of itself: its version and, where the
// toolchain recorded one, its commit.
func (b *bench) version(ctx context.Context) string {
	text, _, _ := b.ours.command("version").Run(ctx)
	said := []string{"sealwright"}
	for line := range strings.Lines(text) {
		if name, value, _ := strings.Cut(line, ":"); name == "Version" || name == "Git commit" {
			said = append(said, strings.TrimSpace(value))
		}
	}
	return strings.Join(said, " ")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// processor is the machine's processor as Linux names it.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, _ := strings.Cut(string(text), "model name")
	_, name, ok := strings.Cut(firstLine(rest), ":")
	if !ok {
		return "unknown processor"
	}
	return strings.TrimSpace(name)
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	average, _, _ := strings.Cut(string(text), " ")
	return average
}

// loaded is what a server did under a load.
type loaded struct {
	load.Result
	cpu float64 // of the server, in seconds per operation
}

// loadServer runs a plan after a short one that warms up the server and the
// client, and measures what the server spends.
func loadServer(ctx context.Context, p *process.Process, plan load.Plan) (l loaded, err error) {
	warm := plan
	warm.Duration, warm.Count = max(plan.Duration/10, 20*time.Millisecond), 0
	if plan.Count == 0 { // counted operations are not idempotent: each is done once
		if _, err := load.Run(ctx, warm); err != nil {
			return l, p.Explain(err)
		}
	}
	before, err := p.CPU()
	if err != nil {
		return l, err
	}
	if l.Result, err = load.Run(ctx, plan); err != nil {
		return l, p.Explain(err)
	}
	after, err := p.CPU()
	if err != nil {
		return l, err
	}
	if l.Operations == 0 {
		return l, fmt.Errorf("no operation ended within %s", plan.Duration)
	}
	l.cpu = (after - before).Seconds() / float64(l.Operations)
	return l, nil
}
