package signing

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// maxReason bounds the reason of a revocation, in characters (the model's
// RevocationReasonString).
const maxReason = 500

func checkReason(reason string) error {
	if n := utf8.RuneCountInString(reason); n < 1 || n > maxReason {
		return fault.Becausef(ErrInvalid, "the reason has %d characters: it must have 1 to %d", n, maxReason)
	}
	return nil
}

// RevokeProfileRequest asks to void the signatures of a profile version.
type RevokeProfileRequest struct {
	Caller
	Profile       ProfileKey
	Version       string
	Reason        string    // 1 to 500 characters
	EffectiveTime time.Time // not in the future; its fraction of a second is dropped
}

// RevokeProfile voids all signatures of a profile version made at
// EffectiveTime or later, for good, and ends the version. Any version may be
// revoked, the newest or not, Active or Canceled. Doing it again may only move
// the time back; the record then names the later act. Errors:
// [ErrProfileNotFound], [ErrInvalid].
func (s *Service) RevokeProfile(ctx context.Context, r RevokeProfileRequest) error {
	now := s.now()
	r.EffectiveTime = r.EffectiveTime.UTC().Truncate(time.Second)
	if err := r.check(now); err != nil {
		return err
	}
	_, err := s.o.Profiles.ChangeProfile(ctx, r.Profile, r.Version, func(current *Profile) (*Profile, journal.Event, error) {
		if current == nil {
			return nil, journal.Event{}, namingProfile(ErrProfileNotFound, r.Profile, r.Version)
		}
		next, err := r.apply(*current, now)
		if next == nil || err != nil {
			return nil, journal.Event{}, err
		}
		return next, s.event(ctx, now, "RevokeSigningProfile", next.ProfileARN(), map[string]any{
			"profileVersion": next.Version,
			"reason":         r.Reason,
			"effectiveTime":  r.EffectiveTime,
		}), nil
	})
	s.known.forget(r.Profile)
	return err
}

func (r RevokeProfileRequest) check(now time.Time) error {
	if !profileVersion.MatchString(r.Version) {
		return fault.Becausef(ErrInvalid, "%.50q is not a profile version: it is 10 letters and digits", r.Version)
	}
	if r.EffectiveTime.After(now) {
		return fault.Becausef(ErrInvalid, "effectiveTime %s is in the future: it is %s here", r.EffectiveTime.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	if r.EffectiveTime.Before(time.Unix(0, 0)) {
		return fault.Becausef(ErrInvalid, "effectiveTime is before 1970")
	}
	return checkReason(r.Reason)
}

// apply returns the profile as revoked, or nil when it is so already.
func (r RevokeProfileRequest) apply(p Profile, now time.Time) (*Profile, error) {
	if was := p.Revocation; was != nil {
		if r.EffectiveTime.After(was.EffectiveFrom) {
			return nil, fault.Becausef(ErrInvalid, "signing profile %s version %s is revoked from %s on: another revocation may only move that earlier",
				p.Name, p.Version, was.EffectiveFrom.UTC().Format(time.RFC3339))
		}
		if r.EffectiveTime.Equal(was.EffectiveFrom) {
			return nil, nil
		}
	}
	p.Status, p.StatusReason, p.EndedAt = Revoked, r.Reason, now
	p.Revocation = &ProfileRevocation{EffectiveFrom: r.EffectiveTime, RevokedAt: now, RevokedBy: r.ARN, Reason: r.Reason}
	return &p, nil
}

// RevokeSignatureRequest asks to void one signature.
type RevokeSignatureRequest struct {
	Caller
	Job    JobKey
	Reason string // 1 to 500 characters
}

// RevokeSignature voids the signature of a job, for good. A signature that is
// void already stays so under its first reason. Errors: [ErrJobNotFound],
// [ErrInvalid].
func (s *Service) RevokeSignature(ctx context.Context, r RevokeSignatureRequest) error {
	if err := checkReason(r.Reason); err != nil {
		return err
	}
	now := s.now()
	_, err := s.o.Jobs.ChangeJob(ctx, r.Job, func(j Job) (*Job, journal.Event, error) {
		if j.Revocation != nil {
			return nil, journal.Event{}, nil
		}
		j.Revocation = &JobRevocation{Reason: r.Reason, RevokedAt: now, RevokedBy: r.ARN}
		return &j, s.event(ctx, now, "RevokeSignature", j.ARN(), map[string]any{
			"jobId":          j.ID,
			"profileName":    j.ProfileName,
			"profileVersion": j.ProfileVersion,
			"reason":         r.Reason,
		}), nil
	})
	return namingJob(err, r.Job)
}

// namingJob puts the job's id into the store's ErrJobNotFound.
func namingJob(err error, key JobKey) error {
	if !errors.Is(err, ErrJobNotFound) {
		return err
	}
	return fault.Becausef(ErrJobNotFound, "signing job %.64q is not found in account %s", key.ID, key.Account)
}
