// Package access knows accounts, principals and credentials, and decides who
// may do what, with a reason.
//
// Secrets are recoverable, because request signatures (SigV4) are computed from
// them; so they are sealed under the installation's wrapping key. Who has a copy
// of the data directory but not the wrapping key learns access key ids,
// principals and when keys were made, and can neither sign a request nor make a
// registry token. Who has both can do both, for every account, until the keys
// are rotated: the default key file lies in the data directory, so a copy of
// that directory is then a copy of the keys.
package access

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/policy"
	"github.com/sealwright/sealwright/internal/recall"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/webidentity"
)

// Errors of credentials and tokens. Edges translate them to their protocol.
var (
	// ErrUnknownKey means that no active access key has this id.
	ErrUnknownKey = fault.New(fault.Denied, "no active access key has this id")
	// ErrTokenInvalid means that a token is not one this service made, or that
	// the key it was made with is no longer active.
	ErrTokenInvalid = fault.New(fault.Denied, "the token is not valid here, or the access key it was made with is no longer active")
	// ErrTokenExpired means that a token was good once.
	ErrTokenExpired = fault.New(fault.Denied, "the token has expired: ask for a new one")
)

// Principal is who calls: GetCallerIdentity's three, and the session of
// temporary credentials. Principals are the same if ARN and UserID are. The zero
// Principal showed no credentials; one with a Session of an identity provider
// but without an ARN is the bearer of that provider's token, with a UserID of
// provider, audience and subject.
type Principal struct {
	Account arn.AccountID
	ARN     string
	UserID  string
	KeyID   string   // the long-term access key that was shown, or that a token was made with
	Session *Session // nil for long-term credentials
}

// Credentials are an access key with its secret in the clear.
type Credentials struct {
	AccessKeyID string
	Secret      string
}

// Options is what a Service needs.
type Options struct {
	Store  Store
	Sealer *seal.Sealer
	Region string           // of the installation, for the journal
	Now    func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil means slog.Default
	// IssuerKeys is where the keys come from that web identities' tokens are checked
	// with. nil means that there are none.
	IssuerKeys webidentity.Source
	// ResourcePolicies says what is attached to resources, by the service in their
	// ARNs, such as "signer".
	ResourcePolicies map[string]ResourcePolicies
}

// Service issues and checks credentials and decides. It is safe for concurrent
// use.
type Service struct {
	store  Store
	sealer *seal.Sealer
	region string
	now    func() time.Time
	logger *slog.Logger
	uses   uses
	tokens *recall.Memory[tokenHash, verified]
	keys   *recall.Memory[string, AccessKey] // by their ids; active ones, secrets sealed

	verifier  *webidentity.Verifier // of web identities' tokens
	resources map[string]ResourcePolicies
	grants    *recall.Memory[string, *standing]  // by the ARN of the user or role
	attached  *recall.Memory[string, attachment] // by the ARN of the resource, or of the managed policy of a session
	documents *documents                         // of identities, resources and trust
	sessions  *documents                         // session policies, which anybody may make up: they drive out no others
	open      *recall.Memory[tokenHash, opened]  // session tokens that are good, with their keys' secrets
}

// What is remembered of the credentials in use, in bytes each: some thousands.
const (
	tokenMemory = 4 << 20
	keyMemory   = 4 << 20

	policyMemory = 16 << 20 // compiled, each: together as users, roles and resources have them, and one by one
)

// New makes the service. It refuses options without a store or a sealer.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Sealer == nil {
		return nil, errors.New("access: a store and a sealer are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Service{
		store: o.Store, sealer: o.Sealer, region: o.Region, now: o.Now, logger: o.Logger,
		uses:   uses{last: map[string]Use{}},
		tokens: recall.New[tokenHash, verified](tokenMemory),
		keys:   recall.New[string, AccessKey](keyMemory),

		verifier:  webidentity.New(cmp.Or[webidentity.Source](o.IssuerKeys, noKeys{}), o.Now),
		resources: o.ResourcePolicies,
		grants:    recall.New[string, *standing](policyMemory),
		attached:  recall.New[string, attachment](policyMemory),
		documents: recall.New[documentKey, *policy.Policy](policyMemory),
		sessions:  recall.New[documentKey, *policy.Policy](policyMemory),
		open:      recall.New[tokenHash, opened](tokenMemory),
	}, nil
}

// TokenCache counts the tokens that were known to be good, and those that had to
// be opened.
func (s *Service) TokenCache() (hits, misses uint64) {
	stats := s.tokens.Stats()
	return stats.Hits, stats.Misses
}
