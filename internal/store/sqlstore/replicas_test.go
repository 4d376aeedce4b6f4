package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// onTwo runs a test on two databases opened over the same records: replicas on
// PostgreSQL, two processes on one SQLite file.
func onTwo(t *testing.T, test func(t *testing.T, a, b *sqlstore.DB)) {
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "records.db")
		open := func() *sqlstore.DB {
			db, err := sqlstore.OpenSQLite(context.Background(), path)
			return closing(t, db, err)
		}
		test(t, open(), open())
	})
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.URL(t)
		open := func() *sqlstore.DB {
			db, err := sqlstore.OpenPostgres(context.Background(), url)
			return closing(t, db, err)
		}
		test(t, open(), open())
	})
}

var replicated = registry.Key{Account: "111122223333", Name: "team/app"}

func happened(name string) journal.Event {
	about := journal.Subject{Account: replicated.Account, Region: "us-east-1"}
	return journal.New(context.Background(), time.Now(), journal.SourceECR, name, about, nil)
}

// put pushes a manifest that nobody pushed before.
func put(t *testing.T, db *sqlstore.DB, subject ociref.Digest, tags ...ociref.Tag) ociref.Digest {
	t.Helper()
	content := fmt.Appendf(nil, `{"subject":%q,"time":%d}`, subject, time.Now().UnixNano())
	m := registry.Manifest{Key: replicated, Digest: ociref.DigestOf(ociref.SHA256, content), MediaType: registry.MediaTypeImage,
		Subject: subject, Content: content, ContentSize: int64(len(content)), PushedAt: time.Now()}
	if _, err := db.Manifests().PutManifest(context.Background(), m, tags, registry.Rules{}, happened("PutImage")); err != nil {
		t.Error(err)
	}
	return m.Digest
}

// What one replica acknowledged, the other knows in its next answer, although it
// had answered the same question before.
func TestReplicasReadWhatTheOtherWrote(t *testing.T) {
	onTwo(t, func(t *testing.T, a, b *sqlstore.DB) {
		ctx := context.Background()
		r := registry.Repository{Key: replicated, Region: "us-east-1", Mutability: registry.Mutable, CreatedAt: time.Now()}
		if err := a.Repositories().CreateRepository(ctx, r, happened("CreateRepository")); err != nil {
			t.Fatal(err)
		}
		subject := put(t, a, "")
		seen := map[uint64]bool{}
		for range 20 {
			want := put(t, a, subject, "latest")
			for range 2 { // the second time from memory
				if m, err := b.Manifests().Manifest(ctx, replicated, ociref.Reference{Tag: "latest"}); err != nil || m.Digest != want {
					t.Fatalf("the other replica has %s as latest (%v), want %s", m.Digest, err, want)
				}
			}
			revision, err := b.Manifests().ReferrersRevision(ctx, replicated, subject)
			if err != nil || seen[revision] {
				t.Fatalf("revision %d came again, or %v", revision, err)
			}
			seen[revision] = true
			a, b = b, a
		}
		if _, err := a.Manifests().DeleteManifest(ctx, replicated, subject, happened("BatchDeleteImage")); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Manifests().Manifest(ctx, replicated, ociref.Reference{Digest: subject}); !errors.Is(err, registry.ErrManifestNotFound) {
			t.Errorf("the other replica still has the subject: %v", err)
		}
	})
}

// A signature that is void by the doing of one replica is void on the other in its
// next answer, although that had called it good before.
func TestReplicasKnowRevocationsAtOnce(t *testing.T) {
	onTwo(t, func(t *testing.T, a, b *sqlstore.DB) {
		s := newSigner(t, a)
		hashes := []string{s.leaf.Hash, certificate(authority.Issuing, "b", "a").Hash}
		ask := func(id string) (signing.RevocationFacts, error) {
			return b.Jobs().RevocationFacts(t.Context(), s.key, "0123456789", signing.JobKey{Account: account, ID: id}, hashes)
		}
		facts := func(id string) signing.RevocationFacts {
			t.Helper()
			f, err := ask(id)
			if err != nil || f.Profile == nil || f.Job == nil {
				t.Fatal(f, err)
			}
			return f
		}
		for range 10 {
			id, err := s.record(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time from memory
				if f := facts(id); f.Job.Revocation != nil {
					t.Fatal("revoked before it was")
				}
			}
			if _, err := a.Jobs().ChangeJob(t.Context(), signing.JobKey{Account: account, ID: id}, func(j signing.Job) (*signing.Job, journal.Event, error) {
				j.Revocation = &signing.JobRevocation{Reason: "test", RevokedAt: time.Now(), RevokedBy: "test"}
				return &j, s.event("RevokeSignature", nil), nil
			}); err != nil {
				t.Fatal(err)
			}
			if f := facts(id); f.Job.Revocation == nil {
				t.Fatal("the other replica still calls it good")
			}
		}
		id, err := s.record(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if f := facts(id); f.Profile.Revocation != nil || len(f.Revoked) > 0 {
			t.Fatalf("revoked before it was: %v, %v", f.Profile.Revocation, f.Revoked)
		}
		if _, err := a.Profiles().ChangeProfile(t.Context(), s.key, "", func(p *signing.Profile) (*signing.Profile, journal.Event, error) {
			next := *p
			next.Status, next.Revocation = signing.Revoked, &signing.ProfileRevocation{EffectiveFrom: time.Now().Add(-time.Hour), RevokedAt: time.Now()}
			return &next, s.event("RevokeSigningProfile", nil), nil
		}); err != nil {
			t.Fatal(err)
		}
		if f := facts(id); f.Profile.Revocation == nil {
			t.Error("the other replica does not know the profile's revocation")
		}
		issuer := certificate(authority.Issuing, "b", "a") // above the leaf
		if _, err := a.Authority().Revoke(t.Context(), issuer.ID, authority.Revocation{RevokedAt: time.Now(), RevokedBy: "test"}, s.event("RevokeCertificate", nil)); err != nil {
			t.Fatal(err)
		}
		if f := facts(id); !slices.Equal(f.Revoked, []string{issuer.Hash, s.leaf.Hash}) {
			t.Errorf("the other replica knows of these certificates' revocations: %v", f.Revoked)
		}
		n, err := a.Retention().RemoveJobs(t.Context(), signing.VersionKey{ProfileKey: s.key, Version: "0123456789"}, time.Now().AddDate(2, 0, 0), 100,
			func(int) journal.Event { return s.event("ExpireSigningJobs", nil) })
		if err != nil || n != 11 {
			t.Fatal(n, err)
		}
		if f, err := ask(id); err != nil || f.Job != nil {
			t.Errorf("the other replica still has a job that is gone: %v, %v", f.Job, err)
		}
	})
}

// Whatever else is written and read at the same time, who has pushed reads it.
func TestReplicasAreNeverStaleUnderLoad(t *testing.T) {
	onTwo(t, func(t *testing.T, a, b *sqlstore.DB) {
		r := registry.Repository{Key: replicated, Region: "us-east-1", Mutability: registry.Mutable, CreatedAt: time.Now()}
		if err := a.Repositories().CreateRepository(context.Background(), r, happened("CreateRepository")); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				tag := ociref.Tag(fmt.Sprint("worker-", worker))
				to, from := a, b
				for range 25 {
					want := put(t, to, "", tag)
					if m, err := from.Manifests().Manifest(context.Background(), replicated, ociref.Reference{Tag: tag}); err != nil || m.Digest != want {
						t.Errorf("%s is %s (%v), want %s", tag, m.Digest, err, want)
					}
					to, from = from, to
				}
			})
		}
		all.Wait()
	})
}

// TestReplicasLearnOfChangedCredentials: what one replica changed, the other knows once
// the first has waited for it, and not only when it has not looked lately.
func TestReplicasLearnOfChangedCredentials(t *testing.T) {
	onTwo(t, func(t *testing.T, a, b *sqlstore.DB) {
		account := access.Account{ID: "111122223333", Region: "us-east-1", TokenKey: []byte("sealed"), CreatedAt: time.Now()}
		key := access.AccessKey{ID: "AKIA1", Account: account.ID, Principal: "arn:aws:iam::111122223333:root", Secret: []byte("sealed"), Active: true, CreatedAt: time.Now()}
		before, _ := b.Access().Revision()
		if _, _, err := a.Access().BootstrapAccount(context.Background(), account, key, happened("CreateAccount")); err != nil {
			t.Fatal(err)
		}
		for n := range 5 {
			if err := a.AwaitOthers(t.Context()); err != nil {
				t.Fatal(err)
			}
			after, known := b.Access().Revision()
			if !known || after == before {
				t.Fatalf("change %d: the other process does not know of it", n)
			}
			before = after
			key.ID = fmt.Sprintf("AKIA1%d", n)
			if err := a.Access().ReplaceRootAccessKey(context.Background(), key, happened("RotateRootAccessKey")); err != nil {
				t.Fatal(err)
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.AwaitOthers(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting for others did not end with its context: %v", err)
		}
	})
}

// Answers are for whoever asks about the same repository, whatever is remembered.
func TestRememberNothing(t *testing.T) {
	db := openSQLite(t)
	db.Remember(0)
	ctx := context.Background()
	for range 2 {
		if _, err := db.Manifests().Manifest(ctx, replicated, ociref.Reference{Tag: "latest"}); !errors.Is(err, registry.ErrRepositoryNotFound) {
			t.Errorf("got %v", err)
		}
	}
}
