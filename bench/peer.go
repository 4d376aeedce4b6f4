package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sealwright/sealwright/bench/internal/load"
	"github.com/sealwright/sealwright/bench/internal/process"
)

const (
	distributionName = "distribution v3.1.2"
	floorName        = "bare net/http"
)

// peer is a server that ours is measured beside.
type peer struct {
	process  *process.Process
	startup  time.Duration // from its start to the first 200
	registry registry
	files    string // the floor's directory of files
}

// distributionConfig stores in a directory, as durably as the registry knows
// how to, and leaves out what ours does not do either: access log, health
// checks of the storage, a cache of descriptors shared by processes.
const distributionConfig = `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: %q}
  cache: {blobdescriptor: inmemory}
http: {addr: %q}
`

// startDistribution starts the registry on a free port, without authentication,
// with its data in dir.
func startDistribution(ctx context.Context, program, dir string) (*peer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, distributionConfig, filepath.Join(dir, "data"), address), 0o600); err != nil {
		return nil, err
	}
	env := environment(dir, "OTEL_TRACES_EXPORTER=none")
	return startPeer(ctx, peer{registry: registry{address: address, host: address}}, env, program, "serve", config)
}

// startFloor starts the floor on a free port, with its files in dir.
func startFloor(ctx context.Context, program, dir string) (*peer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	p := peer{registry: registry{address: address, host: address}, files: dir}
	return startPeer(ctx, p, environment(dir), program, "-listen", address, "-dir", dir)
}

func startPeer(ctx context.Context, p peer, env []string, program string, args ...string) (*peer, error) {
	running, err := process.Start(ctx, env, program, args...)
	if err != nil {
		return nil, err
	}
	p.process = running
	path := "/" // distribution's health check
	if p.files != "" {
		path = "/files/"
	}
	if p.startup, err = running.AwaitOK(ctx, "http://"+p.registry.address+path); err != nil {
		running.Stop()
		return nil, err
	}
	return &p, nil
}

// keep makes the floor answer requests for path with body, so that it can be
// sent what ours was sent and answers what ours answered.
func (p *peer) keep(ctx context.Context, path string, body []byte) error {
	c, err := load.Dial(ctx, p.registry.address)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Expect(201, load.Make("PUT", path, p.registry.host, body))
	return err
}
