package awshttp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

const (
	region  = "us-east-1"
	account = "111122223333"
)

// world is a handler over a real access service and database, behind HTTP.
type world struct {
	*httptest.Server
	Access *access.Service
	Root   access.Credentials
	Log    *logBuffer
	Now    func() time.Time
}

// logBuffer collects what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newAccess(t testing.TB) (*access.Service, access.Credentials) {
	t.Helper()
	ctx := context.Background()
	db, err := sqlstore.OpenSQLite(ctx, filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	sealer, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	s, err := access.New(access.Options{Store: db.Access(), Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Bootstrap(ctx, account, region); err != nil {
		t.Fatal(err)
	}
	root, err := s.RootCredentials(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s, root
}

func newWorld(t testing.TB, services ...awshttp.Service) *world {
	t.Helper()
	w := &world{Log: &logBuffer{}, Now: time.Now}
	w.Access, w.Root = newAccess(t)
	h, err := awshttp.New(awshttp.Options{
		Authenticator: w.Access, Authorizer: w.Access, Region: region, Now: func() time.Time { return w.Now() },
		Logger: slog.New(slog.NewTextHandler(w.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}, services...)
	if err != nil {
		t.Fatal(err)
	}
	w.Server = httptest.NewServer(h)
	t.Cleanup(w.Close)
	return w
}

// awsConfig is what the SDK's clients take.
func (w *world) awsConfig() aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(w.URL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: w.Root.AccessKeyID, SecretAccessKey: w.Root.Secret}, nil
		}),
		RetryMaxAttempts: 1,
	}
}

// request is a signed request of any kind.
type request struct {
	method, path, body string
	header             map[string]string
	service            string // default "signer"
	region             string // default ours
	at                 time.Time
	keyID, secret      string // default the root's
	token              string
}

// sign makes a request and signs it with the SDK's signer.
func (w *world) sign(t testing.TB, q request) *http.Request {
	t.Helper()
	r, err := http.NewRequest(q.method, w.URL+q.path, bytes.NewReader([]byte(q.body)))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	c := aws.Credentials{AccessKeyID: or(q.keyID, w.Root.AccessKeyID), SecretAccessKey: or(q.secret, w.Root.Secret), SessionToken: q.token}
	at := q.at
	if at.IsZero() {
		at = time.Now()
	}
	if err := v4.NewSigner().SignHTTP(context.Background(), c, r, hash(q.body), or(q.service, "signer"), or(q.region, region), at); err != nil {
		t.Fatal(err)
	}
	return r
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func hash(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

func send(t testing.TB, r *http.Request) answer {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func readCloser(s string) io.ReadCloser { return io.NopCloser(bytes.NewReader([]byte(s))) }
