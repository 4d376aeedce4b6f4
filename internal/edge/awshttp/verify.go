package awshttp

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
)

// verifier compares request signatures with its own reckoning. It is safe for
// concurrent use.
type verifier struct{ keys keyCache }

// verify checks that secret made the signature over this request and body. A
// refusal says what may be wrong, and neither the secret nor the signature
// that would have been right.
func (v *verifier) verify(s *signature, r *http.Request, query []pair, body []byte, secret string) error {
	bodyHash := hashOf(body)
	if err := checkContentHash(r, bodyHash); err != nil {
		return err
	}
	key := v.keys.get(s, secret)
	for _, q := range canonicalQueries(query) {
		ok, err := s.matches(r, q, bodyHash, key)
		if ok || err != nil {
			return err
		}
	}
	return refuse(badSignature, "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details. "+
		"The Host received was %.255q: a proxy in between must preserve the Host header and the encoding of the path.", r.Host)
}

// checkContentHash compares X-Amz-Content-Sha256 with the body, where it is sent.
func checkContentHash(r *http.Request, bodyHash string) error {
	sent := r.Header["X-Amz-Content-Sha256"]
	switch {
	case len(sent) == 0 || slices.Equal(sent, []string{bodyHash}):
		return nil
	case len(sent) == 1 && len(sent[0]) == len(bodyHash):
		return refuse(badSignature, "The value of the X-Amz-Content-Sha256 header is not the SHA-256 of the body.")
	}
	return refuse(badSignature, "X-Amz-Content-Sha256 must be the SHA-256 of the body: %.64q is not supported here.", sent)
}

func (s *signature) matches(r *http.Request, query []byte, bodyHash string, key [sha256.Size]byte) (bool, error) {
	buffer := make([]byte, 0, 1024)
	canonical, err := s.canonicalRequest(buffer, r, query, bodyHash)
	if err != nil {
		return false, err
	}
	want := hex.AppendEncode(nil, macOf(key[:], s.stringToSign(buffer[:0], canonical)))
	return subtle.ConstantTimeCompare(want, []byte(s.mac)) == 1, nil
}

// stringToSign may overwrite canonical with what it appends to b: its hash is
// taken first.
func (s *signature) stringToSign(b, canonical []byte) []byte {
	sum := sha256.Sum256(canonical)
	b = append(b, algorithm+"\n"...)
	b = append(b, s.timestamp...)
	for i, part := range [...]string{s.date, s.region, s.service, terminator} {
		b = append(b, "\n///"[min(i, 1)])
		b = append(b, part...)
	}
	b = append(b, '\n')
	return hex.AppendEncode(b, sum[:])
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func macOf(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

// signingKey derives the key of a day, a region and a service.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#derive-signing-key
func signingKey(s *signature, secret string) [sha256.Size]byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, terminator} {
		key = macOf(key, []byte(part))
	}
	return [sha256.Size]byte(key)
}
