package sqlstore

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// TestReferrersTagsOfBefore: tags of the referrers tag schema that are there at
// the upgrade are looked at, each once, and no others.
func TestReferrersTagsOfBefore(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		db, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "records.db"))
		referrersTagsOfBefore(t, db, err)
	})
	t.Run("postgres", func(t *testing.T) {
		db, err := OpenPostgres(context.Background(), pgtest.URL(t))
		referrersTagsOfBefore(t, db, err)
	})
}

func referrersTagsOfBefore(t *testing.T, db *DB, err error) {
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	at := time.Now().UTC()
	ctx, key := t.Context(), registry.Key{Account: "111122223333", Name: "app"}
	e := journal.New(ctx, at, journal.SourceECR, "PutImage", journal.Subject{Account: key.Account, Region: "us-east-1"}, nil)
	err = db.Repositories().CreateRepository(ctx, registry.Repository{Key: key, Region: "us-east-1", CreatedAt: at}, e)
	old := ociref.Tag("sha256-" + strings.Repeat("a", 64))
	m := registry.Manifest{Key: key, Digest: ociref.DigestOf(ociref.SHA256, []byte("{}")), MediaType: registry.MediaTypeIndex, Content: []byte("{}"), PushedAt: at}
	_, put := db.Manifests().PutManifest(ctx, m, []ociref.Tag{"v1", old, old + ".sig", ociref.Tag("sha384-" + strings.Repeat("a", 64))}, registry.Rules{}, e)
	names, read := fs.Glob(migrationFiles, "migrations/*_referrals.sql")
	if read != nil || len(names) != 1 {
		t.Fatal(names, read)
	}
	script, read := migrationFiles.ReadFile(names[0])
	_, insert, _ := strings.Cut(string(script), "INSERT INTO old_referrers_tags")
	migrated := db.write(ctx, func(tx querier) error { // again, now that there are such tags
		_, err := tx.exec("INSERT INTO old_referrers_tags" + insert)
		return err
	})
	if err := errors.Join(err, put, read, migrated); err != nil {
		t.Fatal(err)
	}
	at1, tag, err := db.Manifests().OldTag(ctx)
	if err != nil || at1 != key || tag != old {
		t.Fatal(at1, tag, err)
	}
	if err := db.Manifests().KeepOldTag(ctx, key, tag); err != nil {
		t.Fatal(err)
	}
	if at1, tag, err = db.Manifests().OldTag(ctx); !errors.Is(err, registry.ErrManifestNotFound) {
		t.Error(at1, tag, err)
	}
}
