package sqlstore

import (
	"context"
	"math"
	"slices"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// A repository's counts are one row that its pushes queue for. So a push takes
// it last, when only the commit is left to do; a deletion has its repository
// alone anyway. See docs/decisions/0080-image-counts.md.

// startCount gives a new repository its counts.
func startCount(tx querier, repository int64) error {
	_, err := tx.exec(`INSERT INTO repository_counts (repository, images, signatures) VALUES ($1, 0, 0)`, repository)
	return err
}

// count adds the manifest that was saved to the counts of its repository. It
// fails with ErrTooManyImages if the repository was full.
func (p *push) count(tx querier, r lockedRepository) error {
	most, signatures := p.rules.MaxImages, 0
	if most == 0 {
		most = math.MaxInt64
	}
	if p.m.IsSignature() {
		signatures = 1
	}
	n, err := tx.exec(`UPDATE repository_counts SET images = images + 1, signatures = signatures + $1
		WHERE repository = $2 AND images < $3`, signatures, r.id, most)
	if err == nil && n == 0 {
		err = registry.ErrTooManyImages
	}
	return err
}

// discount takes manifests that are about to go out of the counts.
func discount(tx querier, repository int64, gone []doomed) error {
	signatures := 0
	for _, d := range gone {
		if d.signature {
			signatures++
		}
	}
	_, err := tx.exec(`UPDATE repository_counts SET images = images - $1, signatures = signatures - $2
		WHERE repository = $3`, len(gone), signatures, repository)
	return err
}

// Counts implements registry.RepositoryStore.
func (s repositories) Counts(ctx context.Context, account arn.AccountID, names []ociref.Name) (map[ociref.Name]registry.Counts, error) {
	counts := map[ociref.Name]registry.Counts{}
	for batch := range slices.Chunk(sorted(names), referBatch) {
		args := []any{account}
		for _, name := range padded(batch) {
			args = append(args, name)
		}
		err := s.db.read(ctx, func(q querier) error {
			_, err := collect(q, func(from scanner) (name ociref.Name, err error) {
				var c registry.Counts
				err = from.Scan(&name, &c.Images, &c.Signatures)
				counts[name] = c
				return name, err
			}, `SELECT r.name, c.images, c.signatures FROM repositories r CROSS JOIN repository_counts c
				WHERE c.repository = r.id AND r.account = $1 AND r.name IN (`+parameters(2, len(args)-1)+`)`, args...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return counts, nil
}
