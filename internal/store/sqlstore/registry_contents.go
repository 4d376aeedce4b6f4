package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// BlobContent implements registry.ContentStore.
func (s links) BlobContent(ctx context.Context, digest ociref.Digest) ([]byte, error) {
	return ask(s.db, question[ociref.Digest, []byte]{
		memory: s.db.memories.contents, key: digest,
		read: func() ([]byte, error) { return s.readContent(ctx, digest) },
		size: func(content []byte) int64 { return int64(len(content)) },
	})
}

func (s links) readContent(ctx context.Context, digest ociref.Digest) (content []byte, err error) {
	err = s.db.read(ctx, func(q querier) error {
		err := q.row(`SELECT content FROM blob_contents WHERE digest = $1`, digest).Scan(&content)
		return orElse(err, registry.ErrBlobNotFound)
	})
	return content, err
}

// keepContent keeps what a blob brings with it. It is there already when another
// repository brought it.
func keepContent(tx querier, b registry.Blob) error {
	if b.Content == nil {
		return nil
	}
	_, err := tx.exec(`INSERT INTO blob_contents (digest, content) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`, b.Digest, b.Content)
	return err
}

// SweepContents implements registry.ContentStore. The page is read first, so that
// a transaction is made only for what seems to be held by nobody.
func (s links) SweepContents(ctx context.Context, after ociref.Digest, limit int, at time.Time) (gone []registry.Blob, next ociref.Digest, err error) {
	var page []ociref.Digest
	err = s.db.read(ctx, func(q querier) (err error) {
		page, err = collect(q, scanOne[ociref.Digest], `SELECT digest FROM blob_contents WHERE digest > $1 ORDER BY digest LIMIT $2`, after, limit)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(page) == limit {
		next = page[limit-1]
	}
	unheld, err := s.UnlinkedBlobs(ctx, page)
	for batch := range slices.Chunk(unheld, contentBatch) {
		if err == nil {
			var some []registry.Blob
			some, err = s.giveUp(ctx, batch, at)
			gone = append(gone, some...)
		}
	}
	return gone, next, err
}

// contentBatch bounds how many turns one transaction takes alone.
const contentBatch = 64

// giveUp deletes the content of those of the blobs that no repository holds, and
// claims them: a mount that found it before is told so, a push brings it again.
// The turns are taken in the order of the digests, so that two sweeps queue.
func (s links) giveUp(ctx context.Context, digests []ociref.Digest, at time.Time) (gone []registry.Blob, err error) {
	claim := randomID()
	err = s.db.write(ctx, func(tx querier) (err error) {
		for _, d := range digests {
			if err := s.db.engine.await(tx, blobTurn(d), holdAlone); err != nil {
				return err
			}
		}
		list := padded(digests)
		gone, err = collect(tx, scanContent, `DELETE FROM blob_contents WHERE digest IN (`+parameters(1, len(list))+`)
			AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.digest = blob_contents.digest)
			RETURNING digest, length(content)`, anys(list)...)
		for _, b := range gone {
			if err == nil {
				err = recordClaim(tx, b.Digest, claim, at)
			}
		}
		return err
	})
	return gone, err
}

func scanContent(from scanner) (b registry.Blob, err error) {
	err = from.Scan(&b.Digest, &b.Size)
	return b, err
}
