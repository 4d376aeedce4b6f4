package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sealwright/sealwright/bench/internal/load"
	"github.com/sealwright/sealwright/bench/internal/table"
)

// scaleReferrers measures the same requests of repositories whose image has
// none, 1,000 and 100,000 signatures. What grows beside the first depends on
// what is stored.
type scaleReferrers struct{ crowd *crowd }

func (e *scaleReferrers) prepare(ctx context.Context, b *bench) (err error) {
	e.crowd, err = b.seedCrowd(ctx)
	return err
}

func (e *scaleReferrers) round(ctx context.Context, b *bench, n int) error {
	steps := []func(context.Context, *bench, int) error{e.readManifests, e.readBlobs, e.firstPage, e.push}
	for _, step := range steps {
		if err := step(ctx, b, n); err != nil {
			return err
		}
	}
	return nil
}

func (e *scaleReferrers) readManifests(ctx context.Context, b *bench, n int) error {
	results, err := e.each(n, func(_ int, l level) (loaded, error) {
		return e.read(ctx, b, readers, readManifests(e.crowd.service.registry, l.stock))
	})
	e.add(b, "manifest GET", results)
	return err
}

func (e *scaleReferrers) readBlobs(ctx context.Context, b *bench, n int) error {
	results, err := e.each(n, func(_ int, l level) (loaded, error) {
		return e.read(ctx, b, readers, readLayers(e.crowd.service.registry, l.stock))
	})
	e.add(b, "blob GET, 16 KiB", results)
	return err
}

func (e *scaleReferrers) read(ctx context.Context, b *bench, connections int, do func(*load.Conn, int) error) (loaded, error) {
	s := e.crowd.service
	return b.read(ctx, s.process, s.registry, connections, do)
}

// firstPage measures the first page of the list. Pages hold up to 4 MiB, so
// what can be compared is the cost of each referrer listed, beside the first
// level that has any.
func (e *scaleReferrers) firstPage(ctx context.Context, b *bench, n int) error {
	listed := make([]int, len(e.crowd.levels))
	results, err := e.each(n, func(i int, l level) (loaded, error) {
		request, body, err := e.crowd.service.registry.get(ctx, l.path())
		if err != nil {
			return loaded{}, err
		}
		if listed[i], err = countManifests(body); err != nil {
			return loaded{}, err
		}
		b.table.Note(fmt.Sprintf("first page of %s referrers: %s of them, in %.2f MB", table.Count(l.referrers), table.Count(listed[i]), float64(len(body))/1e6))
		return e.read(ctx, b, 1, repeat(request, body))
	})
	if err != nil {
		return err
	}
	first := slices.IndexFunc(listed, func(n int) bool { return n > 0 })
	for i, l := range e.crowd.levels {
		if listed[i] > 0 {
			each := func(i int) float64 { return results[i].cpu / float64(listed[i]) }
			work := "first referrers page of " + table.Count(l.referrers) + ": server CPU for each listed"
			b.table.Add(beside(work, each(i), e.crowd.levels[first], each(first)))
		}
	}
	return nil
}

// push measures pushes of signatures onto each level and deletes them again.
func (e *scaleReferrers) push(ctx context.Context, b *bench, n int) error {
	results, err := e.each(n, func(_ int, l level) (loaded, error) { return e.pushOnto(ctx, b, l) })
	e.add(b, "signature push", results)
	return err
}

func (e *scaleReferrers) pushOnto(ctx context.Context, b *bench, l level) (loaded, error) {
	s, pushed := e.crowd.service, make([]string, b.pushes())
	result, err := loadServer(ctx, s.process, load.Plan{
		Address: s.registry.address, Connections: pushWorkers, Count: len(pushed),
		Do: func(c *load.Conn, n int) error {
			m, err := e.crowd.images.sign(c, s.registry, l.repository, l.subject.descriptor)
			pushed[n] = m.Digest
			return err
		},
	})
	if err != nil {
		return result, err
	}
	_, err = load.Run(ctx, load.Plan{
		Address: s.registry.address, Connections: pushWorkers, Count: len(pushed),
		Do: func(c *load.Conn, n int) error {
			_, err := c.Expect(202, s.registry.request("DELETE", "/v2/"+l.repository+"/manifests/"+pushed[n], nil))
			return err
		},
	})
	return result, err
}

// each measures every level, in the other order every other round.
func (e *scaleReferrers) each(round int, measure func(i int, l level) (loaded, error)) ([]loaded, error) {
	return inOrder(round, len(e.crowd.levels), func(i int) (loaded, error) { return measure(i, e.crowd.levels[i]) })
}

func (e *scaleReferrers) add(b *bench, work string, results []loaded) {
	for i, r := range results {
		l, first := e.crowd.levels[i], e.crowd.levels[0]
		name := work + ", " + table.Count(l.referrers) + " referrers"
		b.table.Add(beside(name+": server CPU", r.cpu, first, results[0].cpu))
		b.table.Add(beside(name+": p50", r.Latency(0.5), first, results[0].Latency(0.5)))
	}
}

// beside is a time beside that of another level.
func beside(work string, value float64, first level, limit float64) table.Measurement {
	return table.Measurement{Work: work, Unit: table.Seconds, Value: value, Beside: "at " + table.Count(first.referrers), Limit: limit}
}

// inOrder measures 0 to count, in the other order every other round. It
// returns nothing if anything failed.
func inOrder(round, count int, measure func(i int) (loaded, error)) ([]loaded, error) {
	results := make([]loaded, count)
	for step := range count {
		i := step
		if round%2 == 1 {
			i = count - 1 - step
		}
		var err error
		if results[i], err = measure(i); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// scaleRepositories measures manifest reads of services that hold one
// repository and 100,000. Both hold as many images, which are read in turn.
type scaleRepositories struct {
	images   images
	services []*service
	stocks   [][]stocked
}

func (e *scaleRepositories) prepare(ctx context.Context, b *bench) error {
	for _, count := range b.repositories {
		begin := time.Now()
		s, err := b.startAnother(ctx, fmt.Sprintf("repositories-%d", count))
		if err != nil {
			return err
		}
		nameOf := func(n int) string { return fmt.Sprintf("of-%d/r%06d", count, n) }
		if err := s.createRepositories(ctx, count, nameOf); err != nil {
			return s.process.Explain(err)
		}
		stock, err := e.images.stock(ctx, s.registry, stockImages, func(n int) string { return nameOf(n * count / stockImages) })
		if err != nil {
			return s.process.Explain(err)
		}
		e.services, e.stocks = append(e.services, s), append(e.stocks, stock)
		fmt.Fprintf(b.progress, "seeded %s in %s\n", countRepositories(count), time.Since(begin).Round(time.Second))
	}
	return nil
}

func countRepositories(n int) string {
	if n == 1 {
		return "1 repository"
	}
	return table.Count(n) + " repositories"
}

func (e *scaleRepositories) round(ctx context.Context, b *bench, n int) error {
	results, err := inOrder(n, len(e.services), func(i int) (loaded, error) {
		s := e.services[i]
		return b.read(ctx, s.process, s.registry, readers, readManifests(s.registry, e.stocks[i]))
	})
	if err != nil {
		return err
	}
	first := "at " + table.Count(b.repositories[0])
	for i, r := range results {
		name := "manifest GET, " + countRepositories(b.repositories[i])
		b.table.Add(table.Measurement{Work: name + ": server CPU", Unit: table.Seconds, Value: r.cpu, Beside: first, Limit: results[0].cpu})
		b.table.Add(table.Measurement{Work: name + ": p50", Unit: table.Seconds, Value: r.Latency(0.5), Beside: first, Limit: results[0].Latency(0.5)})
	}
	return nil
}
