package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
)

// An access key id is AKIA and 16 upper-case letters and digits.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
const (
	keyIDPrefix = "AKIA"
	keyIDLength = 20
)

// Credential returns the secret of an active access key and who it belongs to.
// A long-term key comes without a session token: with one it is refused with
// ErrTokenInvalid, since no session was ever made for it. A temporary key comes
// with its own; ErrTokenExpired for one that was good once, ErrTokenInvalid for
// any other. An unknown or inactive key is ErrUnknownKey. Other errors are
// internal.
func (s *Service) Credential(ctx context.Context, accessKeyID, sessionToken string) (secret string, p Principal, err error) {
	if strings.HasPrefix(accessKeyID, sessionKeyPrefix) {
		return s.sessionCredential(ctx, accessKeyID, sessionToken)
	}
	key, err := s.activeKey(ctx, accessKeyID)
	if err != nil {
		return "", Principal{}, err
	}
	if sessionToken != "" {
		return "", Principal{}, ErrTokenInvalid
	}
	secret, err = s.openSecret(key)
	if err != nil {
		return "", Principal{}, err
	}
	return secret, key.owner(), nil
}

// activeKey returns a key that is active now: what was read before counts only
// while the store's revision stands, so a rotation takes effect at once. It fails
// with ErrUnknownKey.
func (s *Service) activeKey(ctx context.Context, id string) (AccessKey, error) {
	if !isKeyID(id) {
		return AccessKey{}, ErrUnknownKey
	}
	revision, known := s.store.Revision()
	if !known {
		return s.readActiveKey(ctx, id)
	}
	if key, ok := s.keys.Get(id, revision); ok {
		return key, nil
	}
	key, err := s.readActiveKey(ctx, id)
	if err == nil {
		s.keys.Put(id, revision, key, int64(len(id)+len(key.Principal)+len(key.Secret)))
	}
	return key, err
}

func (s *Service) readActiveKey(ctx context.Context, id string) (AccessKey, error) {
	key, err := s.store.AccessKey(ctx, id)
	if errors.Is(err, ErrNoAccessKey) || err == nil && !key.Active {
		return AccessKey{}, ErrUnknownKey
	}
	if err != nil {
		return AccessKey{}, fmt.Errorf("access: find access key %s: %w", id, err)
	}
	return key, nil
}

func isKeyID(id string) bool {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return len(id) == keyIDLength && strings.HasPrefix(id, keyIDPrefix) && strings.Trim(id, alphabet) == ""
}

// openSecret opens a key's secret, anew each time (AES-GCM over 40 bytes), so that
// no secret lingers in memory.
func (s *Service) openSecret(key AccessKey) (string, error) {
	secret, err := s.sealer.Open(secretName(key.ID), key.Secret)
	if err != nil {
		return "", fmt.Errorf("access: open the secret of %s, sealed under another key than %s: %w", key.ID, s.sealer.ID(), err)
	}
	return string(secret), nil
}

// owner is the principal a key belongs to. For an account's root, the user id
// is the account's.
func (k AccessKey) owner() Principal {
	return Principal{Account: k.Account, ARN: k.Principal, UserID: cmp.Or(k.Owner, string(k.Account)), KeyID: k.ID}
}
