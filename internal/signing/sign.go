package signing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/envelope"
	"github.com/sealwright/sealwright/internal/fault"
)

// SignRequest asks for a signature.
type SignRequest struct {
	Caller
	Profile ProfileKey
	Payload []byte // signed byte for byte; 1 to 4096
	Format  string // envelope.PayloadMediaType
	Version string // the profile's, as it was permitted; "" is the newest
}

// Signature is a signature on record.
type Signature struct {
	Job      Job
	Envelope []byte // JWS JSON
}

// attempts is how often Sign starts anew when what it signed with was replaced
// meanwhile: a leaf that was revoked, a profile that has a newer version.
const attempts = 3

// errStale means that a signature was made with what is no longer current. It
// was thrown away; making another may succeed.
var errStale = errors.New("signing: made with what is no longer current")

// Sign signs a payload under the newest version of a profile. The envelope is
// made first, in memory; then its job is recorded in one transaction that finds
// profile and leaf good; only then is it returned. An error means that no
// signature left. Errors: [ErrInvalid], [ErrProfileNotFound],
// [ErrProfileNotActive], and what [authority.Authority.Leaf] and the options'
// MaySign say.
func (s *Service) Sign(ctx context.Context, r SignRequest) (Signature, error) {
	begun := s.o.Now()
	signature, err := s.sign(ctx, r)
	s.o.Told(r, s.o.Now().Sub(begun), err)
	return signature, err
}

func (s *Service) sign(ctx context.Context, r SignRequest) (Signature, error) {
	if err := checkPayload(r.Format, r.Payload); err != nil {
		return Signature{}, err
	}
	if err := s.o.MaySign(); err != nil {
		return Signature{}, err
	}
	var err error
	for range attempts {
		var signature Signature
		if signature, err = s.signOnce(ctx, r); err == nil {
			return signature, nil
		}
		s.known.forget(r.Profile)
		if !errors.Is(err, errStale) {
			return Signature{}, namingProfile(err, r.Profile, "")
		}
	}
	return Signature{}, fault.Hide(fault.Unavailable, err, "the profile or the signing certificate changed while signing; try again")
}

// signOnce makes one envelope and records it, or fails with errStale.
func (s *Service) signOnce(ctx context.Context, r SignRequest) (Signature, error) {
	profile, err := s.activeProfile(ctx, r.Profile)
	if err != nil {
		return Signature{}, err
	}
	if r.Version != "" && r.Version != profile.Version {
		return Signature{}, fault.Errorf(fault.Unavailable, "signing profile %s has another version than a moment ago, which must be permitted first; try again", r.Profile.Name)
	}
	leaf, err := s.o.Leaves.Leaf(ctx)
	if err != nil {
		return Signature{}, err
	}
	job, err := s.newJob(r, profile, leaf)
	if err != nil {
		return Signature{}, err
	}
	signed, err := s.seal(job, profile, leaf, r.Payload)
	if err != nil {
		return Signature{}, err
	}
	if err := s.record(ctx, job, leaf); err != nil {
		return Signature{}, err
	}
	return Signature{job, signed}, nil
}

// activeProfile is the newest version as this process saw it last. It may be
// out of date; record asks again, under lock.
func (s *Service) activeProfile(ctx context.Context, key ProfileKey) (Profile, error) {
	if p, ok := s.known.get(key); ok {
		return p, nil
	}
	p, err := s.o.Profiles.Profile(ctx, key, "")
	if err != nil {
		return Profile{}, err
	}
	if err := mustBeActive(p); err != nil {
		return Profile{}, err
	}
	s.known.put(p)
	return p, nil
}

func mustBeActive(p Profile) error {
	if p.Status == Active {
		return nil
	}
	return notActive(p.Name, p.Status)
}

func notActive(profile string, is Status) error {
	return fault.Becausef(ErrProfileNotActive, "signing profile %s is %s and signs no more", profile, is)
}

// newJob describes the signature that is about to be made. Its id is a UUIDv7,
// so that the newest jobs are neighbours in the store.
func (s *Service) newJob(r SignRequest, p Profile, leaf *authority.Signer) (Job, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Job{}, fmt.Errorf("signing: make a job id: %w", err)
	}
	digest := sha256.Sum256(r.Payload)
	now := s.now()
	signedAt := now.Truncate(time.Second)
	return Job{
		JobKey:          JobKey{p.Account, id.String()},
		Region:          s.o.Region,
		Invoker:         r.Account,
		RequestedBy:     r.ARN,
		ProfileName:     p.Name,
		ProfileVersion:  p.Version,
		Platform:        p.Platform,
		CertificateID:   leaf.ID,
		CertificateHash: leaf.Hash,
		PayloadDigest:   hex.EncodeToString(digest[:]),
		SignedAt:        signedAt,
		ExpiresAt:       p.Validity.From(signedAt),
		CreatedAt:       now,
	}, nil
}

// seal makes the envelope.
func (s *Service) seal(j Job, p Profile, leaf *authority.Signer, payload []byte) ([]byte, error) {
	chain, err := s.chains.of(leaf)
	if err != nil {
		return nil, err
	}
	return envelope.Sign(envelope.Attributes{
		SigningTime:       j.SignedAt,
		Expiry:            j.ExpiresAt,
		ProfileVersionARN: p.VersionARN().String(),
		JobARN:            j.ARN().String(),
	}, chain, payload, leaf.Sign)
}

// signPayload is the operation's name in the journal.
const signPayload = "SignPayload"

// signDetail is what the journal says of a SignPayload.
type signDetail struct {
	JobID          string        `json:"jobId"`
	Invoker        arn.AccountID `json:"jobInvoker"`
	ProfileVersion string        `json:"profileVersion"`
	PayloadSHA256  string        `json:"payloadSha256"`
	CertificateID  string        `json:"certificateId"`
	SignedAt       time.Time     `json:"signedAt"`
	ExpiresAt      time.Time     `json:"signatureExpiresAt"`
}

// record commits the job if profile and leaf may be used. A leaf the store does
// not accept is dropped, so that the next attempt gets another.
func (s *Service) record(ctx context.Context, j Job, leaf *authority.Signer) error {
	e := s.event(ctx, j.CreatedAt, signPayload, s.ProfileARN(ProfileKey{j.Account, j.ProfileName}), signDetail{
		j.ID, j.Invoker, j.ProfileVersion, j.PayloadDigest, j.CertificateID, j.SignedAt, j.ExpiresAt,
	})
	err := s.o.Jobs.RecordJob(ctx, j, mayRecord(j), e)
	if errors.Is(err, authority.ErrCertificateBad) || errors.Is(err, authority.ErrNoCertificate) {
		s.o.Leaves.Discard(leaf.ID)
		return fmt.Errorf("%w: %w", errStale, err)
	}
	return err
}

// mayRecord is the check that RecordJob runs while it holds profile and leaf.
func mayRecord(j Job) func(Standing) error {
	return func(s Standing) error {
		leaf := s.Leaf
		switch {
		case !s.Newest:
			return fmt.Errorf("%w: the profile has a newer version", errStale)
		case s.Status != Active:
			return notActive(j.ProfileName, s.Status)
		case !leaf.RevokedAt.IsZero():
			return authority.ErrCertificateBad
		case j.SignedAt.Before(leaf.NotBefore) || j.SignedAt.After(leaf.NotAfter):
			// The clock jumped between getting the leaf and signing. Verifiers would
			// refuse such a signature.
			return fmt.Errorf("%w: signed at %v with a leaf valid from %v to %v", errStale, j.SignedAt, leaf.NotBefore, leaf.NotAfter)
		}
		return nil
	}
}
