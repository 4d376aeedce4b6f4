package sigv4

import (
	"net/http"
	"strings"
	"time"
)

const maxAuthorization = 8 << 10 // bytes of an Authorization header

// parseHeaders reads the form that puts the signature into a header.
func parseHeaders(r *http.Request, authorization []string) (*Signature, error) {
	if len(authorization) > 1 || len(authorization[0]) > maxAuthorization {
		return nil, refuse(Incomplete, "The request must have one Authorization header of at most %d bytes.", maxAuthorization)
	}
	s := &Signature{}
	if err := s.parseAuthorization(authorization[0]); err != nil {
		return nil, err
	}
	if err := s.parseToken(r); err != nil {
		return nil, err
	}
	return s, s.parseTime(r)
}

// parseAuthorization reads
// "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
func (s *Signature) parseAuthorization(header string) error {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if err := checkAlgorithm(scheme); err != nil {
		return err
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
	if err := checkMAC(s.mac); err != nil {
		return err
	}
	return s.parseCredential(credential)
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

// parseTime reads X-Amz-Date or, without one, Date.
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
		return notATime(values[0])
	}
	return s.setTime(at)
}
