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

	// asymmetric is Signature Version 4A's algorithm, which has no shared secret and
	// is for services of several regions.
	asymmetric = "AWS4-ECDSA-P256-SHA256"
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

	presigned bool          // the signature stands in the query string
	expires   time.Duration // of a presigned one: X-Amz-Expires, or what stands for it
}

// Parse reads the signature of a request, in the Authorization header or in the
// query string but not in both, and sees to it that what the service acts upon
// is signed: the host, the time and every X-Amz header.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
func Parse(r *http.Request, target Target) (s *Signature, err error) {
	headers := r.Header["Authorization"]
	presigned := slices.ContainsFunc(target.Query, isAuthParameter)
	switch {
	case presigned && len(headers) > 0:
		return nil, refuse(Incomplete, "The request must be signed either in the Authorization header or in the query string, not in both.")
	case presigned:
		s, err = parseQuery(r, target)
	case len(headers) > 0:
		s, err = parseHeaders(r, headers)
	default:
		return nil, refuse(Missing, "Missing Authentication Token: sign the request with Signature Version 4 (AWS access key and secret).")
	}
	if err != nil {
		return nil, err
	}
	return s, s.checkSigned(r)
}

func checkAlgorithm(name string) error {
	switch name {
	case algorithm:
		return nil
	case asymmetric:
		return refuse(Incomplete, "Signature Version 4A (%s) is not supported here: sign the request with %s.", asymmetric, algorithm)
	}
	return refuse(Incomplete, "Unsupported authorization scheme %.32q: sign the request with %s.", name, algorithm)
}

func checkMAC(mac string) error {
	if len(mac) != 64 || strings.Trim(mac, "0123456789abcdef") != "" {
		return refuse(Incomplete, "The signature must be 64 lower-case hexadecimal digits.")
	}
	return nil
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

// setTime takes the time, which must lie on the day that the scope names.
func (s *Signature) setTime(at time.Time) error {
	s.at = at.UTC()
	s.timestamp = s.at.Format(amzDateForm)
	if s.timestamp[:8] != s.date {
		return refuse(Mismatch, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: %.32q != '%s', from '%s'.",
			s.date, s.timestamp[:8], s.timestamp)
	}
	return nil
}

func notATime(text string) error {
	return refuse(Incomplete, "Date must be in ISO-8601 'basic format'. Got %.64q. See http://en.wikipedia.org/wiki/ISO_8601", text)
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
	if !s.presigned && len(r.Header["X-Amz-Date"]) == 0 && !s.covers("date") {
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
