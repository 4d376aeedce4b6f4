package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sealwright/sealwright/bench/internal/load"
)

const (
	seedWorkers = 64
	// maxSeed bounds the filling of one service. What takes longer is stuck, or
	// grows with what is stored, which the error then says.
	maxSeed = 20 * time.Minute
	// stockImages is how many images are read in turn, so that no row is about
	// one answer that every cache holds.
	stockImages = 200
)

// startAnother starts one more service, with a data directory of its own under
// name, that runs until the bench closes.
func (b *bench) startAnother(ctx context.Context, name string) (*service, error) {
	s, err := startService(ctx, b.programs.sealwright, filepath.Join(b.dir, name))
	if err == nil {
		b.others = append(b.others, s)
	}
	return s, err
}

// stocked is an image that is there to be read.
type stocked struct {
	repository string
	manifest   manifest
	layer      string // its digest
}

// stock pushes images, the n-th into the repository that repositoryOf says,
// which must exist.
func (i *images) stock(ctx context.Context, to registry, count int, repositoryOf func(n int) string) ([]stocked, error) {
	stock := make([]stocked, count)
	_, err := load.Run(ctx, load.Plan{
		Address: to.address, Connections: seedWorkers, Count: count,
		Do: func(c *load.Conn, n int) (err error) {
			s := &stock[n]
			s.repository = repositoryOf(n)
			if s.manifest, err = i.push(c, to, s.repository); err != nil {
				return err
			}
			s.layer, err = layerOf(s.manifest)
			return err
		},
	})
	return stock, err
}

func layerOf(m manifest) (digest string, err error) {
	var image struct{ Layers []descriptor }
	if err := json.Unmarshal(m.bytes, &image); err != nil {
		return "", err
	}
	return image.Layers[0].Digest, nil
}

// readManifests reads the manifests of a stock in turn, by digest, and compares
// what comes. The stock may have moved to another port since it was pushed.
func readManifests(from registry, stock []stocked) func(*load.Conn, int) error {
	reads := make([]func(*load.Conn, int) error, len(stock))
	for n, s := range stock {
		request := from.request("GET", "/v2/"+s.repository+"/manifests/"+s.manifest.Digest, nil, "Accept: "+imageManifest)
		reads[n] = repeat(request, s.manifest.bytes)
	}
	return inTurn(reads)
}

// readLayers reads the layers of a stock in turn.
func readLayers(from registry, stock []stocked) func(*load.Conn, int) error {
	reads := make([]func(*load.Conn, int) error, len(stock))
	for n, s := range stock {
		request := from.request("GET", "/v2/"+s.repository+"/blobs/"+s.layer, nil)
		reads[n] = func(c *load.Conn, _ int) error {
			a, err := c.Expect(200, request)
			if err == nil && a.Size != layerSize {
				err = fmt.Errorf("a layer of %d bytes came with %d", layerSize, a.Size)
			}
			return err
		}
	}
	return inTurn(reads)
}

func inTurn(reads []func(*load.Conn, int) error) func(*load.Conn, int) error {
	return func(c *load.Conn, n int) error { return reads[n%len(reads)](c, n) }
}

// createRepositories creates count repositories.
func (s *service) createRepositories(ctx context.Context, count int, nameOf func(n int) string) error {
	ctx, cancel := context.WithTimeout(ctx, maxSeed)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for worker := range seedWorkers {
		group.Go(func() error {
			for n := worker; n < count; n += seedWorkers {
				if err := s.createRepository(ctx, nameOf(n)); err != nil {
					return fmt.Errorf("repository %d of %d: %w", n, count, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// signMany pushes count signatures of a subject, each with an envelope of its
// own.
func (i *images) signMany(ctx context.Context, to registry, repository string, subject descriptor, count int) error {
	if count == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxSeed)
	defer cancel()
	_, err := load.Run(ctx, load.Plan{
		Address: to.address, Connections: seedWorkers, Count: count,
		Do: func(c *load.Conn, n int) error {
			if err := i.signAtOnce(c, to, repository, subject); err != nil {
				return fmt.Errorf("signature %d of %d: %w", n, count, err)
			}
			return nil
		},
	})
	return err
}

// signAtOnce is sign in as few requests as can be.
func (i *images) signAtOnce(c *load.Conn, to registry, repository string, subject descriptor) error {
	envelope, err := to.pushBlobAtOnce(c, repository, i.content(envelopeSize))
	if err != nil {
		return err
	}
	envelope.MediaType = envelopeType
	_, err = i.attach(c, to, repository, subject, envelope)
	return err
}

// pushEmptyConfig pushes the configuration that signatures have.
func pushEmptyConfig(ctx context.Context, to registry, repository string) error {
	c, err := load.Dial(ctx, to.address)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = to.pushBlob(c, repository, []byte("{}"))
	return err
}
