package seal

import (
	"bytes"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"filippo.io/age"
)

// Wrapper is a wrapping key: [Sealer], one in a file or the environment, or
// [Passphrase].
type Wrapper interface {
	// ID names the key without revealing it. A passphrase has "", since the ID of its
	// slot is made with the slot: it is tried on each that a passphrase made.
	ID() string
	// Wrap wraps the data key; id names the slot.
	Wrap(dataKey string) (id string, wrapped []byte, err error)
	// Unwrap fails with [ErrOpen].
	Unwrap(wrapped []byte) (dataKey string, err error)
	// Opens says whether a slot may be this key's.
	Opens(slotID string) bool
}

// wrapName is the name a data key is sealed for under a wrapping key.
const wrapName = "data-key"

// Wrap implements [Wrapper].
func (s *Sealer) Wrap(dataKey string) (string, []byte, error) {
	return s.id, s.Seal(wrapName, []byte(dataKey)), nil
}

// Unwrap implements [Wrapper].
func (s *Sealer) Unwrap(wrapped []byte) (string, error) {
	key, err := s.Open(wrapName, wrapped)
	return string(key), err
}

// Opens implements [Wrapper].
func (s *Sealer) Opens(slotID string) bool { return slotID == s.id }

// Passphrase is a wrapping key that people know. To try one costs a second and
// 256 MiB, by scrypt as age has it.
//
// Source: https://c2sp.org/age#scrypt-recipient-stanza
type Passphrase struct{ text string }

// Bounds of a passphrase, in bytes.
const (
	MinPassphrase = 12
	MaxPassphrase = 1024
)

// testOnlyWorkFactor has a passphrase cost less: the logarithm of scrypt's N.
var testOnlyWorkFactor int

const passphraseSlot = "passphrase-"

// NewPassphrase refuses a passphrase out of bounds.
func NewPassphrase(text string) (*Passphrase, error) {
	if len(text) < MinPassphrase || len(text) > MaxPassphrase {
		return nil, fmt.Errorf("the passphrase has %d bytes: take %d to %d", len(text), MinPassphrase, MaxPassphrase)
	}
	return &Passphrase{text}, nil
}

// ID implements [Wrapper].
func (*Passphrase) ID() string { return "" }

// Opens implements [Wrapper].
func (*Passphrase) Opens(slotID string) bool { return strings.HasPrefix(slotID, passphraseSlot) }

// Wrap implements [Wrapper].
func (p *Passphrase) Wrap(dataKey string) (string, []byte, error) {
	defer debug.FreeOSMemory() // what scrypt took, at once: a service lets its heap grow
	to, err := age.NewScryptRecipient(p.text)
	if err != nil {
		return "", nil, err
	}
	if testOnlyWorkFactor != 0 {
		to.SetWorkFactor(testOnlyWorkFactor)
	}
	var wrapped bytes.Buffer
	w, err := age.Encrypt(&wrapped, to)
	if err == nil {
		_, err = io.WriteString(w, dataKey)
	}
	if err == nil {
		err = w.Close()
	}
	return passphraseSlot + randomID(), wrapped.Bytes(), err
}

// Unwrap implements [Wrapper].
func (p *Passphrase) Unwrap(wrapped []byte) (string, error) {
	defer debug.FreeOSMemory()
	with, err := age.NewScryptIdentity(p.text)
	if err != nil {
		return "", err
	}
	r, err := age.Decrypt(bytes.NewReader(wrapped), with)
	if err != nil {
		return "", ErrOpen
	}
	key, err := io.ReadAll(io.LimitReader(r, maxDataKey))
	if err != nil {
		return "", ErrOpen
	}
	return string(key), nil
}

// maxDataKey bounds what is read from a slot, in bytes.
const maxDataKey = 1024
