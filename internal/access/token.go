package access

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
)

// TokenLifetime is how long a registry token is good for.
//
// Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
const TokenLifetime = 12 * time.Hour

// A token is, in unpadded URL base64: the format's version (1), the 12 digits
// of the account, and the claims as JSON, encrypted with AES-256-GCM under the
// account's token key, with version and account as associated data. Nothing is
// stored for it: that its access key is still active is read at each use.
const (
	tokenVersion    = 1
	tokenHeaderSize = 1 + 12
	maxTokenLength  = 20 << 10 // with a session in it
)

// tokenEncoding refuses stray bits at the end, so a token has one spelling.
var tokenEncoding = base64.RawURLEncoding.Strict()

// claims is what a token says.
type claims struct {
	AccessKeyID string `json:"k"`
	Issued      int64  `json:"i"`           // Unix seconds
	Expires     int64  `json:"e"`           // Unix seconds
	Session     string `json:"s,omitempty"` // the session token, of who has temporary credentials
}

// IssueToken makes a registry token for a principal that has authenticated with
// the access key: the password that goes with the user name AWS. It ends after
// TokenLifetime, or when the key or the session does. A key that is not active, or
// another's, is ErrUnknownKey.
func (s *Service) IssueToken(ctx context.Context, p Principal, accessKeyID string) (password string, expires time.Time, err error) {
	issued := s.now().UTC().Truncate(time.Second)
	c := claims{AccessKeyID: accessKeyID, Issued: issued.Unix()}
	if expires, err = s.tokenEnd(ctx, p, &c, issued.Add(TokenLifetime)); err != nil {
		return "", time.Time{}, err
	}
	c.Expires = expires.Unix()
	a, err := s.store.Account(ctx, p.Account)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("access: find account %s: %w", p.Account, err)
	}
	aead, err := s.tokenAEAD(a)
	if err != nil {
		return "", time.Time{}, err
	}
	plain, err := json.Marshal(c)
	if err != nil {
		return "", time.Time{}, err
	}
	header := append([]byte{tokenVersion}, p.Account...)
	return tokenEncoding.EncodeToString(aead.Seal(header, nil, plain, header)), expires, nil
}

// tokenEnd checks that p holds the access key of a token to be made, puts p's
// session into it, and says when it ends at the latest.
func (s *Service) tokenEnd(ctx context.Context, p Principal, c *claims, latest time.Time) (time.Time, error) {
	if p.Session != nil {
		if p.Session.AccessKeyID != c.AccessKeyID {
			return time.Time{}, ErrUnknownKey
		}
		c.Session = p.Session.token
		if p.Session.Expires.Before(latest) {
			latest = p.Session.Expires
		}
		return latest, nil
	}
	key, err := s.activeKey(ctx, c.AccessKeyID)
	if owner := key.owner(); err == nil && (owner.ARN != p.ARN || owner.UserID != p.UserID) {
		err = ErrUnknownKey
	}
	return latest, err
}

// tokenHash stands for a token in memory, so that tokens do not lie about there
// and looking one up takes the same time whatever is wrong with it.
type tokenHash [sha256.Size]byte

// verified is what is remembered of a token that was good.
type verified struct {
	principal   Principal
	accessKeyID string
	expires     int64 // Unix seconds
}

// VerifyToken returns whom a token was made for and with which access key. It
// fails with ErrTokenExpired for one that was good once, with ErrTokenInvalid
// for any other, also when its access key is no longer active. Other errors are
// internal: nothing is known of the token then.
func (s *Service) VerifyToken(ctx context.Context, password string) (p Principal, accessKeyID string, err error) {
	if len(password) > maxTokenLength {
		return Principal{}, "", ErrTokenInvalid
	}
	v, err := s.verify(ctx, password)
	switch {
	case err != nil:
		return Principal{}, "", err
	case v.expires <= s.now().Unix():
		return Principal{}, "", ErrTokenExpired
	}
	return v.principal, v.accessKeyID, nil
}

// verify is what does not depend on the time. It is remembered while nothing
// changes that it was decided upon.
func (s *Service) verify(ctx context.Context, password string) (verified, error) {
	revision, known := s.store.Revision()
	if !known {
		return s.examine(ctx, password)
	}
	hash := tokenHash(sha256.Sum256([]byte(password)))
	if v, ok := s.tokens.Get(hash, revision); ok {
		return v, nil
	}
	v, err := s.examine(ctx, password)
	if err == nil {
		s.tokens.Put(hash, revision, v, int64(len(v.principal.ARN)+len(v.accessKeyID)))
	}
	return v, err
}

// examine opens a token and looks for its key. That of an expired one may be
// gone, which is no reason to call it invalid.
func (s *Service) examine(ctx context.Context, password string) (verified, error) {
	c, err := s.openToken(ctx, password)
	if err != nil {
		return verified{}, err
	}
	if c.Expires <= s.now().Unix() {
		return verified{}, ErrTokenExpired
	}
	if c.Session != "" {
		o, err := s.session(ctx, c.Session)
		return verified{o.principal, o.keyID, c.Expires}, err
	}
	key, err := s.activeKey(ctx, c.AccessKeyID)
	if errors.Is(err, ErrUnknownKey) {
		return verified{}, ErrTokenInvalid
	}
	if err != nil {
		return verified{}, err
	}
	return verified{key.owner(), key.ID, c.Expires}, nil
}

// openToken checks that this service made the token, and returns its claims.
func (s *Service) openToken(ctx context.Context, password string) (claims, error) {
	plain, err := s.unseal(ctx, password, tokenVersion)
	if err != nil {
		return claims{}, err
	}
	var c claims
	if err := json.Unmarshal(plain, &c); err != nil {
		return claims{}, fmt.Errorf("access: read the claims of an authentic token: %w", err)
	}
	return c, nil
}

// unseal opens a token of a version. ErrTokenInvalid.
func (s *Service) unseal(ctx context.Context, token string, version byte) ([]byte, error) {
	header, sealed, err := splitToken(token, version)
	if err != nil {
		return nil, err
	}
	a, err := s.store.Account(ctx, arn.AccountID(header[1:]))
	if errors.Is(err, ErrNoAccount) {
		return nil, ErrTokenInvalid
	}
	if err != nil {
		return nil, fmt.Errorf("access: find the account of a token: %w", err)
	}
	aead, err := s.tokenAEAD(a)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, sealed, header)
	if err != nil {
		return nil, ErrTokenInvalid
	}
	return plain, nil
}

// splitToken takes a token apart without believing any of it.
func splitToken(password string, version byte) (header, sealed []byte, err error) {
	raw, err := tokenEncoding.DecodeString(password)
	if err != nil || len(raw) <= tokenHeaderSize || raw[0] != version {
		return nil, nil, ErrTokenInvalid
	}
	if tokenEncoding.EncodedLen(len(raw)) != len(password) { // the decoder skips line breaks
		return nil, nil, ErrTokenInvalid
	}
	if _, err := arn.ParseAccountID(string(raw[1:tokenHeaderSize])); err != nil {
		return nil, nil, ErrTokenInvalid
	}
	return raw[:tokenHeaderSize], raw[tokenHeaderSize:], nil
}

// tokenAEAD opens an account's token key and makes its cipher.
func (s *Service) tokenAEAD(a Account) (cipher.AEAD, error) {
	key, err := s.sealer.Open(tokenKeyName(a.ID), a.TokenKey)
	if err != nil {
		return nil, fmt.Errorf("access: the data key %s is not the one account %s was made under: %w", s.sealer.ID(), a.ID, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("access: the token key of account %s: %w", a.ID, err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
