// Package seal keeps secrets at rest: one data key encrypts the CA keys, the
// access-key secrets and the token keys, and is itself wrapped under the wrapping
// keys that open an installation. A sealed value opens only under the name it was
// sealed for, so values cannot be swapped in the database.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// keySize is the size of a wrapping key in bytes (AES-256).
const keySize = 32

// keyPrefix marks a wrapping key in its file, so that another file given by
// mistake is refused.
const keyPrefix = "sealwright-wrapping-key-1:"

// Errors of this package.
var (
	// ErrOpen means that the value was not sealed by this key under this name.
	ErrOpen = errors.New("seal: this key does not open this value")
	// ErrKey means that the text is not a wrapping key.
	ErrKey = errors.New("seal: not a wrapping key")
)

// Sealer encrypts and decrypts under one key: an installation's data key, or a
// wrapping key. It is safe for concurrent use.
type Sealer struct {
	aead cipher.AEAD
	id   string
}

// NewKey makes a wrapping key in the text form that [New] reads.
func NewKey() string {
	key := make([]byte, keySize)
	rand.Read(key) // never fails (crypto/rand, Go 1.24)
	return keyPrefix + base64.StdEncoding.EncodeToString(key) + "\n"
}

// New reads a wrapping key in the form [NewKey] writes. It fails with [ErrKey].
func New(text string) (*Sealer, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), keyPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) != keySize {
		return nil, ErrKey
	}
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	id, err := hkdf.Key(sha256.New, key, nil, "sealwright wrapping key id", 8)
	if err != nil {
		return nil, err
	}
	return &Sealer{aead, fmt.Sprintf("%x", id)}, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, key, nil, "sealwright secrets at rest", keySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// randomID is 8 random bytes in hex.
func randomID() string {
	id := make([]byte, 8)
	rand.Read(id) // never fails (crypto/rand, Go 1.24)
	return fmt.Sprintf("%x", id)
}

// ID tells wrapping keys apart without revealing them.
func (s *Sealer) ID() string { return s.id }

// Seal encrypts secret for name, such as "access-key/AKIA…".
func (s *Sealer) Seal(name string, secret []byte) []byte {
	return s.aead.Seal(nil, nil, secret, []byte(name))
}

// Open decrypts a value sealed for name. It fails with [ErrOpen].
func (s *Sealer) Open(name string, sealed []byte) ([]byte, error) {
	secret, err := s.aead.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return nil, ErrOpen
	}
	return secret, nil
}
