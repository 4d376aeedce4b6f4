package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// TestPoliciesOfBefore: what was kept before policies were bound is bound to who
// has the names at the upgrade; a name of nobody stays a name.
func TestPoliciesOfBefore(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		db, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "records.db"))
		policiesOfBefore(t, db, err)
	})
	t.Run("postgres", func(t *testing.T) {
		db, err := OpenPostgres(context.Background(), pgtest.URL(t))
		policiesOfBefore(t, db, err)
	})
}

func policiesOfBefore(t *testing.T, db *DB, err error) {
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":[%s"111122223333"]},"Action":"sts:AssumeRole"}]}`
	given := fmt.Sprintf(document, `"arn:aws:iam::111122223333:user/x/alice", "arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:role/ci", "arn:aws:sts::111122223333:assumed-role/ci/s", "arn:aws:sts::111122223333:assumed-role/none/s", "arn:aws:sts::111122223333:assumed-role/ci/a:b", `)
	want := fmt.Sprintf(document, `"AIDAALICEALICEALICE12", "arn:aws:iam::111122223333:user/alice", "AROACICICICICICICIC12", "AROACICICICICICICIC12:s", "arn:aws:sts::111122223333:assumed-role/none/s", "arn:aws:sts::111122223333:assumed-role/ci/a:b", `)
	at := time.Now().UTC()
	ctx, key := t.Context(), registry.Key{Account: "111122223333", Name: "app"}
	e := journal.New(ctx, at, journal.SourceECR, "X", journal.Subject{Account: key.Account, Region: "us-east-1"}, nil)
	role := access.Identity{IdentityKey: access.IdentityKey{Account: key.Account, Kind: access.Role, Name: "ci"}, ID: "AROACICICICICICICIC12", Path: "/", Trust: given}
	alice := access.Identity{IdentityKey: access.IdentityKey{Account: key.Account, Kind: access.User, Name: "alice"}, ID: "AIDAALICEALICEALICE12", Path: "/x/"}
	profile := signing.Profile{ProfileKey: signing.ProfileKey{Account: key.Account, Name: "p"}, Version: "abcdefghij", Region: "us-east-1", Platform: signing.NotationPlatform, Status: signing.Active, CreatedAt: at, Validity: signing.DefaultValidity}
	given3 := []signing.Permission{{StatementID: "a", Principal: "arn:aws:iam::111122223333:role/ci"}, {StatementID: "b", Principal: "arn:aws:iam::111122223333:role/none"}, {StatementID: "c", Principal: "444455556666"}}
	_, _, boot := db.Access().BootstrapAccount(ctx, access.Account{ID: key.Account, Region: "us-east-1", TokenKey: []byte("k"), CreatedAt: at},
		access.AccessKey{ID: "AKIA1", Account: key.Account, Principal: "arn:aws:iam::111122223333:root", Secret: []byte("s"), Active: true, CreatedAt: at}, e)
	_, put := db.Profiles().ChangeProfile(ctx, profile.ProfileKey, "", func(*signing.Profile) (*signing.Profile, journal.Event, error) { return &profile, e, nil })
	if err := errors.Join(boot, put,
		db.Access().CreateIdentity(ctx, role, 10, e), db.Access().CreateIdentity(ctx, alice, 10, e),
		db.Repositories().CreateRepository(ctx, registry.Repository{Key: key, Region: "us-east-1", CreatedAt: at}, e),
		db.Repositories().SetRepositoryPolicy(ctx, key, given, e), db.Repositories().SetRegistryPolicy(ctx, key.Account, "us-east-1", given, e),
		db.Profiles().ChangePermissions(ctx, profile.ProfileKey, func(signing.Profile, signing.Permissions) (signing.Permissions, journal.Event, error) {
			return signing.Permissions{Revision: "r", Statements: given3}, e, nil
		}),
		db.write(ctx, bindPrincipals), db.write(ctx, bindPrincipals)); err != nil { // again changes nothing
		t.Fatal(err)
	}
	bound, err := db.Access().Identity(ctx, role.IdentityKey)
	if err != nil || bound.Trust != want {
		t.Errorf("trust %s, %v", bound.Trust, err)
	}
	if text, err := db.Repositories().RepositoryPolicy(ctx, key); err != nil || text != want {
		t.Errorf("repository policy %s, %v", text, err)
	}
	if text, err := db.Repositories().RegistryPolicy(ctx, key.Account); err != nil || text != want {
		t.Errorf("registry policy %s, %v", text, err)
	}
	all, err := db.Profiles().Permissions(ctx, profile.ProfileKey)
	if err != nil || all.Revision != "r" || len(all.Statements) != 3 || all.Statements[0].RoleID != role.ID || all.Statements[1] != given3[1] || all.Statements[2] != given3[2] {
		t.Errorf("permissions %+v, %v", all, err)
	}
}
