package authority

import (
	"context"
	"crypto"
	"time"
)

// Keys keeps the private keys of CAs: all that the authority asks of whatever
// holds them. [SealedKeys] has them in the records; a hardware module or a key
// management service, behind a process of its own, can stand here as well
// (docs/decisions/0130-ca-keys.md). All methods are safe for concurrent use, and
// are called a few times a day.
type Keys interface {
	// Generate makes a P-384 key that is there for good when it returns.
	Generate(ctx context.Context, p Purpose) (Key, error)
	// Use lends a key to do, which signs SHA-384 digests with it and must not keep
	// it. ErrNoKey; other errors mean that the key cannot be used, at least now.
	Use(ctx context.Context, id string, do func(crypto.Signer) error) error
	// List lists all keys, oldest first.
	List(ctx context.Context) ([]Key, error)
	// Delete destroys a key. If there is none, it does nothing.
	Delete(ctx context.Context, id string) error
}

// Key is a CA's key pair without its private half.
type Key struct {
	ID        string  // of those made or imported here: lower-case hex SHA-256 of the public key (SubjectPublicKeyInfo)
	Purpose   Purpose // what it was made for
	CreatedAt time.Time
}

// Purpose is what a key was made for. A ceremony that was interrupted between
// making its key and recording the certificate finds the key again by it.
type Purpose string

// The purposes. (Keys of the first CAs were made for "first" in earlier versions.)
const (
	forRoot    Purpose = "root"     // of a root
	forIssuing Purpose = "issuing"  // of an issuing CA under a root of ours
	forRequest Purpose = "request"  // of an issuing CA that a root elsewhere is to certify
	imported   Purpose = "imported" // brought by the operator, or from a backup
)

// pending returns the oldest key of a purpose that no certificate names, or
// makes one: so the step after "make a key" can be done again.
func (a *Authority) pending(ctx context.Context, p Purpose, now Authorities) (Key, error) {
	key, found, err := a.findPending(ctx, p, now)
	if err != nil || found {
		return key, err
	}
	return a.o.Keys.Generate(ctx, p)
}

func (a *Authority) findPending(ctx context.Context, p Purpose, now Authorities) (Key, bool, error) {
	keys, err := a.o.Keys.List(ctx)
	if err != nil {
		return Key{}, false, err
	}
	for _, k := range keys {
		if k.Purpose == p && !now.uses(k.ID) {
			return k, true, nil
		}
	}
	return Key{}, false, nil
}

// uses says whether a certificate names the key.
func (s Authorities) uses(keyID string) bool {
	for _, c := range s.CAs {
		if c.KeyID == keyID {
			return true
		}
	}
	return false
}
