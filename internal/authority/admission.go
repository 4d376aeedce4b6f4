package authority

import (
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
)

// admission is [Authorities.admit] or a stricter one.
type admission func(now Authorities, made ...Certificate) ([]Certificate, error)

// admit readies CAs to be recorded, issuers first. What is here of them, and what
// they are below, must be in service. Each new one is newer than all that are here,
// whatever the clock says: the order of CAs is that of what was done.
func (s Authorities) admit(made ...Certificate) ([]Certificate, error) {
	var admitted []Certificate
	newest := s.newest()
	for _, c := range made {
		if err := s.mayAdd(c); err != nil {
			return nil, err
		}
		if _, known := s.find(c.ID); !known {
			if !c.CreatedAt.After(newest) {
				c.CreatedAt = newest.Add(time.Microsecond)
			}
			newest = c.CreatedAt
		}
		admitted = append(admitted, c)
		s.CAs = append(slices.Clip(s.CAs), c)
	}
	return admitted, nil
}

func (s Authorities) newest() (at time.Time) {
	for _, c := range s.CAs {
		if c.CreatedAt.After(at) {
			at = c.CreatedAt
		}
	}
	return at
}

func (s Authorities) mayAdd(c Certificate) error {
	if here, known := s.find(c.ID); known {
		return s.checkService(here)
	}
	if above, known := s.find(c.IssuerID); known {
		if err := s.checkService(above); err != nil {
			return err
		}
	}
	return s.checkSerial(c, "have it certified anew, under a number of its own")
}

// checkSerial says which other CA of the same issuer has the serial number of one, if
// one does, and what to do then: no revocation list tells the two apart.
func (s Authorities) checkSerial(c Certificate, instead string) error {
	for _, other := range s.CAs {
		if other.ID != c.ID && other.IssuerID == c.IssuerID && other.Serial == c.Serial {
			return unsuitable("the serial number %s of %s is that of another certificate of the same issuer, %s: %s", c.Serial, c.ID, other.ID, instead)
		}
	}
	return nil
}

// checkService says why a CA is not in service, if it is not.
func (s Authorities) checkService(c Certificate) error {
	if s.InService(c) {
		return nil
	}
	return fault.Becausef(ErrNotNow, "the CA %s, or one above it, is retired or revoked, which cannot be undone: take another, or make one with \"sealwright ca new-root\"", c.ID)
}

// admitMade is admit where the issuing CA was made here, with a key of its own: two
// ceremonies at the same time may have taken the same one.
func (s Authorities) admitMade(made ...Certificate) ([]Certificate, error) {
	for _, c := range made {
		if c.Role == Issuing && s.uses(c.KeyID) {
			return nil, fault.Becausef(ErrNotNow, "another CA was made at the same time: do it again, if it is still wanted")
		}
	}
	return s.admit(made...)
}
