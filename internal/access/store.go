package access

import (
	"context"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// Account is a tenant: it owns repositories and signing profiles.
type Account struct {
	ID        arn.AccountID
	Region    string // the region of the installation; one for all accounts
	TokenKey  []byte // sealed under "token-key/<ID>": authenticates registry tokens
	CreatedAt time.Time
}

// AccessKey is a long-lived credential.
type AccessKey struct {
	ID        string // AKIA and 16 upper-case letters and digits
	Account   arn.AccountID
	Owner     string // unique ID of its user; "" for the root user
	Principal string // ARN of its owner, as it is now
	Secret    []byte // sealed under "access-key/<ID>"
	Active    bool
	CreatedAt time.Time
	LastUse   Use // as far as it has been saved
}

// Errors of the store.
var (
	ErrNoAccount   = fault.New(fault.NotFound, "no such account")
	ErrNoAccessKey = fault.New(fault.NotFound, "no such access key")
)

// Store keeps accounts, credentials, identities and policies. All methods are
// safe for concurrent use; what a method acknowledged is durable.
type Store interface {
	AccountStore
	GrantStore
	IdentityStore
	PolicyStore
	PrincipalStore
	ProviderStore
	ReportStore

	// Revision returns a number that is another one after any change of accounts,
	// keys, identities and policies, those of resources too: at once for changes
	// through this Store, within a second for those of other processes. known is
	// false when that cannot be told now. It costs less than a read.
	Revision() (revision uint64, known bool)
	// BootstrapAccount saves the installation's first account and its root key
	// unless there is an account already, and returns what stands.
	BootstrapAccount(ctx context.Context, a Account, root AccessKey, e journal.Event) (Account, AccessKey, error)
	// Account finds an account, or ErrNoAccount. With an empty id it returns the
	// installation's first.
	Account(ctx context.Context, id arn.AccountID) (Account, error)
	// AccessKey finds a key by its ID, or ErrNoAccessKey. Inactive keys are returned.
	AccessKey(ctx context.Context, id string) (AccessKey, error)
	// RootAccessKey returns the active root key of an account, or ErrNoAccessKey.
	RootAccessKey(ctx context.Context, account arn.AccountID) (AccessKey, error)
	// ReplaceRootAccessKey saves next and deletes every other root key of its account.
	ReplaceRootAccessKey(ctx context.Context, next AccessKey, e journal.Event) error
}
