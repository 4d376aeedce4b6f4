package sqlstore

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
)

// plainColumns hold bytes that are no secret: what everybody may fetch, and the
// data key, which is wrapped.
var plainColumns = []string{
	"blob_contents.content", "certificates.der", "log.root", "log_records.entry", "log_tiles.hashes",
	"manifest_contents.content", "wrapped_keys.wrapped",
}

// TestSealedColumns: every column that can hold a sealed value is one that is
// sealed anew, or known to hold none.
func TestSealedColumns(t *testing.T) {
	db, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	known := slices.Clone(plainColumns)
	for _, c := range sealedColumns {
		known = append(known, c.table+"."+c.column)
	}
	var there []string
	err = db.read(context.Background(), func(q querier) error {
		there, err = collect(q, func(row scanner) (name string, err error) { return name, row.Scan(&name) },
			`SELECT m.name || '.' || c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.type = 'BLOB'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(known)
	slices.Sort(there)
	if !slices.Equal(known, there) {
		t.Errorf("the schema has\n%q; known are\n%q:\na column of sealed values belongs into sealedColumns (slots.go), any other into plainColumns", there, known)
	}
}
