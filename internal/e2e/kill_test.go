package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/signer/types"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	orasremote "oras.land/oras-go/v2/registry/remote"
)

// killRounds is how often the service is killed: a hundred times where
// SEALWRIGHT_KILL_ROUNDS says so, as CI does.
func killRounds(t *testing.T) int {
	if text := os.Getenv("SEALWRIGHT_KILL_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("SEALWRIGHT_KILL_ROUNDS: %v", err)
		}
		return n
	}
	return 5
}

// TestKilledServiceLosesNothingAcknowledged kills the service with SIGKILL amid
// pushes and signings, over and over, and checks after each restart that what
// was acknowledged is there and whole, and that every signature that got out has
// its job.
func TestKilledServiceLosesNothingAcknowledged(t *testing.T) { killLoop(t) }

func killLoop(t *testing.T, flags ...string) {
	dir := t.TempDir()
	s := start(t, dir, flags...)
	s.createRepository("app")
	createProfile(t, s, "kill")
	var kept acknowledged
	for round := range killRounds(t) {
		kept.work(t, s, round == 0)
		s = start(t, dir, flags...)
		kept.check(t, s, 50)
		if t.Failed() {
			t.Fatalf("after kill %d", round+1)
		}
	}
	kept.check(t, s, len(kept.content)+len(kept.jobs))
	if len(kept.content) == 0 || len(kept.jobs) == 0 {
		t.Fatalf("nothing was acknowledged: %d pushes, %d signatures; the test tests nothing", len(kept.content), len(kept.jobs))
	}
	t.Logf("%d blobs and manifests and %d signatures were acknowledged", len(kept.content), len(kept.jobs))
}

// acknowledged is what the service said it keeps.
type acknowledged struct {
	mu      sync.Mutex
	content []kept
	jobs    []string
}

type kept struct {
	descriptor ocispec.Descriptor
	bytes      []byte
}

// work pushes and signs until the service is killed, some time between at once
// and a quarter of a second later; or later still if it waits for each to have
// been acknowledged once.
func (k *acknowledged) work(t *testing.T, s *service, wait bool) {
	repository, client := s.repository("app"), s.signer()
	k.untilKilled(t, s, func() bool { return !wait || k.hasBoth() },
		func(ctx context.Context) error { return k.push(ctx, repository) },
		func(ctx context.Context) error { return k.sign(ctx, client) })
}

// untilKilled has two workers for each of works do it over and over, until the
// service is killed, some time between at once and a quarter of a second after it
// is ripe for that.
func (k *acknowledged) untilKilled(t *testing.T, s *service, ripe func() bool, works ...func(context.Context) error) {
	ctx, cancel := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	for _, work := range slices.Concat(works, works) {
		workers.Go(func() {
			for ctx.Err() == nil && work(ctx) == nil {
			}
		})
	}
	for n := 0; n < 1000 && !ripe(); n++ {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(time.Duration(mathrand.IntN(250)) * time.Millisecond)
	s.kill()
	cancel()
	workers.Wait()
}

func (k *acknowledged) hasBoth() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.content) > 0 && len(k.jobs) > 0
}

// push pushes a blob and a manifest; what is acknowledged is remembered.
func (k *acknowledged) push(ctx context.Context, r *orasremote.Repository) error {
	blob := make([]byte, 1+mathrand.IntN(100_000))
	rand.Read(blob)
	layer := content.NewDescriptorFromBytes(ocispec.MediaTypeImageLayer, blob)
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    layer,
		Layers:    []ocispec.Descriptor{layer},
	})
	if err != nil {
		return err
	}
	for _, c := range []kept{{layer, blob}, {content.NewDescriptorFromBytes(ocispec.MediaTypeImageManifest, manifest), manifest}} {
		if err := r.Push(ctx, c.descriptor, bytes.NewReader(c.bytes)); err != nil {
			return err
		}
		k.mu.Lock()
		k.content = append(k.content, c)
		k.mu.Unlock()
	}
	return nil
}

func (k *acknowledged) sign(ctx context.Context, client *signer.Client) error {
	out, err := client.SignPayload(ctx, signPayloadInput("kill"))
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.jobs = append(k.jobs, *out.JobId)
	return nil
}

// check reads the newest n of each kind back.
func (k *acknowledged) check(t *testing.T, s *service, n int) {
	t.Helper()
	repository, client := s.repository("app"), s.signer()
	for _, c := range k.content[max(0, len(k.content)-n):] {
		got, err := content.FetchAll(t.Context(), repository, c.descriptor) // checks size and digest
		if err != nil || !bytes.Equal(got, c.bytes) {
			t.Errorf("%s %s was acknowledged and is not whole: %v", c.descriptor.MediaType, c.descriptor.Digest, err)
		}
	}
	for _, id := range k.jobs[max(0, len(k.jobs)-n):] {
		job, err := client.DescribeSigningJob(t.Context(), &signer.DescribeSigningJobInput{JobId: &id})
		if err != nil || job.Status != types.SigningStatusSucceeded {
			t.Errorf("the signature of job %s got out and has no job: %v", id, err)
		}
	}
}

func createProfile(t *testing.T, s *service, name string) *signer.PutSigningProfileOutput {
	t.Helper()
	out, err := s.signer().PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{ProfileName: &name, PlatformId: aws.String(platform)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func signPayloadInput(profile string) *signer.SignPayloadInput {
	payload := fmt.Sprintf(`{"targetArtifact":{"mediaType":%q,"digest":"sha256:%064x","size":1}}`, ocispec.MediaTypeImageManifest, mathrand.Uint64())
	return &signer.SignPayloadInput{ProfileName: &profile, Payload: []byte(payload), PayloadFormat: aws.String(payloadFormat)}
}

const (
	platform      = "Notation-OCI-SHA384-ECDSA"
	payloadFormat = "application/vnd.cncf.notary.payload.v1+json"
)
