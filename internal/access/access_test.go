package access_test

import (
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

const account = arn.AccountID("111122223333")

// world is an access service over a real database, with a clock to turn.
type world struct {
	*access.Service
	now   time.Time
	store access.Store
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), store: openStore(t)}
	w.Service = newService(t, w, seal.NewKey())
	if _, created, err := w.Bootstrap(context.Background(), account, "us-east-1"); err != nil || !created {
		t.Fatalf("Bootstrap: created %v, %v", created, err)
	}
	return w
}

func openStore(t testing.TB) access.Store {
	t.Helper()
	db, err := sqlstore.OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db.Access()
}

func newService(t testing.TB, w *world, key string) *access.Service {
	t.Helper()
	sealer, err := seal.New(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := access.New(access.Options{Store: w.store, Sealer: sealer, Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// root returns the root credentials and principal.
func (w *world) root(t testing.TB) (access.Credentials, access.Principal) {
	t.Helper()
	c, err := w.RootCredentials(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	secret, p, err := w.Credential(context.Background(), c.AccessKeyID, "")
	if err != nil || secret != c.Secret {
		t.Fatalf("Credential(%s): the secret differs or %v", c.AccessKeyID, err)
	}
	return c, p
}

func (w *world) token(t testing.TB) string {
	t.Helper()
	c, p := w.root(t)
	token, _, err := w.IssueToken(context.Background(), p, c.AccessKeyID)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestNewRefusesHalfConfigured(t *testing.T) {
	if _, err := access.New(access.Options{}); err == nil {
		t.Error("New without store and sealer succeeded")
	}
}

func TestBootstrapMakesAnAWSShapedRootKeyOnce(t *testing.T) {
	w := newWorld(t)
	c, p := w.root(t)
	if !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(c.AccessKeyID) || len(c.Secret) != 40 {
		t.Errorf("root key %s with a secret of %d characters", c.AccessKeyID, len(c.Secret))
	}
	want := access.Principal{Account: account, ARN: "arn:aws:iam::111122223333:root", UserID: "111122223333", KeyID: c.AccessKeyID}
	if p != want {
		t.Errorf("principal %+v, want %+v", p, want)
	}
	a, created, err := w.Bootstrap(context.Background(), "999999999999", "eu-west-1")
	if err != nil || created || a.ID != account || a.Region != "us-east-1" {
		t.Errorf("second Bootstrap: %s %s, created %v, %v", a.ID, a.Region, created, err)
	}
	if again, _ := w.root(t); again != c {
		t.Error("the second Bootstrap changed the root key")
	}
}

func TestBootstrapRefusesAnotherWrappingKey(t *testing.T) {
	w := newWorld(t)
	other := newService(t, w, seal.NewKey())
	if _, _, err := other.Bootstrap(context.Background(), account, "us-east-1"); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("Bootstrap under another wrapping key: %v, want seal.ErrOpen", err)
	}
}

func TestStoreHoldsNoSecretInTheClear(t *testing.T) {
	w := newWorld(t)
	c, _ := w.root(t)
	key, err := w.store.AccessKey(context.Background(), c.AccessKeyID)
	if err != nil || strings.Contains(string(key.Secret), c.Secret) {
		t.Errorf("the stored key holds its secret in the clear, or %v", err)
	}
}

func TestCredentialRefuses(t *testing.T) {
	w := newWorld(t)
	c, _ := w.root(t)
	tests := []struct {
		name, id, token string
		want            error
	}{
		{"an unknown key", "AKIAAAAAAAAAAAAAAAAA", "", access.ErrUnknownKey},
		{"no key", "", "", access.ErrUnknownKey},
		{"lower case", strings.ToLower(c.AccessKeyID), "", access.ErrUnknownKey},
		{"too long", c.AccessKeyID + "A", "", access.ErrUnknownKey},
		{"a session's prefix", "ASIA" + c.AccessKeyID[4:], "", access.ErrUnknownKey},
		{"a token with a long-term key", c.AccessKeyID, "anything", access.ErrTokenInvalid},
	}
	for _, test := range tests {
		if secret, _, err := w.Credential(context.Background(), test.id, test.token); !errors.Is(err, test.want) || secret != "" {
			t.Errorf("%s: secret of %d bytes, error %v; want %v", test.name, len(secret), err, test.want)
		}
	}
}

func TestTokenLives12Hours(t *testing.T) {
	w := newWorld(t)
	c, p := w.root(t)
	token, expires, err := w.IssueToken(context.Background(), p, c.AccessKeyID)
	if err != nil || !expires.Equal(w.now.Add(12*time.Hour)) {
		t.Fatalf("IssueToken: expires %v, %v", expires, err)
	}
	w.now = expires.Add(-time.Second)
	if got, id, err := w.VerifyToken(context.Background(), token); err != nil || got != p || id != c.AccessKeyID {
		t.Errorf("a second before its end: %+v %s, %v", got, id, err)
	}
	w.now = expires
	if _, _, err := w.VerifyToken(context.Background(), token); !errors.Is(err, access.ErrTokenExpired) {
		t.Errorf("at its end: %v, want ErrTokenExpired", err)
	}
}

func TestIssueTokenRefusesAKeyThatIsNotTheirs(t *testing.T) {
	w := newWorld(t)
	c, p := w.root(t)
	other := p
	other.ARN = "arn:aws:iam::111122223333:user/eve"
	for name, try := range map[string]struct {
		p  access.Principal
		id string
	}{
		"an unknown key":     {p, "AKIAAAAAAAAAAAAAAAAA"},
		"another's key":      {other, c.AccessKeyID},
		"the zero principal": {access.Principal{}, c.AccessKeyID},
	} {
		if token, _, err := w.IssueToken(context.Background(), try.p, try.id); !errors.Is(err, access.ErrUnknownKey) || token != "" {
			t.Errorf("%s: error %v, want ErrUnknownKey", name, err)
		}
	}
}

func TestRotationEndsKeyAndTokensAtOnce(t *testing.T) {
	w := newWorld(t)
	old, _ := w.root(t)
	token := w.token(t)
	next, err := w.RotateRootKey(context.Background())
	if err != nil || next.AccessKeyID == old.AccessKeyID || next.Secret == old.Secret {
		t.Fatalf("RotateRootKey: %v", err)
	}
	if _, _, err := w.Credential(context.Background(), old.AccessKeyID, ""); !errors.Is(err, access.ErrUnknownKey) {
		t.Errorf("the old key: %v, want ErrUnknownKey", err)
	}
	if _, _, err := w.VerifyToken(context.Background(), token); !errors.Is(err, access.ErrTokenInvalid) {
		t.Errorf("the old key's token: %v, want ErrTokenInvalid", err)
	}
	if c, _ := w.root(t); c != next {
		t.Error("RootCredentials is not what RotateRootKey returned")
	}
	if _, _, err := w.VerifyToken(context.Background(), w.token(t)); err != nil {
		t.Errorf("the new key's token: %v", err)
	}
}

func TestTokenOfAnotherInstallationIsInvalid(t *testing.T) {
	if _, _, err := newWorld(t).VerifyToken(context.Background(), newWorld(t).token(t)); !errors.Is(err, access.ErrTokenInvalid) {
		t.Errorf("%v, want ErrTokenInvalid", err)
	}
}

func TestTokenOfAnotherAccountIsInvalid(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.VerifyToken(context.Background(), forged(t, "444455556666")); !errors.Is(err, access.ErrTokenInvalid) {
		t.Errorf("%v, want ErrTokenInvalid", err)
	}
}

func TestAuthorize(t *testing.T) {
	w := newWorld(t)
	_, root := w.root(t)
	user := root
	user.ARN = "arn:aws:iam::111122223333:user/eve"
	tests := []struct {
		name     string
		p        access.Principal
		resource string
		allowed  bool
		reason   string
	}{
		{"root, its own", root, "arn:aws:signer:us-east-1:111122223333:/signing-profiles/x", true, ""},
		{"root, no resource", root, "*", true, ""},
		{"root, another account's", root, "arn:aws:signer:us-east-1:444455556666:/signing-profiles/x", false, "because no resource-based policy allows the signer:SignPayload action"},
		{"root, no account", root, "arn:aws:s3:::bucket", false, "because no resource-based policy allows the signer:SignPayload action"},
		{"root, not an ARN", root, "profile", false, "because no resource-based policy allows"},
		{"root, empty", root, "", false, "because no resource-based policy allows"},
		{"a user", user, "*", false, "no identity-based policy allows the signer:SignPayload action"},
		{"nobody", access.Principal{}, "*", false, "no resource-based policy"},
	}
	for _, test := range tests {
		d, err := w.Authorize(context.Background(), access.Request{Principal: test.p, Action: "signer:SignPayload", Resource: test.resource})
		if err != nil || d.Allowed != test.allowed || !strings.Contains(d.Reason, test.reason) {
			t.Errorf("%s: %+v, %v", test.name, d, err)
		}
	}
}
