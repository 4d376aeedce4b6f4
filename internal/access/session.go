package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
)

// Session is what temporary credentials carry beside who holds them. It is
// authenticated when a Principal has one.
type Session struct {
	AccessKeyID    string
	RoleARN        string // of an assumed role, with its path; "" for a user's or root's session
	Issued         time.Time
	Expires        time.Time
	Policy         string   // the inline session policy; "" for none
	PolicyARNs     []string // managed session policies
	Tags           map[string]string
	Transitive     []string // the keys of tags that go on to sessions begun from this one
	SourceIdentity string
	Provider       string // ARN of the identity provider; "" unless a web identity began it
	Claims         []Key  // of the web identity's token, as condition keys such as host:sub

	token string // the whole session, as its holder shows it
}

// limited reports whether session policies limit the session.
func (s *Session) limited() bool { return s.Policy != "" || len(s.PolicyARNs) > 0 }

// TemporaryCredentials are those of a session, in the clear.
type TemporaryCredentials struct {
	Credentials
	SessionToken string
	Expires      time.Time

	packed int // what the session takes of sessionTokenSize, in percent, rounded up
}

// The ids of temporary access keys begin differently.
const sessionKeyPrefix = "ASIA"

// A session token is, in unpadded URL base64: the format's version (2), the 12
// digits of the account, and the session as JSON, encrypted with AES-256-GCM
// under the account's token key, with version and account as associated data.
// Nothing is stored for it: that its role, or its user's access key, still stands
// is looked up at each use.
const (
	sessionVersion   = 2
	maxSessionToken  = 12 << 10
	maxClockLead     = 5 * time.Minute // a session from later than this was made by no clock of ours
	sessionKeySize   = 10
	sessionTokenSize = 8 << 10 // of the session as JSON
)

// sessionClaims is what a session token says.
type sessionClaims struct {
	KeyID   string   `json:"k"`           // ASIA…
	Secret  string   `json:"s"`           // of that key
	ARN     string   `json:"p,omitempty"` // of a role's session
	UserID  string   `json:"u,omitempty"` // of a role's session: AROA…:name
	BaseKey string   `json:"b,omitempty"` // of a user's or root's session: the key it was begun with
	Session *Session `json:"c"`
}

// opened is a session token that was good.
type opened struct {
	principal Principal
	keyID     string
	secret    string
	expires   time.Time
}

// seal makes the credentials of a session. Its claims lack key and secret.
func (s *Service) sealSession(a Account, c sessionClaims) (TemporaryCredentials, error) {
	aead, err := s.tokenAEAD(a)
	if err != nil {
		return TemporaryCredentials{}, err
	}
	c.KeyID = sessionKeyPrefix + base32.StdEncoding.EncodeToString(random(sessionKeySize))
	c.Secret = base64.StdEncoding.EncodeToString(random(secretSize))
	c.Session.AccessKeyID = c.KeyID
	plain, err := json.Marshal(c)
	if err != nil {
		return TemporaryCredentials{}, err
	}
	if len(plain) > sessionTokenSize {
		return TemporaryCredentials{}, ErrPackedPolicyTooLarge
	}
	header := append([]byte{sessionVersion}, a.ID...)
	token := tokenEncoding.EncodeToString(aead.Seal(header, nil, plain, header))
	packed := (100*len(plain) + sessionTokenSize - 1) / sessionTokenSize
	return TemporaryCredentials{Credentials{c.KeyID, c.Secret}, token, c.Session.Expires, packed}, nil
}

// session returns whose a session token is. It fails with ErrTokenExpired for one
// that was good once, and with ErrTokenInvalid for any other, also when its role
// or its user's key no longer stands. Other errors are internal.
func (s *Service) session(ctx context.Context, token string) (opened, error) {
	if len(token) > maxSessionToken {
		return opened{}, ErrTokenInvalid
	}
	m := s.moment()
	hash := tokenHash(sha256.Sum256([]byte(token)))
	o, known := opened{}, false
	if m.known {
		o, known = s.open.Get(hash, m.revision)
	}
	if !known {
		var err error
		if o, err = s.examineSession(ctx, m, token); err != nil {
			return opened{}, err
		}
		if m.known {
			s.open.Put(hash, m.revision, o, int64(4*len(token)))
		}
	}
	if !s.now().Before(o.expires) {
		return opened{}, ErrTokenExpired
	}
	return o, nil
}

// examineSession opens a session token and looks for what it stands on.
func (s *Service) examineSession(ctx context.Context, m moment, token string) (opened, error) {
	c, err := s.openSession(ctx, token)
	if err != nil {
		return opened{}, err
	}
	now := s.now()
	switch {
	case !now.Before(c.Session.Expires):
		return opened{}, ErrTokenExpired
	case c.Session.Issued.After(now.Add(maxClockLead)):
		return opened{}, ErrTokenInvalid
	}
	c.Session.token = token
	o := opened{keyID: c.KeyID, secret: c.Secret, expires: c.Session.Expires}
	if c.BaseKey != "" {
		o.principal, err = s.keyHolder(ctx, c)
	} else {
		o.principal, err = s.roleHolder(ctx, m, c)
	}
	return o, err
}

// keyHolder is who holds a session that GetSessionToken began.
func (s *Service) keyHolder(ctx context.Context, c sessionClaims) (Principal, error) {
	key, err := s.activeKey(ctx, c.BaseKey)
	if errors.Is(err, ErrUnknownKey) {
		return Principal{}, ErrTokenInvalid
	}
	p := key.owner()
	p.KeyID, p.Session = "", c.Session
	return p, err
}

// roleHolder is who holds a session of a role, which must be the one it was begun
// for.
func (s *Service) roleHolder(ctx context.Context, m moment, c sessionClaims) (Principal, error) {
	role, err := arn.Parse(c.Session.RoleARN)
	if err != nil {
		return Principal{}, ErrTokenInvalid
	}
	found, err := s.standing(ctx, m, c.Session.RoleARN)
	if err != nil {
		return Principal{}, err
	}
	if id, _, _ := strings.Cut(c.UserID, ":"); found.id == "" || found.id != id {
		return Principal{}, ErrTokenInvalid
	}
	return Principal{Account: role.Account, ARN: c.ARN, UserID: c.UserID, Session: c.Session}, nil
}

// openSession checks that this service made the token, and returns its claims.
func (s *Service) openSession(ctx context.Context, token string) (sessionClaims, error) {
	plain, err := s.unseal(ctx, token, sessionVersion)
	if err != nil {
		return sessionClaims{}, err
	}
	var c sessionClaims
	if err := json.Unmarshal(plain, &c); err != nil || c.Session == nil {
		return sessionClaims{}, fmt.Errorf("access: read the claims of an authentic session token: %w", err)
	}
	return c, nil
}

// sessionCredential returns the secret of a session's access key and whose it is.
func (s *Service) sessionCredential(ctx context.Context, accessKeyID, token string) (secret string, p Principal, err error) {
	if token == "" {
		return "", Principal{}, ErrUnknownKey
	}
	o, err := s.session(ctx, token)
	if err != nil {
		return "", Principal{}, err
	}
	if subtle.ConstantTimeCompare([]byte(o.keyID), []byte(accessKeyID)) != 1 {
		return "", Principal{}, ErrTokenInvalid
	}
	return o.secret, o.principal, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return b
}
