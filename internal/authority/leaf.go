package authority

import (
	"crypto/ecdsa"
	"crypto/rand"
	"fmt"
	"runtime"
	"time"
)

// SignatureSize is the size of what [Signer.Sign] returns, in bytes.
const SignatureSize = 96

// Signer is a leaf whose key is in this process and whose record is committed,
// so it may sign. It is safe for concurrent use, and good for the request that
// got it even if it is replaced meanwhile.
type Signer struct {
	Certificate
	chain [][]byte
	// sign holds the key, so that nothing that prints or encodes a Signer can show
	// it.
	sign func(digest []byte) ([]byte, error)
}

// newSigner wipes key when nobody holds the signer any more.
func newSigner(c Certificate, issuer *chain, key *ecdsa.PrivateKey) *Signer {
	s := &Signer{
		Certificate: c,
		chain:       issuer.below(c.DER),
		sign:        func(digest []byte) ([]byte, error) { return signRaw(key, digest) },
	}
	runtime.AddCleanup(s, wipe, key)
	return s
}

// Chain is the DER of the leaf, the issuing CA and so on up to the root. It is
// shared: do not change it.
func (s *Signer) Chain() [][]byte { return s.chain }

// Sign signs a SHA-384 digest and returns r and s side by side, 48 big-endian
// bytes each, as ES384 has it (RFC 7518, section 3.4).
func (s *Signer) Sign(digest []byte) ([]byte, error) {
	defer runtime.KeepAlive(s) // else the key might be wiped while it signs
	return s.sign(digest)
}

func signRaw(key *ecdsa.PrivateKey, digest []byte) ([]byte, error) {
	r, t, err := ecdsa.Sign(rand.Reader, key, digest)
	if err != nil {
		return nil, fmt.Errorf("authority: sign: %w", err)
	}
	raw := make([]byte, SignatureSize)
	r.FillBytes(raw[:SignatureSize/2])
	t.FillBytes(raw[SignatureSize/2:])
	return raw, nil
}

// Leaves are replaced at half their life in the background, and by the request
// that notices once three quarters are gone. In between, a store that fails or
// a loop that is late costs nobody anything.

func (s *Signer) due(now time.Time) bool { return !now.Before(s.after(2)) }

func (s *Signer) late(now time.Time) bool { return !now.Before(s.after(3)) || now.Before(s.NotBefore) }

// usable leaves a minute before the end: the signing time is taken after the
// leaf, and lies within its validity all the same.
func (s *Signer) usable(now time.Time) bool {
	return !now.Before(s.NotBefore) && now.Before(s.NotAfter.Add(-time.Minute))
}

// after is the time at which so many quarters of the leaf's life are gone.
func (s *Signer) after(quarters int) time.Time {
	return s.CreatedAt.Add(s.NotAfter.Sub(s.CreatedAt) * time.Duration(quarters) / 4)
}
