package sqlstore_test

import (
	"testing"

	"github.com/sealwright/sealwright/internal/store/sqlstore"
	"github.com/sealwright/sealwright/internal/store/storetest"
)

func TestAccess(t *testing.T)          { contract(t, storetest.Access) }
func TestIdentities(t *testing.T)      { contract(t, storetest.Identities) }
func TestAuthority(t *testing.T)       { contract(t, storetest.Authority) }
func TestSlots(t *testing.T)           { contract(t, storetest.Slots) }
func TestSigning(t *testing.T)         { contract(t, storetest.Signing) }
func TestJournal(t *testing.T)         { contract(t, storetest.Journal) }
func TestSearch(t *testing.T)          { contract(t, storetest.Search) }
func TestTrim(t *testing.T)            { contract(t, storetest.Trim) }
func TestTailers(t *testing.T)         { contract(t, storetest.Tailers) }
func TestTransparencyLog(t *testing.T) { contract(t, storetest.TransparencyLog) }

func contract(t *testing.T, suite func(*testing.T, func(*testing.T) storetest.Stores)) {
	onEach(t, func(t *testing.T, open func(testing.TB) *sqlstore.DB) {
		suite(t, func(t *testing.T) storetest.Stores { return stores(open(t)) })
	})
}

func stores(db *sqlstore.DB) storetest.Stores {
	return storetest.Stores{Access: db.Access(), Authority: db.Authority(), Profiles: db.Profiles(), Jobs: db.Jobs(), Retention: db.Retention(),
		Journal: db.Journal(), Gist: db.Gist(), Tailers: db.Tailers(), Appender: db.Appender(), Search: db.Search(), Trimmer: db.Trimmer(), Keys: db.AuthorityKeys(), Slots: db.Slots(), Translog: db.Translog(), Logged: db.LoggedJobs()}
}
