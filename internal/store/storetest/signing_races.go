package storetest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// beside records a job and, while its transaction stands open after its check
// has seen everything good, starts rival. It returns what became of both, and
// whether the rival was through before the job was let go.
func (d *desk) beside(j signing.Job, rival func() error) (recorded, rivaled error, overtaken bool) {
	entered, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	hold := func(s signing.Standing) error {
		err := rule(s)
		once.Do(func() {
			close(entered)
			<-finish
		})
		return err
	}
	record, other := make(chan error, 1), make(chan error, 1)
	go func() { record <- d.recordIf(j, hold) }()
	<-entered
	go func() { other <- rival() }()
	select {
	case rivaled = <-other:
		other <- rivaled
		overtaken = true
	case <-time.After(headStart):
	}
	close(finish)
	return <-record, <-other, overtaken
}

// mustWait holds a rival against promise 1: either it waits until the job is
// recorded, or the job is not.
func (d *desk) mustWait(j signing.Job, act string, rival func() error) {
	d.Helper()
	recorded, rivaled, overtaken := d.beside(j, rival)
	d.must(rivaled)
	if overtaken && recorded == nil {
		d.Fatalf("%s was acknowledged while a signature it forbids was under way, and that got out", act)
	}
	if recorded != nil {
		return
	}
	if events := d.events(); act != "" && slices.Index(events, "SignPayload") > slices.Index(events, act) {
		d.Fatalf("the signature came after %s: %q", act, events)
	}
}

func raceRevokeProfile(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	d.mustWait(newJob(p, leaf, d.tick()), "RevokeSigningProfile", func() error { return d.revoke(p) })
	d.want(d.record(newJob(p, leaf, d.tick())), signing.ErrProfileNotActive)
}

func raceCancelProfile(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	d.mustWait(newJob(p, leaf, d.tick()), "CancelSigningProfile", func() error { return d.cancel(p) })
	d.want(d.record(newJob(p, leaf, d.tick())), signing.ErrProfileNotActive)
}

func raceAddVersion(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	d.mustWait(newJob(p, leaf, d.tick()), "AddVersion", func() error {
		next := d.newProfile(testAccount, "app")
		_, err := d.Profiles.ChangeProfile(ctx, p.ProfileKey, "", func(*signing.Profile) (*signing.Profile, journal.Event, error) {
			return &next, act("AddVersion", next), nil
		})
		return err
	})
	d.want(d.record(newJob(p, leaf, d.tick())), errStale)
}

func raceRevokeLeaf(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	d.mustWait(newJob(p, leaf, d.tick()), "", func() error { return d.revokeCertificate(leaf.ID) })
	d.want(d.record(newJob(p, leaf, d.tick())), authority.ErrCertificateBad)
}

// raceRevocationFirst: a signing that meets a revocation under way waits for it,
// and sees it.
func raceRevocationFirst(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	entered, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	revoke, record := make(chan error, 1), make(chan error, 1)
	go func() {
		revoke <- d.alter(p, "RevokeSigningProfile", func(p signing.Profile) signing.Profile {
			once.Do(func() {
				close(entered)
				<-finish
			})
			return revoked(p, p.CreatedAt)
		})
	}()
	<-entered
	go func() { record <- d.record(newJob(p, leaf, p.CreatedAt)) }()
	var overtaken bool
	select {
	case err := <-record:
		record <- err
		overtaken = true
	case <-time.After(headStart):
	}
	close(finish)
	d.must(<-revoke)
	if err := <-record; overtaken || !errors.Is(err, signing.ErrProfileNotActive) {
		d.Fatalf("recorded under a profile whose revocation was under way: %v, before it ended: %t", err, overtaken)
	}
}

// raceRevokeAmongMany: a revocation has its turn however many keep signing, each
// anew as soon as it has signed. They end when the profile does.
func raceRevokeAmongMany(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	started := make(chan struct{}, 1)
	ended := make(chan []error, 1)
	go func() {
		ended <- atOnce(24, func(int) error {
			for {
				if err := d.record(newJob(p, leaf, p.CreatedAt)); err != nil {
					return err
				}
				select {
				case started <- struct{}{}:
				default:
				}
			}
		})
	}()
	<-started
	d.must(d.revoke(p))
	for _, err := range <-ended {
		d.want(err, signing.ErrProfileNotActive)
	}
}

// raceSigning lets signers, revokers, cancellers and whoever adds versions loose
// on the same profiles. The check afterwards finds a signature that got out after
// it was forbidden.
func raceSigning(d *desk) {
	leaf := d.leaf()
	keys := []signing.ProfileKey{d.profile("a").ProfileKey, d.profile("b").ProfileKey}
	const workers, rounds = 8, 25
	fresh := make([][]signing.Profile, workers)
	for i := range fresh {
		for range rounds {
			fresh[i] = append(fresh[i], d.newProfile(testAccount, keys[i%2].Name))
		}
	}
	errs := atOnce(workers, func(i int) error {
		for round := range rounds {
			p, err := d.Profiles.Profile(ctx, keys[rand.IntN(2)], "")
			if err != nil {
				return err
			}
			if err := d.anyAct(p, leaf, fresh[i][round]); err != nil {
				return err
			}
		}
		return nil
	})
	d.must(errors.Join(errs...))
}

// anyAct signs under p most of the time, and else ends or replaces it.
func (d *desk) anyAct(p signing.Profile, leaf authority.Certificate, next signing.Profile) error {
	switch rand.IntN(10) {
	case 0:
		return d.revoke(p)
	case 1:
		return d.cancel(p)
	case 2, 3:
		return d.put(next)
	}
	err := d.record(newJob(p, leaf, p.CreatedAt))
	if errors.Is(err, signing.ErrProfileNotActive) || errors.Is(err, errStale) {
		return nil
	}
	return err
}
