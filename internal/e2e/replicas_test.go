package e2e

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// replica is one of several processes on a database.
type replica struct {
	dir, lines string
	flags      []string
	kept       acknowledged
}

// TestReplicasAgreeAfterKills kills two replicas on one database, each on its own
// and at random moments, while both sign. Now and then one stays away for so long
// that the other takes over its tailers. What was acknowledged is on record, and
// jobs, lines and entries of the transparency log then agree.
func TestReplicasAgreeAfterKills(t *testing.T) {
	database := pgtest.URL(t)
	a, b := &replica{dir: t.TempDir(), lines: filepath.Join(t.TempDir(), "a")}, &replica{dir: t.TempDir(), lines: filepath.Join(t.TempDir(), "b")}
	shared := []string{"--database", database, "--blobs", a.dir, "--audit-file-size", "65536"}
	a.flags = append(slices.Clip(shared), "--audit-file", a.lines)
	b.flags = append(slices.Clip(shared), "--audit-file", b.lines, "--key-file", a.dir+"/wrapping.key")
	first := start(t, a.dir, a.flags...)
	createProfile(t, first, "kill")
	first.stop()
	var both sync.WaitGroup
	for _, r := range []*replica{a, b} {
		both.Go(func() { r.die(t, killRounds(t)/2+1) })
	}
	both.Wait()
	one, two := start(t, a.dir, a.flags...), start(t, b.dir, b.flags...)
	all := acknowledged{jobs: append(a.kept.jobs, b.kept.jobs...)}
	if len(a.kept.jobs) == 0 || len(b.kept.jobs) == 0 {
		t.Fatal("nothing was acknowledged; the test tests nothing")
	}
	all.agree(t, two, 2, a.lines, b.lines) // twice if a kill came between line and position
	one.stop()
	two.stop()
}

// leaseAndMore is after how long a replica's tailers run on the other.
const leaseAndMore = 11 * time.Second

// die serves and is killed, over and over. After every fiftieth time it stays away
// for a while.
func (r *replica) die(t *testing.T, rounds int) {
	for round := range rounds {
		s, err := launch(r.dir, r.flags...)
		if err != nil {
			t.Errorf("start %d: %v", round, err)
			return
		}
		before, client := len(r.kept.jobs), s.signer()
		signed := func() bool { r.kept.mu.Lock(); defer r.kept.mu.Unlock(); return len(r.kept.jobs) > before }
		r.kept.untilKilled(t, s, func() bool { return round > 0 || signed() },
			func(ctx context.Context) error { return r.kept.sign(ctx, client) })
		if round%50 == 49 {
			time.Sleep(leaseAndMore)
		}
	}
}

// TestRevocationStopsTheOtherReplica: while one of two replicas signs as much as it
// can, the profile is revoked on the other. No signature is begun after that has
// been acknowledged and still comes.
func TestRevocationStopsTheOtherReplica(t *testing.T) {
	database, dir := pgtest.URL(t), t.TempDir()
	a := start(t, dir, "--database", database, "--blobs", dir)
	profile := createProfile(t, a, "app")
	b := start(t, t.TempDir(), "--database", database, "--blobs", dir, "--key-file", dir+"/wrapping.key")
	var revoked atomic.Bool
	var before atomic.Int64
	var signers sync.WaitGroup
	for range 16 {
		client := a.signer()
		signers.Go(func() {
			for {
				late := revoked.Load()
				_, err := client.SignPayload(t.Context(), signPayloadInput("app"))
				if err != nil {
					return
				}
				if before.Add(1); late {
					t.Error("signed after the profile's revocation was acknowledged")
					return
				}
			}
		})
	}
	for before.Load() < 100 {
		time.Sleep(time.Millisecond)
	}
	_, err := b.signer().RevokeSigningProfile(t.Context(), &signer.RevokeSigningProfileInput{
		ProfileName: aws.String("app"), ProfileVersion: profile.ProfileVersion, Reason: aws.String("test"), EffectiveTime: aws.Time(time.Now()),
	})
	if err != nil {
		t.Fatal(err)
	}
	revoked.Store(true)
	signers.Wait()
	a.stop()
	b.stop()
}
