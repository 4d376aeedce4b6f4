package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// links implements registry.BlobLinkStore.
type links struct{ db *DB }

// LinkBlob implements registry.BlobLinkStore.
func (s links) LinkBlob(ctx context.Context, key registry.Key, digest ociref.Digest, size int64, e journal.Event) error {
	return s.db.write(ctx, func(tx querier) error {
		r, err := lockRepository(tx, key, holdShared)
		if err != nil {
			return err
		}
		linked, err := tx.exec(`INSERT INTO blob_links (repository, digest, account, region, size)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (repository, digest) DO NOTHING`,
			r.id, digest, r.Account, r.Region, size)
		if err != nil || linked == 0 {
			return err
		}
		return record(tx, e)
	})
}

// LinkedBlob implements registry.BlobLinkStore.
func (s links) LinkedBlob(ctx context.Context, key registry.Key, digest ociref.Digest) (int64, error) {
	return ask(s.db, question[heldKey, int64]{
		memory: s.db.memories.links, key: heldKey{key, digest},
		read: func() (int64, error) { return s.readLinkedBlob(ctx, key, digest) },
		size: func(int64) int64 { return 0 },
	})
}

func (s links) readLinkedBlob(ctx context.Context, key registry.Key, digest ociref.Digest) (size int64, err error) {
	err = s.db.read(ctx, func(q querier) error {
		err := q.row(`SELECT b.size FROM repositories r JOIN blob_links b ON b.repository = r.id
			WHERE r.account = $1 AND r.name = $2 AND b.digest = $3`, key.Account, key.Name, digest).Scan(&size)
		if errors.Is(err, sql.ErrNoRows) {
			return orNoRepository(q, key, registry.ErrBlobNotFound)
		}
		return err
	})
	return size, err
}

// UnlinkBlob implements registry.BlobLinkStore.
func (s links) UnlinkBlob(ctx context.Context, key registry.Key, digest ociref.Digest, e journal.Event) error {
	return s.db.write(ctx, func(tx querier) error {
		r, err := lockRepository(tx, key, holdAlone)
		if err != nil {
			return err
		}
		used, err := exists(tx, `SELECT 1 FROM manifest_blobs WHERE repository = $1 AND blob = $2 LIMIT 1`, r.id, digest)
		if err != nil {
			return err
		}
		if used {
			return registry.ErrBlobInUse
		}
		unlinked, err := tx.exec(`DELETE FROM blob_links WHERE repository = $1 AND digest = $2`, r.id, digest)
		if err != nil {
			return err
		}
		if unlinked == 0 {
			return registry.ErrBlobNotFound
		}
		return record(tx, e)
	})
}
