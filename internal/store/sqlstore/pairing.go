package sqlstore

import "context"

// Parts of an installation that have a name in the records.
const (
	PairedRecords = "records" // the records themselves
	PairedBlobs   = "blobs"   // their blob store
)

// Paired returns the name of a part of the installation. The first call for a part
// gives it the name proposed; of several at once, one does.
func (db *DB) Paired(ctx context.Context, part, proposed string) (id string, err error) {
	err = db.write(ctx, func(tx querier) error {
		if _, err := tx.exec(`INSERT INTO pairing (part, id) VALUES ($1, $2) ON CONFLICT (part) DO NOTHING`, part, proposed); err != nil {
			return err
		}
		id, err = scanOne[string](tx.row(`SELECT id FROM pairing WHERE part = $1`, part))
		return err
	})
	return id, err
}
