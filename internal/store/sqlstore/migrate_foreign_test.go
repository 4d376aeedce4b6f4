package sqlstore

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// TestForeignLayersOfBefore: a foreign layer that was pushed before such layers
// were kept with their image is kept from the upgrade on.
func TestForeignLayersOfBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	t.Run("sqlite", func(t *testing.T) {
		foreignLayersOfBefore(t, sqliteDDL, func() (*DB, error) { return OpenSQLite(context.Background(), path) })
	})
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.URL(t)
		foreignLayersOfBefore(t, postgresDDL, func() (*DB, error) { return OpenPostgres(context.Background(), url) })
	})
}

func foreignLayersOfBefore(t *testing.T, ddl *strings.Replacer, open func() (*DB, error)) {
	db, err := open()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC()
	ctx, key := t.Context(), registry.Key{Account: "111122223333", Name: "app"}
	e := journal.New(ctx, at, journal.SourceECR, "PutImage", journal.Subject{Account: key.Account, Region: "us-east-1"}, nil)
	foreign, orphan := ociref.DigestOf(ociref.SHA256, []byte("foreign")), ociref.DigestOf(ociref.SHA256, []byte("orphan"))
	content := []byte(`{"note":"\\ é","layers":[{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar","digest":"` + string(foreign) + `"}]}`)
	m := registry.Manifest{Key: key, Digest: ociref.DigestOf(ociref.SHA256, content), MediaType: registry.MediaTypeDockerImage, Content: content, PushedAt: at}
	err = db.Repositories().CreateRepository(ctx, registry.Repository{Key: key, Region: "us-east-1", CreatedAt: at}, e)
	for _, d := range []ociref.Digest{foreign, orphan} {
		err = errors.Join(err, db.Links().LinkBlob(ctx, key, registry.Blob{Digest: d, Size: 7}, e))
	}
	_, put := db.Manifests().PutManifest(ctx, m, nil, registry.Rules{}, e)
	script, read := migrationFiles.ReadFile("migrations/00006_foreign_layers.sql")
	migrated := db.write(ctx, func(tx querier) error { // again, now that there is such an image
		_, err := tx.exec(ddl.Replace(string(script)))
		return err
	})
	if err := errors.Join(err, put, read, migrated); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Links().UnlinkBlob(ctx, key, foreign, e); !errors.Is(err, registry.ErrBlobInUse) {
		t.Errorf("the foreign layer: %v", err)
	}
	if err := db.Links().UnlinkBlob(ctx, key, orphan, e); err != nil {
		t.Errorf("what no image names: %v", err)
	}
}
