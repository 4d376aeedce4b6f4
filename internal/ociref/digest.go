package ociref

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
)

// Digest names content by its hash: "sha256:" or "sha512:" and lower-case hex.
type Digest string

// The algorithms content may be named by.
const (
	SHA256 = "sha256"
	SHA512 = "sha512"
)

// ParseDigest checks the algorithm and the length and case of the hex.
// It fails with [ErrDigest].
func ParseDigest(s string) (Digest, error) {
	algorithm, encoded, _ := strings.Cut(s, ":")
	size := map[string]int{SHA256: 64, SHA512: 128}[algorithm]
	if size == 0 || len(encoded) != size || strings.Trim(encoded, "0123456789abcdef") != "" {
		return "", fault.Becausef(ErrDigest, "%.150q is not a digest: want sha256: or sha512: and lower-case hex", s)
	}
	return Digest(strings.Clone(s)), nil
}

// looksLikeDigest tells a digest from a tag: a tag cannot have a colon.
func looksLikeDigest(s string) bool { return strings.Contains(s, ":") }

// Algorithm is SHA256 or SHA512.
func (d Digest) Algorithm() string {
	algorithm, _, _ := strings.Cut(string(d), ":")
	return algorithm
}

// Hex is the hash in lower-case hex.
func (d Digest) Hex() string {
	_, encoded, _ := strings.Cut(string(d), ":")
	return encoded
}

// NewHash returns a hash of d's algorithm, to be compared with [Digest.Matches].
func (d Digest) NewHash() hash.Hash { return NewHash(d.Algorithm()) }

// Matches reports whether h, which saw all the content, hashed to d.
func (d Digest) Matches(h hash.Hash) bool { return d.Hex() == hex.EncodeToString(h.Sum(nil)) }

// NewHash returns the hash of an algorithm; anything but SHA512 is SHA256.
func NewHash(algorithm string) hash.Hash {
	if algorithm == SHA512 {
		return sha512.New()
	}
	return sha256.New()
}

// DigestOf is the digest of content by an algorithm.
func DigestOf(algorithm string, content []byte) Digest {
	h := NewHash(algorithm)
	h.Write(content)
	if algorithm != SHA512 {
		algorithm = SHA256
	}
	return Digest(algorithm + ":" + hex.EncodeToString(h.Sum(nil)))
}
