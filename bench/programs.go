package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/sealwright/sealwright/bench/internal/process"
)

// programs are the paths of what the bench runs.
type programs struct{ sealwright, distribution, floor string }

// build builds the peers and, unless one is given, sealwright into dir. Paths
// are relative to the directory of the bench, where `go run .` puts us.
func build(ctx context.Context, dir, given string) (programs, error) {
	p := programs{
		sealwright:   filepath.Join(dir, "bin", "sealwright"),
		distribution: filepath.Join(dir, "bin", "distribution"),
		floor:        filepath.Join(dir, "bin", "floor"),
	}
	if err := goBuild(ctx, ".", p.distribution, "./distribution"); err != nil {
		return p, err
	}
	if err := goBuild(ctx, ".", p.floor, "./floor"); err != nil {
		return p, err
	}
	if given != "" {
		absolute, err := filepath.Abs(given)
		p.sealwright = absolute
		return p, err
	}
	return p, goBuild(ctx, "..", p.sealwright, "./cmd/sealwright")
}

// goBuild builds as releases are built: without C, whose library would count as
// memory.
func goBuild(ctx context.Context, dir, out, pkg string) error {
	_, _, err := process.Command{Program: "go", Args: []string{"build", "-o", out, pkg}, Dir: dir, Env: append(os.Environ(), "CGO_ENABLED=0")}.Run(ctx)
	return err
}

// environment is ours for the programs under test: without the settings of AWS
// clients, notation, telemetry and sealwright that the caller may have, and with
// a home that is the run's.
func environment(home string, more ...string) []string {
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_CACHE_HOME=" + filepath.Join(home, "cache"), "DOCKER_CONFIG=" + filepath.Join(home, "docker")}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if name == "PATH" || name == "TMPDIR" || name == "SYSTEMROOT" {
			env = append(env, v)
		}
	}
	return append(env, more...)
}
