package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sealwright/sealwright/bench/internal/table"
)

// crowd is a service with one repository for each number of referrers that the
// rows compare.
type crowd struct {
	service *service
	images  images
	levels  []level
}

// level is a repository with some images and one more that has the referrers.
type level struct {
	referrers  int
	repository string
	stock      []stocked
	subject    manifest
}

func (l level) path() string { return "/v2/" + l.repository + "/referrers/" + l.subject.Digest }

// seedCrowd makes the crowd, or returns the one that was made: the scale and the
// memory rows share it, since it takes minutes.
func (b *bench) seedCrowd(ctx context.Context) (*crowd, error) {
	if b.crowd != nil {
		return b.crowd, nil
	}
	s, err := b.startAnother(ctx, "crowd")
	if err != nil {
		return nil, err
	}
	c := &crowd{service: s}
	for _, referrers := range b.referrers {
		begin := time.Now()
		l, err := c.seed(ctx, b, referrers)
		if err != nil {
			return nil, s.process.Explain(err)
		}
		c.levels = append(c.levels, l)
		fmt.Fprintf(b.progress, "seeded %s signatures of one image in %s\n", table.Count(referrers), time.Since(begin).Round(time.Second))
	}
	b.crowd = c
	return c, nil
}

func (c *crowd) seed(ctx context.Context, b *bench, referrers int) (l level, err error) {
	l = level{referrers: referrers, repository: fmt.Sprintf("crowd/of-%d", referrers)}
	to := c.service.registry
	if err := c.service.createRepository(ctx, l.repository); err != nil {
		return l, err
	}
	if err := pushEmptyConfig(ctx, to, l.repository); err != nil {
		return l, err
	}
	if l.stock, err = c.images.stock(ctx, to, stockImages, func(int) string { return l.repository }); err != nil {
		return l, err
	}
	l.subject = l.stock[0].manifest
	return l, c.images.signMany(ctx, to, l.repository, l.subject.descriptor, referrers)
}

// pushes is how many signatures a round pushes onto each level.
func (b *bench) pushes() int { return max(b.signatures/10, pushWorkers) }
