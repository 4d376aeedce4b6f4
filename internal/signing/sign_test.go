package signing_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/envelope"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

func TestSign(t *testing.T) {
	w := newWorld(t)
	p := w.put(t, image)
	signature := w.sign(t, image)
	e, j := open(t, signature), signature.Job
	if string(e.Payload) != payload {
		t.Errorf("payload %s", e.Payload)
	}
	signedAt := w.clock.now().UTC().Truncate(time.Second)
	want := envelope.Attributes{
		SigningTime:       signedAt,
		Expiry:            time.Date(2038, 2, 21, 20, 42, 13, 0, time.UTC), // 135 months
		ProfileVersionARN: p.VersionARN().String(),
		JobARN:            "arn:aws:signer:us-east-1:111122223333:/signing-jobs/" + j.ID,
	}
	if e.Attributes != want {
		t.Errorf("attributes\n got %+v\nwant %+v", e.Attributes, want)
	}
	stored, err := w.Job(t.Context(), j.JobKey)
	if err != nil || stored != j {
		t.Errorf("stored %+v, %v\nreturned %+v", stored, err, j)
	}
	event, digest := w.last(t), sha256.Sum256([]byte(payload))
	fields := detail(t, event)
	if event.Name != "SignPayload" || event.Resource != p.ProfileARN().String() || fields["jobId"] != j.ID ||
		fields["profileVersion"] != p.Version || fields["payloadSha256"] != hex.EncodeToString(digest[:]) || fields["certificateId"] != j.CertificateID {
		t.Errorf("event %+v: %s", event, event.Detail)
	}
}

func TestSignRefuses(t *testing.T) {
	w := newWorld(t)
	w.put(t, image)
	before := len(w.journal(t))
	unknown := request(signing.ProfileKey{Account: account, Name: "unknown"})
	if _, err := w.Sign(t.Context(), unknown); !errors.Is(err, signing.ErrProfileNotFound) || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("unknown profile: %v", err)
	}
	for name, change := range map[string]func(*signing.SignRequest){
		"format":        func(r *signing.SignRequest) { r.Format = "application/json" },
		"empty":         func(r *signing.SignRequest) { r.Payload = nil },
		"4097 bytes":    func(r *signing.SignRequest) { r.Payload = pad(4097) },
		"not a payload": func(r *signing.SignRequest) { r.Payload = []byte("{}") },
	} {
		r := request(image)
		change(&r)
		if s, err := w.Sign(t.Context(), r); !errors.Is(err, signing.ErrInvalid) || s.Envelope != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	largest := request(image)
	largest.Payload = pad(4096)
	if _, err := w.Sign(t.Context(), largest); err != nil {
		t.Errorf("4096 bytes: %v", err)
	}
	if after := len(w.journal(t)); after != before+2 { // the leaf and one signature
		t.Errorf("%d events more", after-before)
	}
}

// pad is a payload of so many bytes.
func pad(size int) []byte {
	head := strings.TrimSuffix(payload, "}}") + `,"annotations":{"pad":"`
	return []byte(head + strings.Repeat("x", size-len(head)-4) + `"}}}`)
}

// jobStore is the real one with what a test puts before RecordJob.
type jobStore struct {
	signing.JobStore
	before func(job signing.Job) error
}

func (s jobStore) RecordJob(ctx context.Context, job signing.Job, check func(signing.Standing) error, e journal.Event) error {
	if err := s.before(job); err != nil {
		return err
	}
	return s.JobStore.RecordJob(ctx, job, check, e)
}

// TestNoUnrecordedSignature makes recording fail: no bytes may come out.
func TestNoUnrecordedSignature(t *testing.T) {
	w := newWorld(t)
	w.put(t, image)
	away := errors.New("the store is away")
	s := w.replica(t, signing.Options{Jobs: jobStore{w.db.Jobs(), func(signing.Job) error { return away }}})
	if signature, err := s.Sign(t.Context(), request(image)); !errors.Is(err, away) || signature.Envelope != nil {
		t.Errorf("%v, %s", err, signature.Envelope)
	}
}

// TestEndedWhileSigning ends the profile after the envelope was made and before
// it is recorded.
func TestEndedWhileSigning(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, w *world, p signing.Profile) error{
		"cancel": func(t *testing.T, w *world, p signing.Profile) error { return w.CancelProfile(t.Context(), image) },
		"revoke": func(t *testing.T, w *world, p signing.Profile) error {
			return w.RevokeProfile(t.Context(), revocation(w, p))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.put(t, image)
			s := w.replica(t, signing.Options{Jobs: jobStore{w.db.Jobs(), func(signing.Job) error { return end(t, w, p) }}})
			if signature, err := s.Sign(t.Context(), request(image)); !errors.Is(err, signing.ErrProfileNotActive) || signature.Envelope != nil {
				t.Errorf("%v, %s", err, signature.Envelope)
			}
			if jobs, _, err := w.Jobs(t.Context(), signing.JobFilter{Account: account, Limit: 1}); err != nil || len(jobs) != 0 {
				t.Errorf("jobs %+v, %v", jobs, err)
			}
		})
	}
}

// TestReplacedWhileSigning gives the profile a newer version on another replica
// while this one still knows the old.
func TestReplacedWhileSigning(t *testing.T) {
	w := newWorld(t)
	first := w.put(t, image)
	w.sign(t, image) // so that the first version is known
	other := w.replica(t, signing.Options{AllowReuseOfEndedNames: true})
	if err := other.CancelProfile(t.Context(), image); err != nil {
		t.Fatal(err)
	}
	second, err := other.PutProfile(t.Context(), signing.ProfileSpec{ProfileKey: image, Platform: signing.NotationPlatform})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.sign(t, image).Job.ProfileVersion; got != second.Version || got == first.Version {
		t.Errorf("signed under %s; versions are %s and %s", got, first.Version, second.Version)
	}
}

// TestRefusedLeafIsReplaced has the store refuse a leaf, as it does once
// somebody has revoked it.
func TestRefusedLeafIsReplaced(t *testing.T) {
	w := newWorld(t)
	w.put(t, image)
	first := w.sign(t, image).Job.CertificateID
	s := w.replica(t, signing.Options{Jobs: jobStore{w.db.Jobs(), func(j signing.Job) error {
		if j.CertificateID == first {
			return authority.ErrCertificateBad
		}
		return nil
	}}})
	signature, err := s.Sign(t.Context(), request(image))
	if err != nil || signature.Job.CertificateID == first {
		t.Errorf("signed with %s, %v", signature.Job.CertificateID, err)
	}
	always := w.replica(t, signing.Options{Jobs: jobStore{w.db.Jobs(), func(signing.Job) error { return authority.ErrNoCertificate }}})
	if signature, err := always.Sign(t.Context(), request(image)); err == nil || signature.Envelope != nil {
		t.Error("signed although every leaf is refused")
	}
}

// TestClockJump moves the clock out of the leaf's life between getting the leaf
// and signing: the next attempt gets one that fits.
func TestClockJump(t *testing.T) {
	w := newWorld(t)
	w.put(t, image)
	jumping := &jumpingLeaves{w.authority, w.clock, sync.Once{}}
	s := w.replica(t, signing.Options{Leaves: jumping})
	signature, err := s.Sign(t.Context(), request(image))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := w.db.Authority().Certificate(t.Context(), signature.Job.CertificateID)
	if err != nil || signature.Job.SignedAt.Before(leaf.NotBefore) || signature.Job.SignedAt.After(leaf.NotAfter) {
		t.Errorf("signed %v with a leaf from %v to %v, %v", signature.Job.SignedAt, leaf.NotBefore, leaf.NotAfter, err)
	}
}

type jumpingLeaves struct {
	signing.Leaves
	clock *clock
	once  sync.Once
}

func (l *jumpingLeaves) Leaf(ctx context.Context) (*authority.Signer, error) {
	leaf, err := l.Leaves.Leaf(ctx)
	l.once.Do(func() { l.clock.advance(30 * 24 * time.Hour) })
	return leaf, err
}

// TestPromiseUnderConcurrency signs on two replicas while a third revokes the
// profile. Every signature that got out has its job; none that was asked for
// after the revocation was acknowledged got out; and all of them read as
// revoked, since the revocation counts from before the first.
func TestPromiseUnderConcurrency(t *testing.T) {
	w := newWorld(t)
	p := w.put(t, image)
	replicas := []*signing.Service{w.Service, w.replica(t, signing.Options{Leaves: w.replicaAuthority(t)})}
	var revoked atomic.Bool
	var mu sync.Mutex
	var out []signing.Signature
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				late := revoked.Load()
				signature, err := replicas[i%2].Sign(t.Context(), request(image))
				switch {
				case err == nil && late:
					t.Error("signed after the revocation was acknowledged")
				case err == nil:
					mu.Lock()
					out = append(out, signature)
					mu.Unlock()
				case !errors.Is(err, signing.ErrProfileNotActive):
					t.Error(err)
				}
				if err != nil {
					return
				}
			}
		})
	}
	for {
		mu.Lock()
		enough := len(out) > 20
		mu.Unlock()
		if enough {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := w.RevokeProfile(t.Context(), revocation(w, p)); err != nil {
		t.Fatal(err)
	}
	revoked.Store(true)
	wg.Wait()
	for _, signature := range out {
		if j, err := w.Job(t.Context(), signature.Job.JobKey); err != nil || j != signature.Job {
			t.Fatalf("job %+v, %v", j, err)
		}
		w.mustStatus(t, w.query(t, signature), p.VersionARN().String())
	}
}

func revocation(w *world, p signing.Profile) signing.RevokeProfileRequest {
	return signing.RevokeProfileRequest{Caller: caller, Profile: p.ProfileKey, Version: p.Version, Reason: "a test", EffectiveTime: w.clock.now()}
}

// BenchmarkSign prints what a recorded signature costs.
func BenchmarkSign(b *testing.B) {
	w := newWorld(b)
	w.put(b, image)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.Sign(context.Background(), request(image)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
