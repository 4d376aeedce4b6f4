package storetest

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// Signing is the contract of [signing.ProfileStore] and [signing.JobStore].
func Signing(t *testing.T, open func(t *testing.T) Stores) {
	suite(t, open, []scenario{
		{"no profile", profileNothing},
		{"add a profile", profileAdd},
		{"change a profile", profileChange},
		{"add a version", profileVersion},
		{"a change that fails", profileChangeFails},
		{"list profiles", profileList},
		{"list profiles that are", profileFilters},
		{"text that cannot be stored", profileText},
		{"the same name at once", profileNameRace},
		{"changes at once", profileChangeRace},
		{"no permissions", permissionsNone},
		{"change permissions", permissionsChange},
		{"change permissions at once", permissionsRace},
		{"record a job", jobRecord},
		{"a job that cannot be", jobRefusals},
		{"list jobs", jobList},
		{"list jobs that are", jobFilters},
		{"change a job", jobChange},
		{"what is known of a signature", jobFacts},
		{"remove jobs", removeJobs},
		{"remove a profile", removeProfile},
		{"remove at once", removeAtOnce},
		{"sign and revoke the profile", raceRevokeProfile},
		{"sign and cancel the profile", raceCancelProfile},
		{"sign and add a version", raceAddVersion},
		{"sign and revoke the leaf", raceRevokeLeaf},
		{"sign while a revocation runs", raceRevocationFirst},
		{"revoke while others keep signing", raceRevokeAmongMany},
		{"everything at once", raceSigning},
	})
}

const (
	platform      = "Notation-OCI-SHA384-ECDSA"
	otherPlatform = "AWSLambda-SHA384-ECDSA"
)

// errRefused is an error of the caller's own.
var errRefused = fault.New(fault.Denied, "refused")

// newProfile makes an active profile, with every field set that may be.
func (d *desk) newProfile(account arn.AccountID, name string) signing.Profile {
	return signing.Profile{
		ProfileKey: signing.ProfileKey{Account: account, Name: name}, Region: testRegion, Version: rand.Text()[:10], Platform: platform,
		Validity: signing.DefaultValidity, Parameters: map[string]string{"key": "Ünïted"}, Tags: map[string]string{"team": "a", "empty": ""},
		Status: signing.Active, CreatedAt: d.tick(),
	}
}

// act is an event about a version of a profile.
func act(name string, p signing.Profile) journal.Event {
	return about(name, p.ProfileKey, map[string]any{"profileVersion": p.Version})
}

func about(name string, key signing.ProfileKey, detail map[string]any) journal.Event {
	subject := journal.Subject{Account: key.Account, Region: testRegion, Resource: arn.SigningProfile(testRegion, key.Account, key.Name, "").String()}
	return journal.New(ctx, time.Now(), journal.SourceSigner, name, subject, detail)
}

// put saves p, whatever was there.
func (d *desk) put(p signing.Profile) error {
	_, err := d.Profiles.ChangeProfile(ctx, p.ProfileKey, p.Version, func(*signing.Profile) (*signing.Profile, journal.Event, error) {
		return &p, act("PutSigningProfile", p), nil
	})
	return err
}

// profile adds an active profile.
func (d *desk) profile(name string) signing.Profile {
	d.Helper()
	p := d.newProfile(testAccount, name)
	d.must(d.put(p))
	return p
}

func revoked(p signing.Profile, at time.Time) signing.Profile {
	p.Status, p.StatusReason = signing.Revoked, "lost"
	p.Revocation = &signing.ProfileRevocation{EffectiveFrom: at.Truncate(time.Second), RevokedAt: at, RevokedBy: "arn:aws:iam::111122223333:root", Reason: "lost"}
	return p
}

// revoke and cancel change the version p, which must be there.
func (d *desk) revoke(p signing.Profile) error {
	at := time.Now().UTC().Truncate(time.Microsecond)
	return d.alter(p, "RevokeSigningProfile", func(p signing.Profile) signing.Profile { return revoked(p, at) })
}

func (d *desk) cancel(p signing.Profile) error {
	return d.alter(p, "CancelSigningProfile", func(p signing.Profile) signing.Profile {
		if p.Status == signing.Active {
			p.Status, p.StatusReason = signing.Canceled, "no longer used"
		}
		return p
	})
}

func (d *desk) alter(p signing.Profile, name string, change func(signing.Profile) signing.Profile) error {
	_, err := d.Profiles.ChangeProfile(ctx, p.ProfileKey, p.Version, func(current *signing.Profile) (*signing.Profile, journal.Event, error) {
		if current == nil {
			return nil, journal.Event{}, signing.ErrProfileNotFound
		}
		next := change(*current)
		return &next, act(name, next), nil
	})
	return err
}

// newJob makes a job under p and leaf; it is not recorded.
func newJob(p signing.Profile, leaf authority.Certificate, at time.Time) signing.Job {
	return signing.Job{
		JobKey: signing.JobKey{Account: p.Account, ID: uuid.Must(uuid.NewV7()).String()}, Region: testRegion, Invoker: p.Account,
		RequestedBy: arn.Root(p.Account).String(), ProfileName: p.Name, ProfileVersion: p.Version, Platform: p.Platform,
		CertificateID: leaf.ID, CertificateHash: leaf.Hash, PayloadDigest: leaf.ID, // any 64 digits
		SignedAt: at.Truncate(time.Second), ExpiresAt: p.Validity.From(at.Truncate(time.Second)), CreatedAt: at,
	}
}

// errStale is what the signing rule says of a version that is not the newest.
var errStale = errors.New("not the newest version")

// rule is what signing demands before a signature may leave.
func rule(s signing.Standing) error {
	switch {
	case s.Status != signing.Active:
		return signing.ErrProfileNotActive
	case !s.Leaf.RevokedAt.IsZero():
		return authority.ErrCertificateBad
	case !s.Newest:
		return errStale
	}
	return nil
}

// record records a job under the rule.
func (d *desk) record(j signing.Job) error { return d.recordIf(j, rule) }

func (d *desk) recordIf(j signing.Job, check func(signing.Standing) error) error {
	key := signing.ProfileKey{Account: j.Account, Name: j.ProfileName}
	return d.Jobs.RecordJob(ctx, j, check, about("SignPayload", key, map[string]any{"jobId": j.ID, "profileVersion": j.ProfileVersion}))
}

// job records a job.
func (d *desk) job(p signing.Profile, leaf authority.Certificate) signing.Job {
	d.Helper()
	j := newJob(p, leaf, d.tick())
	d.must(d.record(j))
	return j
}
