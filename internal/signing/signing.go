// Package signing is the managed signing service: platforms, profiles, jobs and
// revocation, by the rules of AWS Signer. Its users never see a key: a profile
// is what they may sign under, and [authority] holds what signs.
//
// Two promises are kept here. No signature leaves without its job on record
// ([Service.Sign]), and no signature is good that has none
// ([Service.RevocationStatus]).
//
// Sources: https://docs.aws.amazon.com/signer/latest/developerguide/ and the
// service model of AWS Signer 2017-08-25. Where these say nothing,
// docs/divergences/signer.md says what was decided.
package signing

import (
	"context"
	"errors"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
)

// Leaves gives the certificate to sign with. *authority.Authority is one.
type Leaves interface {
	// Leaf returns a signer whose certificate is on record and good for a while.
	Leaf(ctx context.Context) (*authority.Signer, error)
	// Discard drops the signer with this certificate ID: the store refused it.
	Discard(id string)
}

// Principals knows which roles permissions name. access.Service does.
type Principals interface {
	// PrincipalIDs returns their unique IDs by ARN; who is not there is left out.
	PrincipalIDs(ctx context.Context, arns []string) (map[string]string, error)
	// PrincipalARNs returns their ARNs by those IDs.
	PrincipalARNs(ctx context.Context, ids []string) (map[string]string, error)
}

// Options are what a [Service] is made from.
type Options struct {
	Profiles   ProfileStore
	Jobs       JobStore
	Leaves     Leaves
	Principals Principals
	Region     string           // the installation's one region
	Now        func() time.Time // nil: time.Now
	// MaySign is asked before each signature; its error keeps it from being made,
	// and is what the caller gets. It must answer at once. nil permits.
	MaySign func() error
	// Told hears of each signature that was asked for: how long it took, and its
	// error. It must answer at once. nil is nobody.
	Told func(r SignRequest, took time.Duration, err error)
	// AllowReuseOfEndedNames lets PutProfile make a new version of a Canceled or
	// Revoked profile. Trust policies that name the profile trust it again.
	AllowReuseOfEndedNames bool
}

// Service is the signing service. It is safe for concurrent use.
type Service struct {
	o      Options
	chains chainCache
	known  profileCache
}

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Profiles == nil || o.Jobs == nil || o.Leaves == nil || o.Principals == nil || o.Region == "" {
		return nil, errors.New("signing: stores, leaves, principals and a region are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Told == nil {
		o.Told = func(SignRequest, time.Duration, error) {}
	}
	if o.MaySign == nil {
		o.MaySign = func() error { return nil }
	}
	return &Service{o: o}, nil
}

// Caller is who asks.
type Caller struct {
	Account arn.AccountID
	ARN     string
}

// ProfileARN names the profile.
func (p Profile) ProfileARN() arn.ARN {
	return arn.SigningProfile(p.Region, p.Account, p.Name, "")
}

// VersionARN names this version of the profile.
func (p Profile) VersionARN() arn.ARN {
	return arn.SigningProfile(p.Region, p.Account, p.Name, p.Version)
}

// ARN names the job.
func (j Job) ARN() arn.ARN { return arn.SigningJob(j.Region, j.Account, j.ID) }

// event is a row of the journal about a resource of an account.
func (s *Service) event(ctx context.Context, now time.Time, name string, about arn.ARN, detail any) journal.Event {
	subject := journal.Subject{Account: about.Account, Region: s.o.Region, Resource: about.String()}
	return journal.New(ctx, now, journal.SourceSigner, name, subject, detail)
}

// now is the time of an act, as it is stored.
func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }
