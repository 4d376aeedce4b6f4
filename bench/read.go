package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/sealwright/sealwright/bench/internal/load"
	"github.com/sealwright/sealwright/bench/internal/process"
	"github.com/sealwright/sealwright/bench/internal/table"
)

const (
	readRepository = "bench/read"
	readers        = 16
)

// manifestGet measures the GET of a manifest by digest from a repository that
// holds 1,000 signatures, with the token checked each time.
type manifestGet struct {
	images       images
	ours, theirs load.Request
	body, their  []byte
}

func (e *manifestGet) prepare(ctx context.Context, b *bench) (err error) {
	noteDistribution(b)
	const repository = readRepository + "/manifest"
	if err := b.ours.createRepository(ctx, repository); err != nil {
		return err
	}
	if e.ours, e.body, err = e.push(ctx, b.ours.registry, repository, b.signatures); err != nil {
		return err
	}
	if e.theirs, e.their, err = e.push(ctx, b.distribution.registry, repository, b.signatures); err != nil {
		return err
	}
	return b.floor.keep(ctx, target(e.ours), e.body)
}

func (e *manifestGet) push(ctx context.Context, to registry, repository string, signatures int) (load.Request, []byte, error) {
	m, _, err := e.images.signed(ctx, to, repository, signatures)
	if err != nil {
		return nil, nil, err
	}
	return to.get(ctx, "/v2/"+repository+"/manifests/"+m.Digest, "Accept: "+imageManifest)
}

// target is the path of a request.
func target(r load.Request) (path string) {
	fmt.Sscanf(string(r), "GET %s ", &path)
	return path
}

func (e *manifestGet) round(ctx context.Context, b *bench, _ int) error {
	ours, err := b.read(ctx, b.ours.process, b.ours.registry, readers, repeat(e.ours, e.body))
	if err != nil {
		return err
	}
	floor, err := b.read(ctx, b.floor.process, b.floor.registry, readers, repeat(e.ours, e.body))
	if err != nil {
		return err
	}
	theirs, err := b.read(ctx, b.distribution.process, b.distribution.registry, readers, repeat(e.theirs, e.their))
	if err != nil {
		return err
	}
	const work = "manifest GET by digest, 16 connections"
	b.table.Add(table.Measurement{Work: work + ": server CPU", Unit: table.Seconds, Value: ours.cpu, Beside: floorName, Limit: floor.cpu})
	b.table.Add(table.Measurement{Work: work + ": rate", Unit: table.PerSecond, Value: ours.Rate(), Beside: distributionName, Limit: theirs.Rate()})
	b.addRateAndLatency(work, ours, floorName, floor)
	return nil
}

// read loads a server with reads for the duration.
func (b *bench) read(ctx context.Context, server *process.Process, from registry, connections int, do func(*load.Conn, int) error) (loaded, error) {
	return loadServer(ctx, server, load.Plan{Address: from.address, Connections: connections, Duration: b.duration, Do: do})
}

// referrers measures the list of all 1,000 signatures of an image.
type referrers struct {
	images  images
	request load.Request
	body    []byte
}

func (e *referrers) prepare(ctx context.Context, b *bench) error {
	const repository = readRepository + "/referrers"
	if err := b.ours.createRepository(ctx, repository); err != nil {
		return err
	}
	subject, _, err := e.images.signed(ctx, b.ours.registry, repository, b.signatures)
	if err != nil {
		return err
	}
	if e.request, e.body, err = b.ours.registry.get(ctx, "/v2/"+repository+"/referrers/"+subject.Digest); err != nil {
		return err
	}
	listed, err := countManifests(e.body)
	if err != nil {
		return err
	}
	if listed != b.signatures {
		return fmt.Errorf("the list has %d referrers, not %d", listed, b.signatures)
	}
	return b.floor.keep(ctx, target(e.request), e.body)
}

func countManifests(body []byte) (int, error) {
	var list index
	err := json.Unmarshal(body, &list)
	return len(list.Manifests), err
}

func (e *referrers) round(ctx context.Context, b *bench, _ int) error {
	for _, connections := range []int{1, readers} {
		ours, err := b.read(ctx, b.ours.process, b.ours.registry, connections, repeat(e.request, e.body))
		if err != nil {
			return err
		}
		floor, err := b.read(ctx, b.floor.process, b.floor.registry, connections, repeat(e.request, e.body))
		if err != nil {
			return err
		}
		work := fmt.Sprintf("referrers of %s, %s", table.Count(b.signatures), countConnections(connections))
		if connections == 1 {
			b.table.Add(table.Measurement{Work: work + ": p50", Unit: table.Seconds, Value: ours.Latency(0.5), Beside: floorName, Limit: floor.Latency(0.5)})
			continue
		}
		b.addRateAndLatency(work, ours, floorName, floor)
	}
	return nil
}

// blobGet measures the download of a large blob on one connection, from the
// page cache. The floor's file server uses sendfile: that is the limit.
type blobGet struct{ path, floorPath string }

func (e *blobGet) prepare(ctx context.Context, b *bench) error {
	const repository = readRepository + "/blob"
	noteDistribution(b)
	if err := b.ours.createRepository(ctx, repository); err != nil {
		return err
	}
	file := filepath.Join(b.floor.files, "blob")
	digest, err := writeRandom(file, b.blobSize)
	if err != nil {
		return err
	}
	for _, to := range []registry{b.ours.registry, b.distribution.registry} {
		if err := to.pushFile(ctx, repository, file, digest); err != nil {
			return err
		}
	}
	e.path, e.floorPath = "/v2/"+repository+"/blobs/"+digest, "/files/blob"
	return nil
}

// writeRandom writes a file of pseudo-random bytes and returns its digest.
func writeRandom(path string, size int64) (digest string, err error) {
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, sum), rand.NewChaCha8([32]byte{}), size)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), err
}

func (e *blobGet) round(ctx context.Context, b *bench, _ int) error {
	ours, err := e.load(ctx, b, b.ours.process, b.ours.registry, e.path)
	if err != nil {
		return err
	}
	floor, err := e.load(ctx, b, b.floor.process, b.floor.registry, e.floorPath)
	if err != nil {
		return err
	}
	theirs, err := e.load(ctx, b, b.distribution.process, b.distribution.registry, e.path)
	if err != nil {
		return err
	}
	work := fmt.Sprintf("blob GET, %d MiB, 1 connection", b.blobSize>>20)
	size := float64(b.blobSize)
	b.table.Add(table.Measurement{Work: work, Unit: table.BytesPerSecond, Value: ours.Rate() * size, Beside: floorName + ", sendfile", Limit: floor.Rate() * size})
	b.table.Add(table.Measurement{Work: work, Unit: table.BytesPerSecond, Value: ours.Rate() * size, Beside: distributionName, Limit: theirs.Rate() * size})
	return nil
}

func (e *blobGet) load(ctx context.Context, b *bench, server *process.Process, from registry, path string) (loaded, error) {
	request := from.request("GET", path, nil)
	return b.read(ctx, server, from, 1, func(c *load.Conn, _ int) error {
		a, err := c.Drain(request)
		if err == nil && (a.Status != 200 || a.Size != b.blobSize) {
			err = fmt.Errorf("GET %s: status %d with %d of %d bytes", path, a.Status, a.Size, b.blobSize)
		}
		return err
	})
}
