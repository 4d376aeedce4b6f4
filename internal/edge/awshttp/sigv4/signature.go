package sigv4

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm   = "AWS4-HMAC-SHA256"
	terminator  = "aws4_request"
	amzDateForm = "20060102T150405Z"

	// maxSkew is how far a request's time may be from ours, either way.
	//
	// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
	maxSkew = 5 * time.Minute

	maxAuthorization = 8 << 10 // bytes of an Authorization header
)

// Signature is what a request says of itself: who signed what, when and for
// which service. Nothing in it is to be believed until [Verifier.Verify] says so.
type Signature struct {
	KeyID string // the access key's
	Token string // of a session, from X-Amz-Security-Token; "" for none

	date, region, service string   // the scope
	signedHeaders         string   // as sent
	signed                []string // the same, split: lower case, ascending
	mac                   string   // lower-case hex
	timestamp             string   // in amzDateForm
	at                    time.Time
}

// Parse reads the signature of a request and sees to it that what the service
// acts upon is signed: the host, the time and every X-Amz header.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
func Parse(r *http.Request, target Target) (*Signature, error) {
	presigned := func(p Pair) bool { return p.Key == "X-Amz-Signature" || p.Key == "X-Amz-Algorithm" }
	if slices.ContainsFunc(target.Query, presigned) {
		return nil, refuse(Incomplete, "Presigned requests are not supported here: send the signature in the Authorization header.")
	}
	header := r.Header["Authorization"]
	if len(header) == 0 {
		return nil, refuse(Missing, "Missing Authentication Token: sign the request with Signature Version 4 (AWS access key and secret).")
	}
	if len(header) > 1 || len(header[0]) > maxAuthorization {
		return nil, refuse(Incomplete, "The request must have one Authorization header of at most %d bytes.", maxAuthorization)
	}
	s := &Signature{}
	if err := s.parseAuthorization(header[0]); err != nil {
		return nil, err
	}
	if err := s.parseToken(r); err != nil {
		return nil, err
	}
	if err := s.parseTime(r); err != nil {
		return nil, err
	}
	if err := s.checkSigned(r); err != nil {
		return nil, err
	}
	return s, nil
}

// parseAuthorization reads
// "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
func (s *Signature) parseAuthorization(header string) error {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if scheme != algorithm {
		return refuse(Incomplete, "Unsupported authorization scheme %.32q: sign the request with %s.", scheme, algorithm)
	}
	var credential string
	parts := map[string]*string{"Credential": &credential, "SignedHeaders": &s.signedHeaders, "Signature": &s.mac}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		into, known := parts[name]
		if !known || *into != "" {
			return refuse(Incomplete, "The Authorization header has an unknown or repeated parameter %.32q.", name)
		}
		*into = value
	}
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if *parts[name] == "" {
			return refuse(Incomplete, "Authorization header requires '%s' parameter.", name)
		}
	}
	if len(s.mac) != 64 || strings.Trim(s.mac, "0123456789abcdef") != "" {
		return refuse(Incomplete, "The Signature parameter of the Authorization header must be 64 lower-case hexadecimal digits.")
	}
	return s.parseCredential(credential)
}

func (s *Signature) parseCredential(credential string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return refuse(Incomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got %.200q.", credential)
	}
	if parts[4] != terminator {
		return refuse(Mismatch, "Credential should be scoped with a valid terminator: '%s', not %.32q.", terminator, parts[4])
	}
	s.KeyID, s.date, s.region, s.service = parts[0], parts[1], parts[2], parts[3]
	return nil
}

func (s *Signature) parseToken(r *http.Request) error {
	tokens := r.Header["X-Amz-Security-Token"]
	if len(tokens) > 1 {
		return refuse(Incomplete, "The request must have at most one X-Amz-Security-Token header.")
	}
	if len(tokens) == 1 {
		s.Token = tokens[0]
	}
	return nil
}

// parseTime reads X-Amz-Date or, without one, Date, which must lie on the day
// that the scope names.
func (s *Signature) parseTime(r *http.Request) error {
	values := r.Header["X-Amz-Date"]
	if len(values) == 0 {
		values = r.Header["Date"]
	}
	if len(values) != 1 {
		return refuse(Incomplete, "Authorization header requires existence of one 'X-Amz-Date' or 'Date' header.")
	}
	at, err := time.Parse(amzDateForm, values[0])
	if err != nil && len(r.Header["X-Amz-Date"]) == 0 {
		at, err = http.ParseTime(values[0])
	}
	if err != nil {
		return refuse(Incomplete, "Date must be in ISO-8601 'basic format'. Got %.64q. See http://en.wikipedia.org/wiki/ISO_8601", values[0])
	}
	s.at = at.UTC()
	s.timestamp = s.at.Format(amzDateForm)
	if s.timestamp[:8] != s.date {
		return refuse(Mismatch, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: %.32q != '%s', from '%s'.",
			s.date, s.timestamp[:8], s.timestamp)
	}
	return nil
}

// checkSigned compares SignedHeaders with the headers that must be in it.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (s *Signature) checkSigned(r *http.Request) error {
	s.signed = strings.Split(s.signedHeaders, ";")
	for i, name := range s.signed {
		if name == "" || name != strings.ToLower(name) || i > 0 && s.signed[i-1] >= name {
			return refuse(Incomplete, "SignedHeaders must be lower-case header names in ascending order, separated by ';'.")
		}
	}
	if !s.covers("host") {
		return refuse(Mismatch, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if len(r.Header["X-Amz-Date"]) == 0 && !s.covers("date") {
		return refuse(Mismatch, "'Date' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Amz-") && !s.covers(strings.ToLower(name)) {
			return refuse(Mismatch, "%.64q must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}

// Region is the region that the signature is made for.
func (s *Signature) Region() string { return s.region }

func (s *Signature) covers(header string) bool {
	_, found := slices.BinarySearch(s.signed, header)
	return found
}

// Scope is what a signature must be made for.
type Scope struct {
	Region       string // the installation's
	GlobalRegion string // accepted beside it; "" for none
	Service      string
}

// Check refuses a signature made for another region or service, too long ago or
// too far ahead: five minutes either way.
func (s *Signature) Check(want Scope, now time.Time) error {
	if err := s.checkScope(want); err != nil {
		return err
	}
	return s.checkAge(now.UTC())
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

func (s *Signature) checkAge(now time.Time) error {
	stamp := func(t time.Time) string { return t.Format(amzDateForm) }
	if earliest := now.Add(-maxSkew); s.at.Before(earliest.Truncate(time.Second)) {
		return refuse(Mismatch, "Signature expired: %s is now earlier than %s (%s - 5 min.). Check the clock of the client.",
			s.timestamp, stamp(earliest), stamp(now))
	}
	if latest := now.Add(maxSkew); s.at.After(latest) {
		return refuse(Mismatch, "Signature not yet current: %s is still later than %s (%s + 5 min.). Check the clock of the client.",
			s.timestamp, stamp(latest), stamp(now))
	}
	return nil
}
