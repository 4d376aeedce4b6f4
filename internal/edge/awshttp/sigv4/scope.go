package sigv4

import (
	"strconv"
	"time"
)

// maxSkew is how far a request's time may be from ours, either way.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
const maxSkew = 5 * time.Minute

// Scope is what a signature must be made for.
type Scope struct {
	Region       string // the installation's
	GlobalRegion string // accepted beside it; "" for none
	Service      string
	// Presigned is how long a presigned request is good, whatever it says of
	// itself; zero means as long as it says.
	Presigned time.Duration
}

// Check refuses a signature made for another region or service, too long ago or
// too far ahead: five minutes either way, but for presigned requests, which are
// good until they expire.
func (s *Signature) Check(want Scope, now time.Time) error {
	if err := s.checkScope(want); err != nil {
		return err
	}
	return s.checkAge(now.UTC(), s.lifetime(want))
}

// lifetime is how long the signature is good after its time.
func (s *Signature) lifetime(want Scope) time.Duration {
	switch {
	case !s.presigned:
		return maxSkew
	case want.Presigned > 0:
		return want.Presigned
	}
	return s.expires
}

func (s *Signature) checkScope(want Scope) error {
	if s.region != want.Region && (s.region != want.GlobalRegion || s.region == "") {
		return refuse(Mismatch, "Credential should be scoped to a valid region, not %.64q: this service is %s. Set AWS_REGION=%s, or --region.",
			s.region, want.Region, want.Region)
	}
	if s.service != want.Service {
		return refuse(Mismatch, "Credential should be scoped to correct service: '%s', not %.64q.", want.Service, s.service)
	}
	return nil
}

func (s *Signature) checkAge(now time.Time, lifetime time.Duration) error {
	stamp := func(t time.Time) string { return t.Format(amzDateForm) }
	if earliest := now.Add(-lifetime); s.at.Before(earliest.Truncate(time.Second)) {
		return refuse(Mismatch, "Signature expired: %s is now earlier than %s (%s - %s). Check the clock of the client.",
			s.timestamp, stamp(earliest), stamp(now), span(lifetime))
	}
	if latest := now.Add(maxSkew); s.at.After(latest) {
		return refuse(Mismatch, "Signature not yet current: %s is still later than %s (%s + %s). Check the clock of the client.",
			s.timestamp, stamp(latest), stamp(now), span(maxSkew))
	}
	return nil
}

// span is a duration as AWS's errors have it.
func span(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + " min."
	}
	return strconv.Itoa(int(d/time.Second)) + " s."
}
