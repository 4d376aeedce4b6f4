package sqlstore_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

// attempt is one of the signatures that are recorded together.
type attempt struct {
	job    signing.Job
	ctx    context.Context
	check  func(signing.Standing) error
	answer any // an error, or what it panicked with
}

func allow(signing.Standing) error { return nil }

// recordTogether has attempts recorded in one batch: while the one before them is
// held in its check, they queue in order. meanwhile runs when all have.
func recordTogether(t *testing.T, s *signer, attempts []*attempt, meanwhile func()) {
	t.Helper()
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go record(s, &attempt{job: s.job(), ctx: t.Context(), check: func(signing.Standing) error {
		close(held)
		<-release
		return nil
	}}, done)
	<-held
	for i, a := range attempts {
		go record(s, a, done)
		for s.db.Recording() <= i {
			runtime.Gosched()
		}
	}
	meanwhile()
	close(release)
	for range len(attempts) + 1 {
		<-done
	}
}

func record(s *signer, a *attempt, done chan<- struct{}) {
	defer func() {
		if v := recover(); v != nil {
			a.answer = v
		}
		done <- struct{}{}
	}()
	if err := s.db.Jobs().RecordJob(a.ctx, a.job, a.check, s.event("SignPayload", map[string]any{"jobId": a.job.ID})); err != nil {
		a.answer = err
	}
}

// recorded are the jobs and the journal's rows of signatures, each oldest first.
func recorded(t *testing.T, db *sqlstore.DB) (jobs, events []string) {
	t.Helper()
	all, _, err := db.Jobs().Jobs(t.Context(), signing.JobFilter{Account: account, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range slices.Backward(all) {
		jobs = append(jobs, j.ID)
	}
	entries, err := db.Journal().Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name == "SignPayload" {
			events = append(events, string(e.Detail))
		}
	}
	return jobs, events
}

// TestSignaturesOfABatchFailAlone: what is wrong with one of many that are recorded
// together is that one's answer, and the others are on record, job and event.
func TestSignaturesOfABatchFailAlone(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *sqlstore.DB) {
		db := open(t)
		s := newSigner(t, db)
		gone, leave := context.WithCancel(t.Context())
		good := func() *attempt { return &attempt{job: s.job(), ctx: t.Context(), check: allow} }
		twice, text, hash, refused, panics, left := good(), good(), good(), good(), good(), good()
		text.job.PayloadDigest = "\x00"
		hash.job.CertificateHash = "another"
		refused.check = func(signing.Standing) error { return signing.ErrProfileNotActive }
		panics.check = func(signing.Standing) error { panic("boom") }
		left.ctx = gone
		var attempts []*attempt
		for _, bad := range []*attempt{twice, text, hash, refused, panics, left} {
			attempts = append(attempts, good(), bad)
		}
		twice.job.ID = attempts[0].job.ID
		recordTogether(t, s, attempts, func() {
			leave()
			for s.db.Recording() == len(attempts) {
				runtime.Gosched() // until it has left the queue
			}
		})
		for i, a := range attempts {
			if err, _ := a.answer.(error); i%2 == 0 && a.answer != nil || i%2 == 1 && err == nil {
				t.Errorf("attempt %d: %v", i, a.answer)
			}
		}
		if err, _ := refused.answer.(error); !errors.Is(err, signing.ErrProfileNotActive) {
			t.Errorf("refused: %v", refused.answer)
		}
		if err, _ := left.answer.(error); !errors.Is(err, context.Canceled) {
			t.Errorf("left: %v", left.answer)
		}
		if jobs, events := recorded(t, db); len(jobs) != 7 || len(events) != 7 {
			t.Errorf("%d jobs and %d events are on record, want 7", len(jobs), len(events))
		}
	})
}

// TestABatchThatIsLeftIsNotAcknowledged: who leads it ends its goroutine in the
// transaction, after the checks of others. Nothing was committed, and nobody is told
// that it was.
func TestABatchThatIsLeftIsNotAcknowledged(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *sqlstore.DB) {
		db := open(t)
		s := newSigner(t, db)
		var attempts []*attempt
		for range 4 {
			attempts = append(attempts, &attempt{job: s.job(), ctx: t.Context(), check: allow})
		}
		attempts[2].check = func(signing.Standing) error { runtime.Goexit(); return nil }
		recordTogether(t, s, attempts, func() {})
		for i, a := range attempts[1:] { // the first led, so it was its goroutine that ended
			if err, _ := a.answer.(error); err == nil {
				t.Errorf("attempt %d was acknowledged", i+1)
			}
		}
		if jobs, events := recorded(t, db); len(jobs) != 1 || len(events) != 1 {
			t.Errorf("%d jobs and %d events are on record, want 1", len(jobs), len(events))
		}
	})
}

// TestRevocationStopsABatch: of signatures that queue while the profile is revoked,
// none is recorded once that has been acknowledged.
func TestRevocationStopsABatch(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *sqlstore.DB) {
		db := open(t)
		s := newSigner(t, db)
		var attempts []*attempt
		late := 0
		revoked := make(chan struct{})
		check := func(p signing.Standing) error {
			select {
			case <-revoked:
				if p.Status == signing.Active {
					late++
				}
			default:
			}
			if p.Status != signing.Active {
				return signing.ErrProfileNotActive
			}
			return nil
		}
		for range 100 {
			attempts = append(attempts, &attempt{job: s.job(), ctx: t.Context(), check: check})
		}
		done := make(chan error, 1)
		recordTogether(t, s, attempts, func() {
			go func() {
				_, err := db.Profiles().ChangeProfile(context.Background(), s.key, "", func(p *signing.Profile) (*signing.Profile, journal.Event, error) {
					next := *p
					next.Status, next.Revocation = signing.Revoked, &signing.ProfileRevocation{EffectiveFrom: time.Now(), RevokedAt: time.Now()}
					return &next, s.event("RevokeSigningProfile", nil), nil
				})
				close(revoked)
				done <- err
			}()
		})
		if err := <-done; err != nil || late > 0 {
			t.Fatalf("%v; %d signatures saw an active profile after it was revoked", err, late)
		}
		jobs, events := recorded(t, db)
		acknowledged := 1
		for _, a := range attempts {
			if a.answer == nil {
				acknowledged++
			}
		}
		if len(jobs) != acknowledged || len(events) != acknowledged {
			t.Errorf("%d signatures were acknowledged, %d have jobs and %d events", acknowledged, len(jobs), len(events))
		}
	})
}

// TestEventsOfABatchAreInTheOrderOfItsJobs: larger than one statement takes.
func TestEventsOfABatchAreInTheOrderOfItsJobs(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *sqlstore.DB) {
		db := open(t)
		s := newSigner(t, db)
		var attempts []*attempt
		for range 300 {
			attempts = append(attempts, &attempt{job: s.job(), ctx: t.Context(), check: allow})
		}
		recordTogether(t, s, attempts, func() {})
		jobs, events := recorded(t, db)
		if len(jobs) != 301 {
			t.Fatalf("%d jobs", len(jobs))
		}
		for i, a := range attempts {
			if want := `{"jobId":"` + a.job.ID + `"}`; events[i+1] != want {
				t.Fatalf("event %d is %s, want %s", i+1, events[i+1], want)
			}
		}
	})
}
