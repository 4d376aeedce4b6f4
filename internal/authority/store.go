package authority

import (
	"context"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// Role is a certificate's place in the chain.
type Role string

// The roles, from the trust anchor down. Issuing is every CA below a root, those
// between a root of your own and the CA that certifies leaves included.
const (
	Root    Role = "root"
	Issuing Role = "issuing"
	Leaf    Role = "leaf"
)

// Certificate is the record of a certificate. That of one whose key we hold is
// committed before the key signs anything.
type Certificate struct {
	ID         string // lower-case hex SHA-256 of DER: the fingerprint
	Role       Role
	Region     string
	Serial     string // lower-case hex, no leading zeros
	DER        []byte
	Hash       string // hex SHA-384 of the TBS bytes, then of the issuer's: as GetRevocationStatus has it (192 characters, lower case)
	IssuerID   string // ID of the issuer; its own for a root
	KeyID      string // of a CA's key in [Keys]; "" when it is held elsewhere, and for leaves
	Replica    string // which process holds the key of a leaf; "" otherwise
	NotBefore  time.Time
	NotAfter   time.Time
	CreatedAt  time.Time
	RetiredAt  time.Time // of a CA: since when it is no longer in service; zero: it is
	Revocation           // its zero value: good
}

// Revocation says that a certificate is void, and with it what it signed.
type Revocation struct {
	RevokedAt time.Time // zero: good
	RevokedBy string    // journal.Actor.Principal
	Reason    Reason
}

// Authorities are all CAs of an installation, and which of them is at work.
type Authorities struct {
	Active string        // ID of the issuing CA that certifies leaves; "" before there is one
	CAs    []Certificate // roots and issuing CAs, oldest first
}

// Change is a step of a ceremony. What is empty stays as it is.
type Change struct {
	Add      []Certificate // issuers first; those that are there already stay as they are, but that one without a key may get it
	Activate string        // ID of the issuing CA to certify leaves from now on
	Retire   []string      // IDs of CAs to take out of service, at Event.Time
	Event    journal.Event
}

// Errors of the store.
var (
	ErrNoCertificate  = fault.New(fault.NotFound, "no such certificate")
	ErrCertificateBad = fault.New(fault.Conflict, "the signing certificate is revoked")
	ErrKnown          = fault.New(fault.Conflict, "this certificate, or another of its issuer under the same serial number, is on record already")
	ErrNoKey          = fault.New(fault.NotFound, "no such CA key")
)

// Store keeps the certificates. All methods are safe for concurrent use; what a
// method acknowledged is durable.
type Store interface {
	// Authorities returns the CAs; none before they were made.
	Authorities(ctx context.Context) (Authorities, error)
	// ChangeAuthorities runs change while nobody else changes the CAs, saves what it
	// returns together with its event, and returns what stands then. nil saves
	// nothing; change's error is returned as it is. change must be pure: it may run
	// more than once.
	ChangeAuthorities(ctx context.Context, change func(now Authorities) (*Change, error)) (Authorities, error)
	// AddCertificate saves a leaf. Its issuer must be there (ErrNoCertificate) and
	// good (ErrCertificateBad), and have issued no other under its serial number
	// (ErrKnown).
	AddCertificate(ctx context.Context, c Certificate, e journal.Event) error
	// Certificate finds one by its ID or its Hash, or ErrNoCertificate.
	Certificate(ctx context.Context, name string) (Certificate, error)
	// Certificates lists all of a role, newest first.
	Certificates(ctx context.Context, role Role) ([]Certificate, error)
	// Revoke voids a certificate and all below it, those that are void already
	// keeping what is said of them. When it returns, no signature is recorded any
	// more that one of them made. again: it was revoked before, and nothing was
	// done. ErrNoCertificate.
	Revoke(ctx context.Context, id string, r Revocation, e journal.Event) (again bool, err error)
	// Revoked lists those that a CA issued and that are revoked, oldest revocation
	// first.
	Revoked(ctx context.Context, issuer string) ([]Certificate, error)
}

// KeyRecords keeps the keys of [SealedKeys]. What a method acknowledged is
// durable.
type KeyRecords interface {
	// AddKey saves a key, unless there is one of this ID.
	AddKey(ctx context.Context, k SealedKey, e journal.Event) error
	// Key returns a key, or ErrNoKey.
	Key(ctx context.Context, id string) (SealedKey, error)
	// Keys lists all keys, oldest first.
	Keys(ctx context.Context) ([]SealedKey, error)
	// DeleteKey removes a key; if there is none, it does nothing.
	DeleteKey(ctx context.Context, id string, e journal.Event) error
}
