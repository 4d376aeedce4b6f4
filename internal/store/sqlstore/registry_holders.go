package sqlstore

import (
	"context"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/ociref"
)

// Holders implements registry.BlobLinkStore. A repository that was deleted, and is
// not swept yet, is no longer the account's.
func (s links) Holders(ctx context.Context, account arn.AccountID, digest ociref.Digest, limit int) (names []ociref.Name, err error) {
	err = s.db.read(ctx, func(q querier) (err error) {
		names, err = collect(q, scanOne[ociref.Name], `SELECT r.name FROM blob_links b CROSS JOIN repositories r
			WHERE b.account = $1 AND b.digest = $2 AND r.id = b.repository AND r.account = b.account ORDER BY b.repository LIMIT $3`, account, digest, limit)
		return err
	})
	return names, err
}
