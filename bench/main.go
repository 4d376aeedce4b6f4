// Command bench measures this program beside its limits and its peers, in one
// run, and prints one table.
//
//	cd bench && go run .
//
// It builds the program from the tree that it stands in, starts it on loopback
// with a data directory of its own, drives it from the outside through the AWS
// and OCI protocols, and removes everything again. README.md says what each row
// measures and how to read it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"syscall"
	"time"
)

// maxRun bounds the whole run, with everything that may be asked for: a bench
// that takes longer is stuck.
const maxRun = 90 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures and prints: the table to out, progress to progress.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	s, err := parseSettings(args, progress)
	if err != nil {
		return err
	}
	debug.SetGCPercent(400) // the client should leave the cores to the servers
	b, err := newBench(ctx, s, progress)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.measure(ctx); err != nil {
		return err
	}
	fmt.Fprint(out, b.heading(ctx))
	return b.table.Write(out)
}

// settings are what the command line chooses.
type settings struct {
	rounds     int
	duration   time.Duration // of one load of one server
	only       *regexp.Regexp
	program    string // a built sealwright; empty: build the tree's
	signatures int    // that an image has
	blobSize   int64
	verbs      int // runs of each verb in a round
	settle     time.Duration

	scale        bool  // measure what grows with what is stored
	referrers    []int // of one image, ascending
	repositories []int
	memory       bool // measure what is held while much is done
	heavy        heavy
}

func parseSettings(args []string, usage io.Writer) (settings, error) {
	s := settings{
		signatures: 1000, blobSize: 256 << 20, verbs: 9, settle: 2 * time.Second,
		referrers: []int{0, 1000, 100_000}, repositories: []int{1, 100_000},
		heavy: heavy{reads: 1_000_000, listers: []int{16, 64}, blob: 10 << 30, uploads: 1000, rest: 15 * time.Second},
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.IntVar(&s.rounds, "rounds", 5, "how often everything is measured")
	flags.DurationVar(&s.duration, "duration", 2*time.Second, "how long each server is loaded in a round")
	flags.StringVar(&s.program, "program", "", "measure this sealwright instead of building the tree's")
	flags.BoolVar(&s.scale, "scale", false, "also measure beside 100,000 referrers and repositories; storing them takes minutes")
	flags.BoolVar(&s.memory, "memory", false, "also measure memory over a million reads, 100,000 referrers, 10 GiB and 1,000 uploads, once")
	quick := flags.Bool("quick", false, "one short round on little data: shows that the bench works, not how fast anything is")
	only := flags.String("only", "", "measure only what matches this regular expression: "+experimentNames())
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *quick {
		s.rounds, s.duration, s.signatures, s.blobSize, s.verbs, s.settle = 1, 250*time.Millisecond, 100, 32<<20, 2, 200*time.Millisecond
		s.referrers, s.repositories = []int{0, 100, 500}, []int{1, 100}
		s.heavy = heavy{reads: 2000, listers: []int{2, 4}, blob: 32 << 20, uploads: 50, rest: s.settle}
	}
	return s, s.check(*only)
}

// check completes s and refuses what would run forever or measure nothing.
func (s *settings) check(only string) (err error) {
	if s.rounds < 1 || s.rounds > 100 {
		return fmt.Errorf("-rounds is %d: choose 1 to 100", s.rounds)
	}
	if s.duration < 50*time.Millisecond || s.duration > time.Minute {
		return fmt.Errorf("-duration is %s: choose 50ms to 1m", s.duration)
	}
	if s.only, err = regexp.Compile(only); err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if len(s.chosen()) == 0 {
		return fmt.Errorf("-only %s matches none of: %s; those of scale and memory need -scale and -memory", only, experimentNames())
	}
	return nil
}
