package sqlstore_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

// TestPaired: a part is named once, whoever else proposes a name.
func TestPaired(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *sqlstore.DB) {
		db := open(t)
		names, errs := make([]string, 8), make([]error, 8)
		var all sync.WaitGroup
		for i := range names {
			all.Go(func() { names[i], errs[i] = db.Paired(t.Context(), sqlstore.PairedBlobs, fmt.Sprint("name ", i)) })
		}
		all.Wait()
		for i := range names {
			if errs[i] != nil || names[i] == "" || names[i] != names[0] {
				t.Errorf("%q, %v, and another got %q", names[i], errs[i], names[0])
			}
		}
		if other, err := db.Paired(t.Context(), sqlstore.PairedRecords, "other"); other != "other" || err != nil {
			t.Errorf("another part is %q, %v", other, err)
		}
	})
}
