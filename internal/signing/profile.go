package signing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// ProfileSpec is what a profile is to be.
type ProfileSpec struct {
	ProfileKey
	Platform   string
	Validity   ValidityPeriod    // zero: DefaultValidity
	Parameters map[string]string // nil for none
	Tags       map[string]string // nil for none; only a new version takes them
}

// The shapes of names: ProfileName and ProfileVersion of the model.
var (
	profileName    = regexp.MustCompile(`^[a-zA-Z0-9_]{2,64}$`)
	profileVersion = regexp.MustCompile(`^[a-zA-Z0-9]{10}$`)
)

// PutProfile makes a signing profile and returns it. Where an Active one of the
// name stands with the same platform, validity and parameters it returns that
// one, so a put may safely be repeated; with others it fails with
// [ErrProfileExists]. A Canceled or Revoked name fails with
// [ErrProfileNotActive] unless the service allows its reuse. Other errors:
// [ErrPlatformNotFound], [ErrInvalid].
func (s *Service) PutProfile(ctx context.Context, spec ProfileSpec) (Profile, error) {
	if spec.Validity == (ValidityPeriod{}) {
		spec.Validity = DefaultValidity
	}
	if err := s.checkSpec(spec); err != nil {
		return Profile{}, err
	}
	next := s.newProfile(spec, s.now())
	change := func(current *Profile) (*Profile, journal.Event, error) {
		if add, err := s.decidePut(current, spec); err != nil || !add {
			return nil, journal.Event{}, err
		}
		return &next, s.event(ctx, next.CreatedAt, "PutSigningProfile", next.ProfileARN(), map[string]any{
			"profileVersion":          next.Version,
			"platformId":              next.Platform,
			"signatureValidityPeriod": map[string]any{"value": next.Validity.Value, "type": next.Validity.Unit},
		}), nil
	}
	stands, err := s.o.Profiles.ChangeProfile(ctx, spec.ProfileKey, "", change)
	if err != nil {
		return Profile{}, err
	}
	return *stands, nil
}

func (s *Service) checkSpec(spec ProfileSpec) error {
	if !profileName.MatchString(spec.Name) {
		return fault.Becausef(ErrInvalid, "%.100q is not a profile name: use 2 to 64 letters, digits and underscores", spec.Name)
	}
	if _, err := s.Platform(spec.Platform); err != nil {
		return err
	}
	if err := spec.Validity.check(); err != nil {
		return err
	}
	if err := checkParameters(spec.Parameters); err != nil {
		return err
	}
	return checkTags(spec.Tags)
}

func (s *Service) newProfile(spec ProfileSpec, now time.Time) Profile {
	return Profile{
		ProfileKey: spec.ProfileKey,
		Region:     s.o.Region,
		Version:    newVersion(),
		Platform:   spec.Platform,
		Validity:   spec.Validity,
		Parameters: spec.Parameters,
		Tags:       spec.Tags,
		Status:     Active,
		CreatedAt:  now,
	}
}

// decidePut says whether a new version is to be made, given the newest.
func (s *Service) decidePut(current *Profile, spec ProfileSpec) (add bool, err error) {
	switch {
	case current == nil:
		return true, nil
	case current.Status == Active:
		return false, sameProfile(*current, spec)
	case s.o.AllowReuseOfEndedNames:
		return true, nil
	default:
		return false, fault.Becausef(ErrProfileNotActive, "signing profile %s is %s: its name cannot be used again, since trust policies may still trust it; choose another name",
			current.Name, current.Status)
	}
}

// sameProfile fails with the first difference. Tags are not compared: they can
// be changed on their own.
func sameProfile(p Profile, spec ProfileSpec) error {
	differs := func(what string, has, asked any) error {
		return fault.Becausef(ErrProfileExists, "signing profile %s exists with another %s: it has %v and %v was asked for; profiles do not change, so choose another name, or put the same again",
			p.Name, what, has, asked)
	}
	switch {
	case p.Platform != spec.Platform:
		return differs("platformId", p.Platform, spec.Platform)
	case p.Validity != spec.Validity:
		return differs("signatureValidityPeriod", p.Validity, spec.Validity)
	case !maps.Equal(p.Parameters, spec.Parameters):
		return differs("signingParameters", quoteMap(p.Parameters), quoteMap(spec.Parameters))
	}
	return nil
}

// quoteMap shows a map in order, so that the message is the same each time.
func quoteMap(m map[string]string) string {
	const most = 300
	text := "{"
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%q: %q", k, m[k])
	}
	if text += "}"; len(text) > most {
		text = fmt.Sprintf("%d parameters", len(m))
	}
	return text
}

// newVersion makes a profile version: 10 letters and digits, as AWS's are.
func newVersion() string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	version := make([]byte, 10)
	for i := range version {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // crypto/rand does not fail (Go 1.24)
		}
		version[i] = alphabet[n.Int64()]
	}
	return string(version)
}

// Profile returns the newest version of a profile, or [ErrProfileNotFound].
func (s *Service) Profile(ctx context.Context, key ProfileKey) (Profile, error) {
	p, err := s.o.Profiles.Profile(ctx, key, "")
	return p, namingProfile(err, key, "")
}

// namingProfile puts the profile's name into the store's ErrProfileNotFound.
func namingProfile(err error, key ProfileKey, version string) error {
	if !errors.Is(err, ErrProfileNotFound) {
		return err
	}
	if version != "" {
		return fault.Becausef(ErrProfileNotFound, "signing profile %s has no version %s in account %s", key.Name, version, key.Account)
	}
	return fault.Becausef(ErrProfileNotFound, "signing profile %s is not found in account %s", key.Name, key.Account)
}

// Profiles lists profiles by name, the newest version of each, and says where to
// go on: see [ProfileStore].
func (s *Service) Profiles(ctx context.Context, f ProfileFilter) (page []Profile, next string, err error) {
	if _, err := s.Platform(f.Platform); f.Platform != "" && err != nil {
		return nil, "", nil // no profile is of a platform that there is not
	}
	return s.o.Profiles.Profiles(ctx, f)
}

// CancelProfile ends a profile: it signs no more, and what it signed stays
// good. A profile that has ended already is left as it is. [ErrProfileNotFound].
func (s *Service) CancelProfile(ctx context.Context, key ProfileKey) error {
	now := s.now()
	_, err := s.o.Profiles.ChangeProfile(ctx, key, "", func(current *Profile) (*Profile, journal.Event, error) {
		if current == nil {
			return nil, journal.Event{}, namingProfile(ErrProfileNotFound, key, "")
		}
		if current.Status != Active {
			return nil, journal.Event{}, nil
		}
		next := *current
		next.Status, next.StatusReason, next.EndedAt = Canceled, "Canceled by its owner", now
		return &next, s.event(ctx, now, "CancelSigningProfile", next.ProfileARN(), map[string]any{"profileVersion": next.Version}), nil
	})
	s.known.forget(key)
	return err
}

// ProfileARN names a profile of this installation.
func (s *Service) ProfileARN(key ProfileKey) arn.ARN {
	return arn.SigningProfile(s.o.Region, key.Account, key.Name, "")
}

// JobARN names a job of this installation.
func (s *Service) JobARN(key JobKey) arn.ARN { return arn.SigningJob(s.o.Region, key.Account, key.ID) }
