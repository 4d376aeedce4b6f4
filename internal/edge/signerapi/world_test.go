package signerapi_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/edge/signerapi"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

const (
	region  = "us-east-1"
	account = "111122223333"
)

// world is the surface over HTTP, with the SDK's client in front and real
// stores behind.
type world struct {
	*httptest.Server
	client    *signer.Client
	guest     *signer.Client // the root user of another account
	signing   *signing.Service
	authority *authority.Authority
	jobs      *jobStore
	trouble   *trouble
	access    *access.Service
}

// jobStore is the real one, until broken is set.
type jobStore struct {
	signing.JobStore
	broken error
}

func (s *jobStore) Job(ctx context.Context, key signing.JobKey) (signing.Job, error) {
	if s.broken != nil {
		return signing.Job{}, s.broken
	}
	return s.JobStore.Job(ctx, key)
}

func (s *jobStore) Jobs(ctx context.Context, f signing.JobFilter) ([]signing.Job, string, error) {
	if s.broken != nil {
		return nil, "", s.broken
	}
	return s.JobStore.Jobs(ctx, f)
}

func (s *jobStore) RevocationFacts(ctx context.Context, profile signing.ProfileKey, version string, job signing.JobKey, hashes []string) (signing.RevocationFacts, error) {
	if s.broken != nil {
		return signing.RevocationFacts{}, s.broken
	}
	return s.JobStore.RevocationFacts(ctx, profile, version, job, hashes)
}

func (s *jobStore) ChangeJob(ctx context.Context, key signing.JobKey, change func(signing.Job) (*signing.Job, journal.Event, error)) (signing.Job, error) {
	if s.broken != nil {
		return signing.Job{}, s.broken
	}
	return s.JobStore.ChangeJob(ctx, key, change)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	sealer, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{jobs: &jobStore{JobStore: db.Jobs()}, trouble: &trouble{}}
	w.authority, err = authority.New(authority.Options{
		Store: db.Authority(), Keys: authority.NewSealedKeys(db.AuthorityKeys(), sealer, region, nil), Region: region, Replica: "one", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.authority.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.signing, err = signing.New(signing.Options{Profiles: brittle{db.Profiles(), w.trouble}, Jobs: w.jobs, Leaves: w.authority, Principals: principals{w}, Region: region})
	if err != nil {
		t.Fatal(err)
	}
	w.serve(t, db, sealer)
	return w
}

func (w *world) serve(t testing.TB, db *sqlstore.DB, sealer *seal.Sealer) {
	t.Helper()
	var err error
	w.access, err = access.New(access.Options{Store: db.Access(), Sealer: sealer,
		ResourcePolicies: map[string]access.ResourcePolicies{"signer": w.signing}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.access.Bootstrap(t.Context(), account, region); err != nil {
		t.Fatal(err)
	}
	root, err := w.access.RootCredentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	handler, err := awshttp.New(awshttp.Options{
		Authenticator: guests{w.access}, Authorizer: strict{w.access, w.trouble}, Region: region, Logger: slog.New(slog.DiscardHandler), Limit: w.trouble.limit,
	}, signerapi.Service(w.signing))
	if err != nil {
		t.Fatal(err)
	}
	w.Server = httptest.NewServer(handler)
	t.Cleanup(w.Close)
	w.client = w.as(root)
	w.guest = w.as(access.Credentials{AccessKeyID: guestKey, Secret: "secret"})
}

// principals are those of the world's access, which is made after signing.
type principals struct{ w *world }

func (p principals) PrincipalIDs(ctx context.Context, names []string) (map[string]string, error) {
	return p.w.access.PrincipalIDs(ctx, names)
}

func (p principals) PrincipalARNs(ctx context.Context, ids []string) (map[string]string, error) {
	return p.w.access.PrincipalARNs(ctx, ids)
}

// other is an account beside the installation's first.
const (
	other    = "444455556666"
	guestKey = "AKIAGUEST00000000000"
)

// guests knows the root user of another account too.
type guests struct{ *access.Service }

func (g guests) Credential(ctx context.Context, accessKeyID, sessionToken string) (string, access.Principal, error) {
	if accessKeyID == guestKey {
		return "secret", access.Principal{Account: other, ARN: "arn:aws:iam::" + other + ":root", UserID: other}, nil
	}
	return g.Service.Credential(ctx, accessKeyID, sessionToken)
}

func (w *world) as(who access.Credentials) *signer.Client {
	return signer.New(signer.Options{
		Region:           region,
		BaseEndpoint:     aws.String(w.URL),
		RetryMaxAttempts: 1,
		HTTPClient:       &http.Client{Transport: w.transport()},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: who.AccessKeyID, SecretAccessKey: who.Secret}, nil
		}),
	})
}

// transport comes to the server whatever the host is called, since the SDK puts
// "data-" before it and no DNS knows that name.
func (w *world) transport() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, w.Listener.Addr().String())
	}}
}
