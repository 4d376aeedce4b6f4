package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sealwright/sealwright/bench/internal/load"
	"github.com/sealwright/sealwright/bench/internal/table"
)

// heavy is how much the memory rows do. Each is done once, in the first round,
// to a service that was started for it.
type heavy struct {
	reads   int   // of manifests
	listers []int // that list all referrers of one image at once
	blob    int64
	uploads int // begun, then left alone
	rest    time.Duration
}

// watch does work and adds two rows: the most memory that the service held while
// it was done, and what it still holds after a rest, each beside what it held
// before.
func (b *bench) watch(s *service, work string, do func() error) error {
	before, err := idleMemory(b, s.process)
	if err != nil {
		return err
	}
	if err := s.process.ForgetPeak(); err != nil {
		return err
	}
	if err := do(); err != nil {
		return s.process.Explain(err)
	}
	peak, err := s.process.PeakBytes()
	if err != nil {
		return err
	}
	time.Sleep(b.heavy.rest)
	after, err := s.process.ResidentBytes()
	if err != nil {
		return err
	}
	b.addMemory(work+": peak", peak, "at the start", before)
	b.addMemory(fmt.Sprintf("%s: %s later", work, b.heavy.rest), after, "at the start", before)
	return nil
}

func (b *bench) addMemory(work string, value float64, beside string, limit float64) {
	b.table.Add(table.Measurement{Work: "memory, " + work, Unit: table.Bytes, Value: value, Beside: beside, Limit: limit})
}

// memoryReads holds memory against a million reads of manifests.
type memoryReads struct {
	images  images
	service *service
	stock   []stocked
}

func (e *memoryReads) prepare(ctx context.Context, b *bench) (err error) {
	const repository = "memory/reads"
	if e.service, err = b.startAnother(ctx, "memory-reads"); err != nil {
		return err
	}
	if err := e.service.createRepository(ctx, repository); err != nil {
		return err
	}
	e.stock, err = e.images.stock(ctx, e.service.registry, stockImages, func(int) string { return repository })
	return err
}

func (e *memoryReads) round(ctx context.Context, b *bench, n int) error {
	if n > 0 {
		return nil
	}
	if err := e.service.restart(ctx); err != nil {
		return err
	}
	work := table.Count(b.heavy.reads) + " manifest reads"
	var early float64
	err := b.watch(e.service, work, func() (err error) {
		if err := e.read(ctx, b.heavy.reads/100); err != nil {
			return err
		}
		if early, err = e.service.process.ResidentBytes(); err != nil {
			return err
		}
		return e.read(ctx, b.heavy.reads-b.heavy.reads/100)
	})
	if err != nil {
		return err
	}
	late, err := e.service.process.PeakBytes()
	b.addMemory(work+": peak", late, "after "+table.Count(b.heavy.reads/100), early)
	return err
}

func (e *memoryReads) read(ctx context.Context, count int) error {
	to := e.service.registry
	_, err := load.Run(ctx, load.Plan{Address: to.address, Connections: readers, Count: count, Do: readManifests(to, e.stock)})
	return err
}

// memoryReferrers holds memory against lists of 100,000 referrers, page by page,
// several at a time.
type memoryReferrers struct{ crowd *crowd }

func (e *memoryReferrers) prepare(ctx context.Context, b *bench) (err error) {
	e.crowd, err = b.seedCrowd(ctx)
	return err
}

func (e *memoryReferrers) round(ctx context.Context, b *bench, n int) error {
	if n > 0 {
		return nil
	}
	for _, listers := range b.heavy.listers {
		if err := e.list(ctx, b, listers); err != nil {
			return err
		}
	}
	return nil
}

// list lists all referrers on so many connections at once, of a service that has
// no page ready yet.
func (e *memoryReferrers) list(ctx context.Context, b *bench, listers int) error {
	if err := e.crowd.service.restart(ctx); err != nil {
		return err
	}
	l := e.crowd.levels[len(e.crowd.levels)-1]
	work := fmt.Sprintf("%s referrers listed on %s", table.Count(l.referrers), countConnections(listers))
	return b.watch(e.crowd.service, work, func() error {
		to := e.crowd.service.registry
		_, err := load.Run(ctx, load.Plan{
			Address: to.address, Connections: listers, Count: listers,
			Do: func(c *load.Conn, _ int) error {
				listed, err := listReferrers(c, to, l.path())
				if err == nil && listed != l.referrers {
					err = fmt.Errorf("%d referrers are listed, not %d", listed, l.referrers)
				}
				return err
			},
		})
		return err
	})
}

// listReferrers follows the pages of a list and counts what is on them.
func listReferrers(c *load.Conn, from registry, path string) (count int, err error) {
	for path != "" {
		a, err := c.Expect(200, from.request("GET", path, nil))
		if err != nil {
			return 0, err
		}
		listed, err := countManifests(a.Body)
		if err != nil {
			return 0, err
		}
		if count += listed; listed == 0 && a.Link != "" {
			return 0, fmt.Errorf("GET %s: an empty page that is not the last", path)
		}
		path = nextPage(a.Link)
	}
	return count, nil
}

// nextPage is the target of a Link header with rel="next", or empty.
func nextPage(link string) string {
	target, parameters, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if !ok || !strings.Contains(parameters, `rel="next"`) {
		return ""
	}
	return load.Target(target)
}

// memoryUploads holds memory against uploads that were begun, were sent a piece,
// and are left alone.
type memoryUploads struct{ service *service }

const (
	uploadRepository = "memory/uploads"
	uploadPiece      = 64 << 10
)

func (e *memoryUploads) prepare(ctx context.Context, b *bench) (err error) {
	if e.service, err = b.startAnother(ctx, "memory-uploads"); err != nil {
		return err
	}
	return e.service.createRepository(ctx, uploadRepository)
}

func (e *memoryUploads) round(ctx context.Context, b *bench, n int) error {
	if n > 0 {
		return nil
	}
	places := make([]string, b.heavy.uploads)
	work := table.Count(len(places)) + " idle uploads of 64 KiB"
	err := b.watch(e.service, work, func() error { return e.each(ctx, places, e.begin) })
	if err != nil {
		return err
	}
	return e.each(ctx, places, e.cancel)
}

func (e *memoryUploads) each(ctx context.Context, places []string, do func(*load.Conn, *string) error) error {
	_, err := load.Run(ctx, load.Plan{
		Address: e.service.registry.address, Connections: pushWorkers, Count: len(places),
		Do: func(c *load.Conn, n int) error { return do(c, &places[n]) },
	})
	return err
}

func (e *memoryUploads) begin(c *load.Conn, place *string) error {
	to := e.service.registry
	started, err := c.Expect(202, to.request("POST", "/v2/"+uploadRepository+"/blobs/uploads/", nil))
	if err != nil {
		return err
	}
	fed, err := c.Expect(202, to.request("PATCH", load.Target(started.Location), make([]byte, uploadPiece), "Content-Type: application/octet-stream"))
	*place = load.Target(fed.Location)
	return err
}

// cancel also shows that the upload was still there.
func (e *memoryUploads) cancel(c *load.Conn, place *string) error {
	_, err := c.Expect(204, e.service.registry.request("DELETE", *place, nil))
	return err
}
