package sqlstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

const account = arn.AccountID("111122223333")

// signer is what a job is recorded under.
type signer struct {
	db   *sqlstore.DB
	key  signing.ProfileKey
	leaf authority.Certificate
}

// certificate is a record with an ID of one digit.
func certificate(role authority.Role, id, issuer string) authority.Certificate {
	now := time.Now()
	return authority.Certificate{ID: strings.Repeat(id, 64), Role: role, Region: "us-east-1", Serial: id, DER: make([]byte, 700),
		Hash: strings.Repeat(id, 192), IssuerID: strings.Repeat(issuer, 64), NotBefore: now, NotAfter: now.AddDate(0, 0, 3), CreatedAt: now}
}

// findSigner is what newSigner made.
func findSigner(db *sqlstore.DB) *signer {
	return &signer{db: db, key: signing.ProfileKey{Account: account, Name: "app"}, leaf: certificate(authority.Leaf, "c", "b")}
}

// newSigner makes a profile and a leaf.
func newSigner(t testing.TB, db *sqlstore.DB) *signer {
	t.Helper()
	ctx, now := context.Background(), time.Now()
	s := findSigner(db)
	made := []authority.Certificate{certificate(authority.Root, "a", "a"), certificate(authority.Issuing, "b", "a")}
	if _, err := db.Authority().ChangeAuthorities(ctx, func(authority.Authorities) (*authority.Change, error) {
		return &authority.Change{Add: made, Activate: made[1].ID, Event: s.event("CreateAuthority", nil)}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Authority().AddCertificate(ctx, s.leaf, s.event("IssueCertificate", nil)); err != nil {
		t.Fatal(err)
	}
	p := signing.Profile{ProfileKey: s.key, Region: "us-east-1", Version: "0123456789", Platform: "Notation-OCI-SHA384-ECDSA",
		Validity: signing.DefaultValidity, Status: signing.Active, CreatedAt: now}
	if _, err := db.Profiles().ChangeProfile(ctx, s.key, "", func(*signing.Profile) (*signing.Profile, journal.Event, error) {
		return &p, s.event("PutSigningProfile", nil), nil
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *signer) event(name string, detail any) journal.Event {
	about := journal.Subject{Account: account, Region: "us-east-1", Resource: arn.SigningProfile("us-east-1", account, s.key.Name, "").String()}
	return journal.New(context.Background(), time.Now(), journal.SourceSigner, name, about, detail)
}

// job is a new one, under the signer's profile and leaf.
func (s *signer) job() signing.Job {
	now := time.Now()
	id := uuid.Must(uuid.NewV7()).String()
	return signing.Job{JobKey: signing.JobKey{Account: account, ID: id}, Region: "us-east-1", Invoker: account,
		RequestedBy: "arn:aws:iam::111122223333:root", ProfileName: s.key.Name, ProfileVersion: "0123456789", Platform: "Notation-OCI-SHA384-ECDSA",
		CertificateID: s.leaf.ID, CertificateHash: s.leaf.Hash, PayloadDigest: s.leaf.ID, SignedAt: now, ExpiresAt: now.AddDate(1, 0, 0), CreatedAt: now}
}

// record records a new job and returns its id.
func (s *signer) record(ctx context.Context) (string, error) {
	j := s.job()
	err := s.db.Jobs().RecordJob(ctx, j, func(s signing.Standing) error {
		if s.Status != signing.Active || !s.Newest {
			return signing.ErrProfileNotActive
		}
		return nil
	}, s.event("SignPayload", map[string]any{"jobId": j.ID, "profileVersion": "0123456789"}))
	return j.ID, err
}
