package sqlstore_test

import (
	"testing"

	"github.com/sealwright/sealwright/internal/store/sqlstore"
	"github.com/sealwright/sealwright/internal/store/storetest"
)

func TestRegistry(t *testing.T) {
	onEach(t, func(t *testing.T, open func(t testing.TB) *sqlstore.DB) {
		storetest.Registry(t, func(t *testing.T) storetest.RegistryStores { return registryStores(open(t)) })
	})
}

func registryStores(db *sqlstore.DB) storetest.RegistryStores {
	return storetest.RegistryStores{RepositoryStore: db.Repositories(), ManifestStore: db.Manifests(), BlobLinkStore: db.Links(), Store: db.Leaders(), Journal: db.Journal()}
}
