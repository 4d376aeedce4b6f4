package authority

import (
	"context"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// Role is a certificate's place in the chain.
type Role string

// The roles, from the trust anchor down.
const (
	Root    Role = "root"
	Issuing Role = "issuing"
	Leaf    Role = "leaf"
)

// Certificate is the record of a certificate this authority made. The record is
// committed before the certificate's key signs anything.
type Certificate struct {
	ID        string // lower-case hex SHA-256 of DER: the fingerprint
	Role      Role
	Region    string
	Serial    string // lower-case hex, no leading zeros
	DER       []byte
	Hash      string // hex SHA-384 of the TBS bytes, then of the issuer's: as GetRevocationStatus has it (192 characters, lower case)
	IssuerID  string // ID of the issuer; its own for the root
	Replica   string // which process holds the key of a leaf; "" otherwise
	NotBefore time.Time
	NotAfter  time.Time
	CreatedAt time.Time
	RevokedAt time.Time // zero: good
}

// Hierarchy is what makes an installation's authority: two certificates and
// their private keys (PKCS#8), sealed under "authority/<ID of the certificate>".
type Hierarchy struct {
	Root, Issuing       Certificate
	RootKey, IssuingKey []byte
}

// Errors of the store.
var (
	ErrNoHierarchy    = fault.New(fault.NotFound, "the certificate authority has not been made yet")
	ErrNoCertificate  = fault.New(fault.NotFound, "no such certificate")
	ErrCertificateBad = fault.New(fault.Conflict, "the signing certificate is revoked")
)

// Store keeps the authority's certificates and sealed keys. All methods are
// safe for concurrent use; what a method acknowledged is durable.
type Store interface {
	// BootstrapHierarchy saves h unless there is a hierarchy already, and returns
	// the one that stands: when replicas race, all get the same.
	BootstrapHierarchy(ctx context.Context, h Hierarchy, e journal.Event) (Hierarchy, error)
	// Hierarchy returns the one in use, or ErrNoHierarchy.
	Hierarchy(ctx context.Context) (Hierarchy, error)
	// AddCertificate saves a leaf. Its issuer must be there (ErrNoCertificate) and
	// good (ErrCertificateBad).
	AddCertificate(ctx context.Context, c Certificate, e journal.Event) error
	// Certificate finds one by ID, or ErrNoCertificate.
	Certificate(ctx context.Context, id string) (Certificate, error)
	// Certificates lists all of a role, newest first.
	Certificates(ctx context.Context, role Role) ([]Certificate, error)
}
