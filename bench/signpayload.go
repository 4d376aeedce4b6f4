package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/bench/internal/load"
	"github.com/sealwright/sealwright/bench/internal/process"
	"github.com/sealwright/sealwright/bench/internal/table"
)

// distinctRequests is how many different requests are replayed in turn, so that
// no answer can come from a cache of requests.
const distinctRequests = 512

// signPayload measures SignPayload over HTTP: SigV4 checked, authorized, the
// job durable before the answer. Its limit is the one signature that has to be
// made.
type signPayload struct {
	key    *ecdsa.PrivateKey
	answer []byte
}

const signPayloadPath = "/signing-jobs/with-payload"

func (e *signPayload) prepare(ctx context.Context, b *bench) (err error) {
	if e.key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
		return err
	}
	if _, _, err := b.ours.putProfile(ctx); err != nil {
		return err
	}
	requests, err := b.ours.recordSignPayload(ctx, 1)
	if err != nil {
		return err
	}
	if e.answer, err = sendOnce(ctx, b.ours.registry.address, requests[0]); err != nil {
		return err
	}
	if err := b.floor.keep(ctx, signPayloadPath, e.answer); err != nil {
		return err
	}
	return checkJob(ctx, b.ours, e.answer)
}

// sendOnce sends a request on a connection of its own and returns the body.
func sendOnce(ctx context.Context, address string, r load.Request) ([]byte, error) {
	c, err := load.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	a, err := c.Expect(200, r)
	return a.Body, err
}

// checkJob sees that the answer carries a signature and that its job is on
// record.
func checkJob(ctx context.Context, s *service, answer []byte) error {
	var out struct {
		JobID     string `json:"jobId"`
		Signature []byte `json:"signature"`
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return err
	}
	if len(out.Signature) == 0 {
		return errors.New("SignPayload answered without a signature")
	}
	_, err := s.signer.DescribeSigningJob(ctx, &signer.DescribeSigningJobInput{JobId: aws.String(out.JobID)})
	return err
}

func (e *signPayload) round(ctx context.Context, b *bench, _ int) error {
	requests, err := b.ours.recordSignPayload(ctx, distinctRequests)
	if err != nil {
		return err
	}
	for _, connections := range []int{1, 64} {
		if err := e.load(ctx, b, connections, requests); err != nil {
			return err
		}
	}
	return nil
}

// load measures with so many connections. The raw signature is timed before and
// after, since the speed of a shared machine drifts.
func (e *signPayload) load(ctx context.Context, b *bench, connections int, requests []load.Request) error {
	plan := load.Plan{Connections: connections, Duration: b.duration, Do: replay(requests, 200)}
	before := e.rawSignature(b.duration / 4)
	plan.Address = b.ours.registry.address
	ours, err := loadServer(ctx, b.ours.process, plan)
	if err != nil {
		return err
	}
	raw := (before + e.rawSignature(b.duration/4)) / 2
	plan.Address, plan.Duration = b.floor.registry.address, b.duration/2
	floor, err := loadServer(ctx, b.floor.process, plan)
	if err != nil {
		return err
	}
	work := "SignPayload, " + countConnections(connections)
	b.table.Add(table.Measurement{Work: work + ": server CPU", Unit: table.Seconds, Value: ours.cpu, Beside: "one raw P-384 signature", Limit: raw})
	b.table.Add(table.Measurement{Work: work + ": server CPU", Unit: table.Seconds, Value: ours.cpu, Beside: floorName, Limit: floor.cpu})
	b.addRateAndLatency(work, ours, floorName, floor)
	if connections == 1 {
		return nil
	}
	if err := (halfRate{"SignPayload", requests, answered(200), ours.Rate(), floor.Rate()}).add(ctx, b); err != nil {
		return err
	}
	return b.addSyncs()
}

func countConnections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

// rawSignature is the CPU time of one P-384 signature by Go's own cryptography.
func (e *signPayload) rawSignature(d time.Duration) float64 {
	digest := make([]byte, 48)
	count := 0
	cpu := process.ThreadCPU(func() {
		for begin := time.Now(); time.Since(begin) < d; count++ {
			if _, err := ecdsa.SignASN1(rand.Reader, e.key, digest); err != nil {
				panic(err) // neither the key nor the digest can be wrong
			}
		}
	})
	return cpu / float64(count)
}

// addRateAndLatency adds what every load has beside its CPU.
func (b *bench) addRateAndLatency(work string, ours loaded, beside string, limit loaded) {
	b.table.Add(table.Measurement{Work: work + ": rate", Unit: table.PerSecond, Value: ours.Rate(), Beside: beside, Limit: limit.Rate()})
	b.table.Add(table.Measurement{Work: work + ": p50", Unit: table.Seconds, Value: ours.Latency(0.5), Beside: beside, Limit: limit.Latency(0.5)})
	b.table.Add(table.Measurement{Work: work + ": p99", Unit: table.Seconds, Value: ours.Latency(0.99), Beside: beside, Limit: limit.Latency(0.99)})
}
