package access

import (
	"context"
	"slices"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
)

// maxKeys is how many access keys a user has at most.
const maxKeys = 2

// CreateAccessKey gives a user an access key. Its secret is told this once.
// ErrNoIdentity, ErrTooMany.
func (s *Service) CreateAccessKey(ctx context.Context, account arn.AccountID, user string) (k AccessKey, secret string, err error) {
	err = s.change(ctx, IdentityKey{account, User, user}, "CreateAccessKey", func(u *Identity) (any, error) {
		if len(u.Keys) >= maxKeys {
			return nil, fault.Becausef(ErrTooMany, "Cannot exceed quota for AccessKeysPerUser: %d", maxKeys)
		}
		k, secret = s.newKey(account, s.timestamp())
		k.Owner, k.Principal = u.ID, u.ARN().String()
		u.Keys = append(u.Keys, k)
		return map[string]any{"userName": u.Name, "accessKeyId": k.ID}, nil
	})
	return k, secret, err
}

// SetAccessKeyActive activates or deactivates a user's access key. From the
// moment this returns an inactive key is refused, and the tokens made with it
// are. ErrNoIdentity, ErrNoAccessKey.
func (s *Service) SetAccessKeyActive(ctx context.Context, account arn.AccountID, user, id string, active bool) error {
	return s.changeKey(ctx, account, user, id, "UpdateAccessKey", func(keys []AccessKey, at int) []AccessKey {
		keys[at].Active = active
		return keys
	})
}

// DeleteAccessKey deletes a user's access key. ErrNoIdentity, ErrNoAccessKey.
func (s *Service) DeleteAccessKey(ctx context.Context, account arn.AccountID, user, id string) error {
	return s.changeKey(ctx, account, user, id, "DeleteAccessKey", func(keys []AccessKey, at int) []AccessKey {
		return slices.Delete(keys, at, at+1)
	})
}

func (s *Service) changeKey(ctx context.Context, account arn.AccountID, user, id, operation string, change func(keys []AccessKey, at int) []AccessKey) error {
	return s.change(ctx, IdentityKey{account, User, user}, operation, func(u *Identity) (any, error) {
		at := slices.IndexFunc(u.Keys, func(k AccessKey) bool { return k.ID == id })
		if at < 0 {
			return nil, fault.Becausef(ErrNoAccessKey, "The Access Key with id %.128s cannot be found.", id)
		}
		u.Keys = change(u.Keys, at)
		return map[string]any{"userName": u.Name, "accessKeyId": id}, nil
	})
}

// KeyOwner returns the user of an account that an access key belongs to, with its
// keys. ErrNoAccessKey.
func (s *Service) KeyOwner(ctx context.Context, account arn.AccountID, id string) (Identity, error) {
	u, err := s.store.KeyOwner(ctx, id)
	if err == nil && u.Account != account {
		err = ErrNoAccessKey
	}
	if err == ErrNoAccessKey {
		err = fault.Becausef(ErrNoAccessKey, "The Access Key with id %.128s cannot be found.", id)
	}
	return u, err
}
