package sqlstore

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/sealwright/sealwright/internal/store/storetest"
)

func TestRegistrySQLite(t *testing.T) {
	storetest.Registry(t, func(t *testing.T) storetest.RegistryStores {
		db, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "records.db"))
		if err != nil {
			t.Fatal(err)
		}
		return registryStores(t, db)
	})
}

func registryStores(t *testing.T, db *DB) storetest.RegistryStores {
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return storetest.RegistryStores{RepositoryStore: db.Repositories(), ManifestStore: db.Manifests(), BlobLinkStore: db.Links(), Journal: db.Journal()}
}
