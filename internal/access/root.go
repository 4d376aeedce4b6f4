package access

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
)

// Sizes of what is made here, in bytes of randomness.
const (
	keyIDSize    = 10 // 16 base32 characters after AKIA
	secretSize   = 30 // 40 base64 characters, as AWS's secrets have
	tokenKeySize = 32 // AES-256
)

// Bootstrap makes the installation's first account with its root key, unless
// there is an account already; it returns what stands and whether this call
// made it. It fails when the wrapping key is not the one the account was made
// under, so that a service without its keys does not start.
func (s *Service) Bootstrap(ctx context.Context, account arn.AccountID, region string) (a Account, created bool, err error) {
	now := s.timestamp()
	a = Account{ID: account, Region: region, TokenKey: s.newTokenKey(account), CreatedAt: now}
	root, _ := s.newRootKey(account, now)
	event := journal.New(ctx, now, journal.SourceSealwright, "CreateAccount",
		journal.Subject{Account: account, Region: region, Resource: root.Principal},
		map[string]string{"accessKeyId": root.ID})
	standing, key, err := s.store.BootstrapAccount(ctx, a, root, event)
	if err != nil {
		return Account{}, false, fmt.Errorf("access: make the first account: %w", err)
	}
	if _, err := s.tokenAEAD(standing); err != nil {
		return Account{}, false, err
	}
	return standing, key.ID == root.ID, nil
}

// RootCredentials returns the active root key of the installation's first
// account. Before Bootstrap it fails with ErrNoAccount.
func (s *Service) RootCredentials(ctx context.Context) (Credentials, error) {
	return s.RootCredentialsOf(ctx, "")
}

// RootCredentialsOf returns the active root key of an account, "" for the first.
// ErrNoAccount.
func (s *Service) RootCredentialsOf(ctx context.Context, account arn.AccountID) (Credentials, error) {
	a, err := s.account(ctx, account)
	if err != nil {
		return Credentials{}, err
	}
	key, err := s.store.RootAccessKey(ctx, a.ID)
	if err != nil {
		return Credentials{}, fmt.Errorf("access: find the root key of account %s: %w", a.ID, err)
	}
	secret, err := s.openSecret(key)
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{key.ID, secret}, nil
}

// RotateRootKey is RotateRootKeyOf the installation's first account.
func (s *Service) RotateRootKey(ctx context.Context) (Credentials, error) {
	return s.RotateRootKeyOf(ctx, "")
}

// RotateRootKeyOf replaces the root key of an account, "" for the first. The old
// key, and the tokens made with it, are refused from the moment this
// returns, by other processes within a second. ErrNoAccount.
func (s *Service) RotateRootKeyOf(ctx context.Context, account arn.AccountID) (Credentials, error) {
	a, err := s.account(ctx, account)
	if err != nil {
		return Credentials{}, err
	}
	now := s.timestamp()
	key, secret := s.newRootKey(a.ID, now)
	event := journal.New(ctx, now, journal.SourceSealwright, "RotateRootAccessKey",
		journal.Subject{Account: a.ID, Region: a.Region, Resource: key.Principal},
		map[string]string{"accessKeyId": key.ID})
	if err := s.store.ReplaceRootAccessKey(ctx, key, event); err != nil {
		return Credentials{}, fmt.Errorf("access: replace the root key of account %s: %w", a.ID, err)
	}
	return Credentials{key.ID, secret}, nil
}

// newRootKey makes a root key, sealed for the store, and its secret in the clear.
func (s *Service) newRootKey(account arn.AccountID, now time.Time) (AccessKey, string) {
	k, secret := s.newKey(account, now)
	k.Principal = arn.Root(account).String()
	return k, secret
}

// newKey makes a key that belongs to nobody yet.
func (s *Service) newKey(account arn.AccountID, now time.Time) (AccessKey, string) {
	id := keyIDPrefix + base32.StdEncoding.EncodeToString(random(keyIDSize))
	secret := base64.StdEncoding.EncodeToString(random(secretSize))
	return AccessKey{
		ID:        id,
		Account:   account,
		Secret:    s.sealer.Seal(secretName(id), []byte(secret)),
		Active:    true,
		CreatedAt: now,
	}, secret
}

func (s *Service) newTokenKey(account arn.AccountID) []byte {
	return s.sealer.Seal(tokenKeyName(account), random(tokenKeySize))
}

// timestamp is the time as the store keeps it.
func (s *Service) timestamp() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// The names that secrets are sealed under (see [AccessKey] and [Account]).
func secretName(keyID string) string            { return "access-key/" + keyID }
func tokenKeyName(account arn.AccountID) string { return "token-key/" + string(account) }
