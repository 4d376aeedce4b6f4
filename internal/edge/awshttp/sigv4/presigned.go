package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The parameters of a presigned request. Each stands in the query string once,
// spelled like this; the first five are required.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
const (
	algorithmParameter  = "X-Amz-Algorithm"
	credentialParameter = "X-Amz-Credential"
	dateParameter       = "X-Amz-Date"
	signedParameter     = "X-Amz-SignedHeaders"
	signatureParameter  = "X-Amz-Signature"
	expiresParameter    = "X-Amz-Expires"
	tokenParameter      = "X-Amz-Security-Token"
)

var (
	requiredParameters = []string{algorithmParameter, credentialParameter, dateParameter, signedParameter, signatureParameter}
	authParameters     = append(slices.Clone(requiredParameters), expiresParameter, tokenParameter)
)

// How long a presigned request may say it is good, and how long it is if it does
// not say: what AWS's services other than S3 grant.
const (
	maxExpires     = 7 * 24 * time.Hour
	defaultExpires = 15 * time.Minute
)

// isAuthParameter reports whether p is about the signature, in whatever case: so
// that nothing takes for one what this package does not.
func isAuthParameter(p Pair) bool {
	const prefix = "X-Amz-"
	return len(p.Key) > len(prefix) && strings.EqualFold(p.Key[:len(prefix)], prefix) &&
		slices.ContainsFunc(authParameters, func(name string) bool { return strings.EqualFold(name, p.Key) })
}

// parseQuery reads the form that puts the signature into the query string. All
// of that but the signature itself is signed.
func parseQuery(r *http.Request, target Target) (*Signature, error) {
	if len(r.Header["X-Amz-Date"])+len(r.Header["X-Amz-Security-Token"]) > 0 {
		return nil, refuse(Incomplete, "A request that is signed in the query string must have X-Amz-Date and X-Amz-Security-Token there, not in headers.")
	}
	q, err := queryParameters(target.Query)
	if err != nil {
		return nil, err
	}
	s := &Signature{presigned: true, Token: q[tokenParameter], signedHeaders: q[signedParameter], mac: q[signatureParameter]}
	if err := checkAlgorithm(q[algorithmParameter]); err != nil {
		return nil, err
	}
	if err := checkMAC(s.mac); err != nil {
		return nil, err
	}
	if err := s.parseCredential(q[credentialParameter]); err != nil {
		return nil, err
	}
	if s.expires, err = parseExpires(q); err != nil {
		return nil, err
	}
	at, err := time.Parse(amzDateForm, q[dateParameter])
	if err != nil {
		return nil, notATime(q[dateParameter])
	}
	return s, s.setTime(at)
}

// queryParameters returns the parameters that are about the signature.
func queryParameters(pairs []Pair) (map[string]string, error) {
	q := make(map[string]string, len(authParameters))
	for _, p := range pairs {
		if !isAuthParameter(p) {
			continue
		}
		if _, repeated := q[p.Key]; repeated || !slices.Contains(authParameters, p.Key) {
			return nil, refuse(Incomplete, "The query string has %.64q twice, or not spelled as Signature Version 4 has it.", p.Key)
		}
		q[p.Key] = p.Value
	}
	for _, name := range requiredParameters {
		if q[name] == "" {
			return nil, refuse(Incomplete, "A request that is signed in the query string requires the parameter %s.", name)
		}
	}
	return q, nil
}

func parseExpires(q map[string]string) (time.Duration, error) {
	text, sent := q[expiresParameter]
	if !sent {
		return defaultExpires, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 32)
	if most := uint64(maxExpires / time.Second); err != nil || seconds < 1 || seconds > most {
		return 0, refuse(Incomplete, "X-Amz-Expires must be a number of seconds from 1 to %d, not %.32q.", most, text)
	}
	return time.Duration(seconds) * time.Second, nil
}

// withoutSignature returns the parameters that a presigned request's signature
// is over.
func withoutSignature(pairs []Pair) []Pair {
	return slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return p.Key == signatureParameter })
}
