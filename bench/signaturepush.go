package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/sealwright/sealwright/bench/internal/load"
	"github.com/sealwright/sealwright/bench/internal/process"
	"github.com/sealwright/sealwright/bench/internal/table"
)

const signaturesRepository = "bench/signatures"

// signaturePush measures the push of a signature (blob and manifest) onto an
// image that has 1,000 already. Each round has an image of its own, so that the
// number holds.
type signaturePush struct{ images images }

func (e *signaturePush) prepare(ctx context.Context, b *bench) error {
	noteDistribution(b)
	return b.ours.createRepository(ctx, signaturesRepository)
}

func (e *signaturePush) round(ctx context.Context, b *bench, n int) error {
	count := max(b.signatures/10, pushWorkers)
	name := "signature push onto " + table.Count(b.signatures)
	ours, theirs, err := alternate(n,
		func() (loaded, error) { return e.load(ctx, b, b.ours.process, b.ours.registry, count) },
		func() (loaded, error) {
			return e.load(ctx, b, b.distribution.process, b.distribution.registry, count)
		})
	if err != nil {
		return err
	}
	const noIndex = distributionName + ", which keeps no referrers"
	b.addRateAndLatency(name+", 16 workers", ours, noIndex, theirs)
	return e.oneByOne(ctx, b, n, name)
}

// load signs a new image to the number, then pushes count more, 16 at a time.
func (e *signaturePush) load(ctx context.Context, b *bench, server *process.Process, to registry, count int) (loaded, error) {
	subject, _, err := e.images.signed(ctx, to, signaturesRepository, b.signatures)
	if err != nil {
		return loaded{}, err
	}
	return loadServer(ctx, server, load.Plan{
		Address: to.address, Connections: pushWorkers, Count: count,
		Do: func(c *load.Conn, _ int) error {
			_, err := e.images.sign(c, to, signaturesRepository, subject.descriptor)
			return err
		},
	})
}

// oneByOne compares what a signer waits for where the signature can be found
// afterwards: with distribution the client itself must then keep the list, in an
// index under a tag, as the OCI specification's fallback.
func (e *signaturePush) oneByOne(ctx context.Context, b *bench, n int, name string) error {
	count := max(b.signatures/50, 2)
	ours, theirs, err := alternate(n,
		func() (loaded, error) {
			return e.loadOne(ctx, b, b.ours.process, b.ours.registry, count, false)
		},
		func() (loaded, error) {
			return e.loadOne(ctx, b, b.distribution.process, b.distribution.registry, count, true)
		})
	if err != nil {
		return err
	}
	const withTag = distributionName + " and the fallback tag"
	b.table.Add(table.Measurement{Work: name + ", 1 worker: p50", Unit: table.Seconds, Value: ours.Latency(0.5), Beside: withTag, Limit: theirs.Latency(0.5)})
	return nil
}

func (e *signaturePush) loadOne(ctx context.Context, b *bench, server *process.Process, to registry, count int, keepTag bool) (loaded, error) {
	subject, signatures, err := e.images.signed(ctx, to, signaturesRepository, b.signatures)
	if err != nil {
		return loaded{}, err
	}
	if keepTag {
		if err := pushFallback(ctx, to, subject.Digest, signatures); err != nil {
			return loaded{}, err
		}
	}
	return loadServer(ctx, server, load.Plan{
		Address: to.address, Connections: 1, Count: count,
		Do: func(c *load.Conn, _ int) error {
			signature, err := e.images.sign(c, to, signaturesRepository, subject.descriptor)
			if err == nil && keepTag {
				err = appendFallback(c, to, subject.Digest, signature.descriptor)
			}
			return err
		},
	})
}

// index is an OCI image index, as the fallback tag names one.
type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

func (i index) push(c *load.Conn, to registry, subject string) error {
	content, err := json.Marshal(i)
	if err != nil {
		return err
	}
	m := manifest{descriptor: describe(imageIndex, content), bytes: content}
	return to.pushManifest(c, signaturesRepository, fallbackTag(subject), m)
}

// fallbackTag is the tag schema of the OCI specification.
func fallbackTag(subject string) string { return strings.Replace(subject, ":", "-", 1) }

func pushFallback(ctx context.Context, to registry, subject string, signatures []descriptor) error {
	c, err := load.Dial(ctx, to.address)
	if err != nil {
		return err
	}
	defer c.Close()
	return index{SchemaVersion: 2, MediaType: imageIndex, Manifests: signatures}.push(c, to, subject)
}

// appendFallback adds a signature to the list under the fallback tag.
func appendFallback(c *load.Conn, to registry, subject string, signature descriptor) error {
	a, err := c.Expect(200, to.request("GET", "/v2/"+signaturesRepository+"/manifests/"+fallbackTag(subject), nil, "Accept: "+imageIndex))
	if err != nil {
		return err
	}
	var list index
	if err := json.Unmarshal(a.Body, &list); err != nil {
		return err
	}
	list.Manifests = append(list.Manifests, signature)
	return list.push(c, to, subject)
}

// signed pushes a new image with so many signatures, which share one envelope.
func (i *images) signed(ctx context.Context, to registry, repository string, count int) (subject manifest, signatures []descriptor, err error) {
	c, err := load.Dial(ctx, to.address)
	if err != nil {
		return subject, nil, err
	}
	defer c.Close()
	if subject, err = i.push(c, to, repository); err != nil {
		return subject, nil, err
	}
	if _, err = to.pushBlob(c, repository, []byte("{}")); err != nil {
		return subject, nil, err
	}
	envelope, err := to.pushBlob(c, repository, i.content(envelopeSize))
	if err != nil {
		return subject, nil, err
	}
	envelope.MediaType = envelopeType
	signatures = make([]descriptor, count)
	_, err = load.Run(ctx, load.Plan{
		Address: to.address, Connections: pushWorkers, Count: count,
		Do: func(c *load.Conn, n int) error {
			m, err := i.attach(c, to, repository, subject.descriptor, envelope)
			signatures[n] = m.descriptor
			return err
		},
	})
	return subject, signatures, err
}
