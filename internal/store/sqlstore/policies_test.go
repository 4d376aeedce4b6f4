package sqlstore_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

// TestPoliciesMoveTheRevision: what is attached to a resource is remembered under
// access's revision, so each change of it moves that, and no
// other does.
func TestPoliciesMoveTheRevision(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	open := func() *sqlstore.DB {
		db, err := sqlstore.OpenSQLite(t.Context(), path)
		return closing(t, db, err)
	}
	const foreignDelay = 50 * time.Millisecond // in which a process learns of another's commits
	db, other := open(), open()                // the other has only what was committed to go by
	ctx, now := t.Context(), time.Now().UTC()
	e := journal.New(ctx, now, journal.SourceECR, "SetRepositoryPolicy", journal.Subject{Account: "111122223333", Region: "us-east-1"}, nil)
	app := registry.Key{Account: "111122223333", Name: "app"}
	profile := signing.Profile{ProfileKey: signing.ProfileKey{Account: app.Account, Name: "app"}, Region: "us-east-1", Version: "0123456789",
		Validity: signing.DefaultValidity, Status: signing.Active, CreatedAt: now}
	put := func() error {
		_, err := db.Profiles().ChangeProfile(ctx, profile.ProfileKey, "", func(*signing.Profile) (*signing.Profile, journal.Event, error) {
			return &profile, e, nil
		})
		return err
	}
	tags := func(tags map[string]string) func(map[string]string) (map[string]string, error) {
		return func(map[string]string) (map[string]string, error) { return tags, nil }
	}
	steps := []struct {
		name  string
		moves bool
		do    func() error
	}{
		{"create a repository", false, func() error {
			return db.Repositories().CreateRepository(ctx, registry.Repository{Key: app, Region: "us-east-1", CreatedAt: now}, e)
		}},
		{"set its policy", true, func() error { return db.Repositories().SetRepositoryPolicy(ctx, app, "{}", e) }},
		{"delete its policy", true, func() error { _, err := db.Repositories().DeleteRepositoryPolicy(ctx, app, e); return err }},
		{"set it again", true, func() error { return db.Repositories().SetRepositoryPolicy(ctx, app, "{}", e) }},
		{"delete the repository", true, func() error { _, err := db.Repositories().DeleteRepository(ctx, app, false, e); return err }},
		{"create it with tags", true, func() error {
			return db.Repositories().CreateRepository(ctx, registry.Repository{Key: app, Region: "us-east-1", CreatedAt: now, Tags: map[string]string{"a": "1"}}, e)
		}},
		{"tag it", true, func() error { return db.Repositories().ChangeTags(ctx, app, tags(map[string]string{"a": "2"}), e) }},
		{"delete what has tags", true, func() error { _, err := db.Repositories().DeleteRepository(ctx, app, false, e); return err }},
		{"set the registry's", true, func() error { return db.Repositories().SetRegistryPolicy(ctx, app.Account, "us-east-1", "{}", e) }},
		{"delete the registry's", true, func() error { _, err := db.Repositories().DeleteRegistryPolicy(ctx, app.Account, e); return err }},
		{"put a profile", false, put},
		{"permit", true, func() error {
			return db.Profiles().ChangePermissions(ctx, profile.ProfileKey, func(signing.Profile, signing.Permissions) (signing.Permissions, journal.Event, error) {
				return signing.Permissions{Revision: "1"}, e, nil
			})
		}},
		{"tag the profile", true, func() error { profile.Tags = map[string]string{"a": "1"}; return put() }},
		{"cancel it", false, func() error { profile.Status = signing.Canceled; return put() }},
		{"untag the profile", true, func() error { profile.Tags = nil; return put() }},
		{"add a version", true, func() error { profile.Version = "1123456789"; return put() }},
	}
	for _, s := range steps {
		before, known := other.Access().Revision()
		mine, _ := db.Access().Revision()
		err := s.do()
		if now, known := db.Access().Revision(); !known || s.moves && now == mine {
			t.Errorf("%s: who did it does not know at once: the revision was %d and is %d, known %t", s.name, mine, now, known)
		}
		time.Sleep(2 * foreignDelay)
		after, still := other.Access().Revision()
		if err != nil || !known || !still {
			t.Fatalf("%s: %v, revision known %t, %t", s.name, err, known, still)
		}
		if s.moves != (after != before) {
			t.Errorf("%s: the revision was %d and is %d", s.name, before, after)
		}
	}
}
