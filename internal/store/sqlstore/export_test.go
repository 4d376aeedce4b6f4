package sqlstore

import (
	"context"
	"time"
)

// RevokeCertificate marks a certificate revoked, as an operator can with SQL.
func (db *DB) RevokeCertificate(ctx context.Context, id string, at time.Time) error {
	return db.write(ctx, func(tx querier) error {
		_, err := tx.exec(`UPDATE certificates SET revoked_at = $1 WHERE id = $2`, micros(at), id)
		return err
	})
}
