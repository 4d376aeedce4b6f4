package access

import (
	"context"
	"errors"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
)

var errSoon = errors.New("access: being written")

// Bootstrap makes the installation's first account with its root key, unless there is one.
func (s *Service) Bootstrap(ctx context.Context, account arn.AccountID, region string) (a Account, created bool, err error) {
	return Account{}, false, errSoon
}

// RootCredentials returns the active root key.
func (s *Service) RootCredentials(ctx context.Context) (Credentials, error) {
	return Credentials{}, errSoon
}

// RotateRootKey replaces the root key.
func (s *Service) RotateRootKey(ctx context.Context) (Credentials, error) {
	return Credentials{}, errSoon
}

// Credential finds a secret.
func (s *Service) Credential(ctx context.Context, accessKeyID, sessionToken string) (secret string, p Principal, err error) {
	return "", Principal{}, errSoon
}

// IssueToken makes a registry token.
func (s *Service) IssueToken(ctx context.Context, p Principal, accessKeyID string) (password string, expires time.Time, err error) {
	return "", time.Time{}, errSoon
}

// VerifyToken checks a registry token.
func (s *Service) VerifyToken(ctx context.Context, password string) (p Principal, accessKeyID string, err error) {
	return Principal{}, "", errSoon
}

// Authorize decides.
func (s *Service) Authorize(ctx context.Context, r Request) Decision {
	return Decision{false, "being written"}
}
