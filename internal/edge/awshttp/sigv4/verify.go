package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
)

// Verifier compares signatures with its own reckoning, in constant time. It
// remembers a bounded number of derived keys. The zero value is ready, and safe
// for concurrent use.
type Verifier struct{ keys keyCache }

// Verify checks that secret made the signature over the message. The refusal is
// an [*Error] that says what may be wrong.
func (v *Verifier) Verify(s *Signature, m Message, secret string) error {
	bodyHash := hashOf(m.Body)
	if err := checkContentHash(m, bodyHash); err != nil {
		return err
	}
	key := v.keys.get(s, secret)
	query := m.Target.Query
	if s.presigned {
		query = withoutSignature(query)
	}
	if ok, err := s.holds(m, query, bodyHash, key); ok || err != nil {
		return err
	}
	return refuse(Mismatch, "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details. "+
		"The Host received was %.255q: a proxy in between must preserve the Host header and the encoding of the path.", m.Request.Host)
}

// KeyCache counts the signatures whose derived key was remembered, and those for
// which it had to be derived.
func (v *Verifier) KeyCache() (hits, misses uint64) { return v.keys.counts() }

// checkContentHash compares X-Amz-Content-Sha256 with the body, wherever it is
// sent. UNSIGNED-PAYLOAD is for operations whose model has the trait
// aws.auth#unsignedPayload, of which there are none here, and the streaming forms
// are S3's.
//
// Source: https://smithy.io/2.0/aws/aws-auth.html#aws-auth-unsignedpayload-trait
func checkContentHash(m Message, bodyHash string) error {
	const name = "X-Amz-Content-Sha256"
	sent := slices.Clone(m.Request.Header[name])
	for _, p := range m.Target.Query {
		if strings.EqualFold(p.Key, name) {
			sent = append(sent, p.Value)
		}
	}
	switch {
	case len(sent) == 0 || slices.Equal(sent, []string{bodyHash}):
		return nil
	case len(sent) == 1 && len(sent[0]) == len(bodyHash):
		return refuse(Mismatch, "The value of X-Amz-Content-Sha256 is not the SHA-256 of the body.")
	}
	return refuse(Mismatch, "X-Amz-Content-Sha256 must be the SHA-256 of the body: %.64q is not supported here.", sent)
}

// scratch is memory for what is reckoned of a request and forgotten: a question
// about revocation has two kilobytes of parameters.
var scratch = sync.Pool{New: func() any { return new([8 << 10]byte) }}

// holds reports whether the key made the signature.
func (s *Signature) holds(m Message, query []Pair, bodyHash string, key [sha256.Size]byte) (bool, error) {
	memory := scratch.Get().(*[8 << 10]byte)
	defer scratch.Put(memory)
	pairs, b := encodePairs(memory[:0], query)
	for ordered := range inOrder(pairs) {
		toSign, err := s.toSign(b, m, ordered, bodyHash)
		if err != nil {
			return false, err
		}
		want := hex.AppendEncode(nil, macOf(key[:], toSign))
		if subtle.ConstantTimeCompare(want, []byte(s.mac)) == 1 {
			return true, nil
		}
	}
	return false, nil
}

// toSign returns the string to sign. It appends to b what it needs.
func (s *Signature) toSign(b []byte, m Message, query []encodedPair, bodyHash string) ([]byte, error) {
	from := len(b)
	b, err := s.canonicalRequest(b, m, query, bodyHash)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b[from:])
	from = len(b)
	b = append(b, algorithm+"\n"...)
	b = append(b, s.timestamp...)
	for i, part := range [...]string{s.date, s.region, s.service, terminator} {
		b = append(b, "\n///"[min(i, 1)])
		b = append(b, part...)
	}
	b = append(b, '\n')
	return hex.AppendEncode(b, sum[:])[from:], nil
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
func signingKey(s *Signature, secret string) [sha256.Size]byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, terminator} {
		key = macOf(key, []byte(part))
	}
	return [sha256.Size]byte(key)
}
