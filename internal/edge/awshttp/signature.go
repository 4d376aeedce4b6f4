package awshttp

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

// signature is what a request says of itself: who signed what, when and for
// which service. Nothing in it is believed until [verifier.verify] returns.
type signature struct {
	keyID                 string
	date, region, service string   // the scope
	signedHeaders         string   // as sent
	signed                []string // the same, split: lower case, ascending
	mac                   string   // lower-case hex
	token                 string   // X-Amz-Security-Token
	timestamp             string   // in amzDateForm
	at                    time.Time
}

// parseSignature reads the header form of Signature Version 4.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
func parseSignature(r *http.Request, query []pair) (*signature, error) {
	if slices.ContainsFunc(query, func(p pair) bool { return p.key == "X-Amz-Signature" || p.key == "X-Amz-Algorithm" }) {
		return nil, refuse(incompleteSignature, "Presigned requests are not supported here: send the signature in the Authorization header.")
	}
	header := r.Header["Authorization"]
	if len(header) == 0 {
		return nil, refuse(missingAuthentication, "Missing Authentication Token: sign the request with Signature Version 4 (AWS access key and secret).")
	}
	if len(header) > 1 || len(header[0]) > maxAuthorization {
		return nil, refuse(incompleteSignature, "The request must have one Authorization header of at most %d bytes.", maxAuthorization)
	}
	s := &signature{}
	if err := s.parseAuthorization(header[0]); err != nil {
		return nil, err
	}
	if err := s.parseToken(r); err != nil {
		return nil, err
	}
	if err := s.parseTime(r); err != nil {
		return nil, err
	}
	return s, s.checkSigned(r)
}

// parseAuthorization reads
// "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
func (s *signature) parseAuthorization(header string) error {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if scheme != algorithm {
		return refuse(incompleteSignature, "Unsupported authorization scheme %.32q: sign the request with %s.", scheme, algorithm)
	}
	var credential string
	parts := map[string]*string{"Credential": &credential, "SignedHeaders": &s.signedHeaders, "Signature": &s.mac}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		into, known := parts[name]
		if !known || *into != "" {
			return refuse(incompleteSignature, "The Authorization header has an unknown or repeated parameter %.32q.", name)
		}
		*into = value
	}
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if *parts[name] == "" {
			return refuse(incompleteSignature, "Authorization header requires '%s' parameter.", name)
		}
	}
	if len(s.mac) != 64 || strings.Trim(s.mac, "0123456789abcdef") != "" {
		return refuse(incompleteSignature, "The Signature parameter of the Authorization header must be 64 lower-case hexadecimal digits.")
	}
	return s.parseCredential(credential)
}

func (s *signature) parseCredential(credential string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return refuse(incompleteSignature,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got %.200q.", credential)
	}
	if parts[4] != terminator {
		return refuse(badSignature, "Credential should be scoped with a valid terminator: '%s', not %.32q.", terminator, parts[4])
	}
	s.keyID, s.date, s.region, s.service = parts[0], parts[1], parts[2], parts[3]
	return nil
}

func (s *signature) parseToken(r *http.Request) error {
	tokens := r.Header["X-Amz-Security-Token"]
	if len(tokens) > 1 {
		return refuse(incompleteSignature, "The request must have at most one X-Amz-Security-Token header.")
	}
	if len(tokens) == 1 {
		s.token = tokens[0]
	}
	return nil
}

// parseTime reads X-Amz-Date or, without one, Date, which must lie on the day
// that the scope names.
func (s *signature) parseTime(r *http.Request) error {
	values := r.Header["X-Amz-Date"]
	if len(values) == 0 {
		values = r.Header["Date"]
	}
	if len(values) != 1 {
		return refuse(incompleteSignature, "Authorization header requires existence of one 'X-Amz-Date' or 'Date' header.")
	}
	at, err := time.Parse(amzDateForm, values[0])
	if err != nil && len(r.Header["X-Amz-Date"]) == 0 {
		at, err = http.ParseTime(values[0])
	}
	if err != nil {
		return refuse(incompleteSignature, "Date must be in ISO-8601 'basic format'. Got %.64q. See http://en.wikipedia.org/wiki/ISO_8601", values[0])
	}
	s.at = at.UTC()
	s.timestamp = s.at.Format(amzDateForm)
	if s.timestamp[:8] != s.date {
		return refuse(badSignature, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: %.32q != '%s', from '%s'.",
			s.date, s.timestamp[:8], s.timestamp)
	}
	return nil
}

// checkSigned sees to it that what the service acts upon is signed: the host,
// the time and every X-Amz header.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (s *signature) checkSigned(r *http.Request) error {
	s.signed = strings.Split(s.signedHeaders, ";")
	for i, name := range s.signed {
		if name == "" || name != strings.ToLower(name) || i > 0 && s.signed[i-1] >= name {
			return refuse(incompleteSignature, "SignedHeaders must be lower-case header names in ascending order, separated by ';'.")
		}
	}
	if !s.covers("host") {
		return refuse(badSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if len(r.Header["X-Amz-Date"]) == 0 && !s.covers("date") {
		return refuse(badSignature, "'Date' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Amz-") && !s.covers(strings.ToLower(name)) {
			return refuse(badSignature, "%.64q must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}

func (s *signature) covers(header string) bool {
	_, found := slices.BinarySearch(s.signed, header)
	return found
}

// scope is what a signature must be made for.
type scope struct {
	region, globalRegion string
	service              string
}

// checkScope refuses a signature made for another region or service.
func (s *signature) checkScope(want scope) error {
	if s.region != want.region && (s.region != want.globalRegion || s.region == "") {
		return refuse(badSignature, "Credential should be scoped to a valid region, not %.64q: this service is %s. Set AWS_REGION=%s, or --region.",
			s.region, want.region, want.region)
	}
	if s.service != want.service {
		return refuse(badSignature, "Credential should be scoped to correct service: '%s', not %.64q.", want.service, s.service)
	}
	return nil
}

// checkAge refuses a signature made too long ago or too far ahead.
func (s *signature) checkAge(now time.Time) error {
	now = now.UTC()
	stamp := func(t time.Time) string { return t.Format(amzDateForm) }
	if earliest := now.Add(-maxSkew); s.at.Before(earliest.Truncate(time.Second)) {
		return refuse(badSignature, "Signature expired: %s is now earlier than %s (%s - 5 min.). Check the clock of the client.",
			s.timestamp, stamp(earliest), stamp(now))
	}
	if latest := now.Add(maxSkew); s.at.After(latest) {
		return refuse(badSignature, "Signature not yet current: %s is still later than %s (%s + 5 min.). Check the clock of the client.",
			s.timestamp, stamp(latest), stamp(now))
	}
	return nil
}
