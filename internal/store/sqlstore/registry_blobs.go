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

// BlobClaim implements registry.BlobLinkStore.
func (s links) BlobClaim(ctx context.Context, digest ociref.Digest) (claim registry.Claim, err error) {
	err = s.db.read(ctx, func(q querier) (err error) {
		claim, err = readClaim(q, digest)
		return err
	})
	return claim, err
}

// readClaim returns 0 when there is none.
func readClaim(q querier, digest ociref.Digest) (registry.Claim, error) {
	claim, err := scanOne[registry.Claim](q.row(`SELECT claim FROM blob_claims WHERE digest = $1`, digest))
	return claim, orElse(err, nil)
}

// LinkBlob implements registry.BlobLinkStore.
func (s links) LinkBlob(ctx context.Context, key registry.Key, b registry.Blob, e journal.Event) error {
	return s.db.write(ctx, func(tx querier) error {
		r, err := s.db.lockRepository(tx, key, holdShared)
		if err != nil {
			return err
		}
		// Held to the end: a claim now waits, and then sees the link.
		if err := s.db.engine.await(tx, blobTurn(b.Digest), holdShared); err != nil {
			return err
		}
		if err := keepContent(tx, b); err != nil {
			return err
		}
		again, err := tx.exec(`UPDATE blob_links SET unnamed_since = 0 WHERE repository = $1 AND digest = $2`, r.id, b.Digest)
		if err != nil || again > 0 {
			return err
		}
		if err := stillThere(tx, b); err != nil {
			return err
		}
		linked, err := tx.exec(`INSERT INTO blob_links (repository, digest, account, region, size)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (repository, digest) DO NOTHING`,
			r.id, b.Digest, r.Account, r.Region, b.Size)
		if err != nil || linked == 0 {
			return err
		}
		return record(tx, e)
	})
}

// stillThere fails with ErrBlobCollected if the content may have gone since it was
// found. What came with the blob is there.
func stillThere(tx querier, b registry.Blob) error {
	if b.Content != nil {
		return nil
	}
	claim, err := readClaim(tx, b.Digest)
	if err == nil && claim != b.Claim {
		err = registry.ErrBlobCollected
	}
	return err
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
	return s.db.unburied(ctx, func() error { return s.unlink(ctx, key, digest, e) })
}

// unlink is one attempt of UnlinkBlob.
func (s links) unlink(ctx context.Context, key registry.Key, digest ociref.Digest, e journal.Event) error {
	return s.db.write(ctx, func(tx querier) error {
		r, err := s.db.lockRepository(tx, key, holdAlone)
		if err != nil {
			return err
		}
		if err := nameBlob(tx, r.id, digest); err != nil {
			return err
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
