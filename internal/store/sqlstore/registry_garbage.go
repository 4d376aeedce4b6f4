package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// UnlinkedBlobs implements registry.GarbageStore.
func (s links) UnlinkedBlobs(ctx context.Context, digests []ociref.Digest) (unlinked []ociref.Digest, err error) {
	linked := map[ociref.Digest]bool{}
	for batch := range slices.Chunk(sorted(digests), referBatch) {
		list := padded(batch)
		err := s.db.read(ctx, func(q querier) error {
			found, err := collect(q, scanOne[ociref.Digest], `SELECT DISTINCT digest FROM blob_links WHERE digest IN (`+parameters(1, len(list))+`)`, anys(list)...)
			for _, d := range found {
				linked[d] = true
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, d := range digests {
		if !linked[d] {
			unlinked = append(unlinked, d)
		}
	}
	return unlinked, nil
}

// anys are digests as arguments of a statement.
func anys(digests []ociref.Digest) []any { return among(0, digests)[1:] }

// ClaimBlob implements registry.GarbageStore.
func (s links) ClaimBlob(ctx context.Context, digest ociref.Digest, at time.Time) (claimed bool, err error) {
	claim := randomID()
	err = s.db.write(ctx, func(tx querier) error {
		if err := s.db.engine.await(tx, blobTurn(digest), holdAlone); err != nil {
			return err
		}
		held, err := exists(tx, `SELECT 1 FROM blob_links WHERE digest = $1 LIMIT 1`, digest)
		if claimed = err == nil && !held; !claimed {
			return err
		}
		return recordClaim(tx, digest, claim, at)
	})
	return claimed && err == nil, err
}

// recordClaim replaces the claim on a blob's content.
func recordClaim(tx querier, digest ociref.Digest, claim int64, at time.Time) error {
	_, err := tx.exec(`INSERT INTO blob_claims (digest, claim, claimed_at) VALUES ($1, $2, $3)
		ON CONFLICT (digest) DO UPDATE SET claim = excluded.claim, claimed_at = excluded.claimed_at`, digest, claim, micros(at))
	return err
}

// ForgetClaims implements registry.GarbageStore. The rows are locked by a SELECT of
// their own: PostgreSQL passes by those that another process removed meanwhile and
// locks others, where a LIMIT in the DELETE would pick rows once, wait, and find
// nothing.
func (s links) ForgetClaims(ctx context.Context, before time.Time, limit int) (forgotten int, err error) {
	err = s.db.write(ctx, func(tx querier) error {
		old, err := collect(tx, scanOne[ociref.Digest], `SELECT digest FROM blob_claims WHERE claimed_at < $1
			ORDER BY claimed_at LIMIT $2 FOR UPDATE`, micros(before), limit)
		if err != nil {
			return err
		}
		for batch := range slices.Chunk(old, referBatch) {
			list := padded(batch)
			if _, err := tx.exec(`DELETE FROM blob_claims WHERE digest IN (`+parameters(1, len(list))+`)`, anys(list)...); err != nil {
				return err
			}
		}
		forgotten = len(old)
		return nil
	})
	return forgotten, err
}

// LinkStates implements registry.LinkAger. It goes from repository to repository
// by name, so that one that comes or goes does not shift the others' places.
func (s links) LinkStates(ctx context.Context, after registry.LinkState, limit int) (list []registry.LinkState, err error) {
	err = s.db.read(ctx, func(q querier) (err error) {
		list, err = collect(q, scanLinkState, `SELECT r.account, r.name, l.digest, l.unnamed_since,
				EXISTS (SELECT 1 FROM manifest_blobs x WHERE x.repository = l.repository AND x.blob = l.digest)
			FROM repositories r CROSS JOIN blob_links l
			WHERE (r.account, r.name) >= ($1, $2) AND r.account <> '' AND l.repository = r.id
				AND l.digest > CASE WHEN r.account = $1 AND r.name = $2 THEN $3 ELSE '' END
			ORDER BY r.account, r.name, l.digest LIMIT $4`, after.Account, after.Name, after.Digest, limit)
		return err
	})
	return list, err
}

func scanLinkState(from scanner) (l registry.LinkState, err error) {
	err = from.Scan(&l.Account, &l.Name, &l.Digest, timeColumn{&l.UnnamedSince}, &l.Named)
	return l, err
}

// MarkLinks implements registry.LinkAger.
func (s links) MarkLinks(ctx context.Context, key registry.Key, digests []ociref.Digest, since time.Time) error {
	return s.db.write(ctx, func(tx querier) error {
		for batch := range slices.Chunk(sorted(digests), referBatch) {
			list := padded(batch)
			_, err := tx.exec(`UPDATE blob_links SET unnamed_since = $1
				WHERE repository = (SELECT id FROM repositories WHERE account = $2 AND name = $3)
				AND digest IN (`+parameters(4, len(list))+`)`, append([]any{micros(since), key.Account, key.Name}, anys(list)...)...)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// UnlinkUnnamed implements registry.LinkAger. It has the repository alone, so no
// manifest that names one of the blobs can come in meanwhile.
func (s links) UnlinkUnnamed(ctx context.Context, key registry.Key, digests []ociref.Digest, before time.Time, e journal.Event) (gone []ociref.Digest, err error) {
	err = s.db.write(ctx, func(tx querier) error {
		gone = nil
		r, err := s.db.lockRepository(tx, key, holdAlone)
		if err != nil {
			return err
		}
		for batch := range slices.Chunk(sorted(digests), referBatch) {
			list := padded(batch)
			some, err := collect(tx, scanOne[ociref.Digest], `DELETE FROM blob_links WHERE repository = $1
				AND unnamed_since <> 0 AND unnamed_since < $2 AND digest IN (`+parameters(3, len(list))+`)
				AND NOT EXISTS (SELECT 1 FROM manifest_blobs x WHERE x.repository = blob_links.repository AND x.blob = blob_links.digest)
				RETURNING digest`, append([]any{r.id, micros(before)}, anys(list)...)...)
			if err != nil {
				return err
			}
			gone = append(gone, some...)
		}
		if len(gone) == 0 {
			return nil
		}
		return record(tx, e)
	})
	return gone, err
}
