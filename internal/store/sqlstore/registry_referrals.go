package sqlstore

import (
	"context"
	"slices"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// told says of a referral h that its subject is not in a grave. (Its manifest,
// which has no subject, never is.)
const told = ` NOT EXISTS (SELECT 1 FROM graves b WHERE b.repository = h.repository AND b.subject = h.subject) `

// PutReferrals implements registry.ReferralStore.
func (s manifests) PutReferrals(ctx context.Context, key registry.Key, subject ociref.Digest, digests []ociref.Digest, e journal.Event) error {
	return s.db.unburied(ctx, func() error {
		return s.db.write(ctx, func(tx querier) error {
			r, err := s.db.lockRepository(tx, key, holdShared)
			if err != nil {
				return err
			}
			added, err := addReferrals(tx, r.id, subject, sorted(digests))
			if err != nil || added == 0 {
				return err
			}
			if err := renewReferrers(tx, r.id, subject); err != nil {
				return err
			}
			return record(tx, e)
		})
	})
}

// addReferrals adds those that are not there, and returns how many. It fails with
// errBuried when referrals to that subject are gone, and their rows are not.
func addReferrals(tx querier, repository int64, subject ociref.Digest, digests []ociref.Digest) (added int64, err error) {
	grave, err := exists(tx, `SELECT 1 FROM graves WHERE repository = $1 AND subject = $2`, repository, subject)
	if err == nil && grave {
		err = errBuried
	}
	if err != nil {
		return 0, err
	}
	for batch := range slices.Chunk(digests, referBatch) {
		list := padded(batch)
		n, err := tx.exec(`INSERT INTO referrals (repository, digest, subject, artifact_type, pushed_at)
			SELECT m.repository, m.digest, $1, m.artifact_type, m.pushed_at FROM manifests m
			WHERE m.repository = $2 AND m.subject = '' AND m.digest IN (`+parameters(3, len(list))+`) ON CONFLICT DO NOTHING`,
			append([]any{subject, repository}, anys(list)...)...)
		if added += n; err != nil {
			return added, err
		}
		if err := fewSubjects(tx, repository, list); err != nil {
			return added, err
		}
	}
	return added, nil
}

// fewSubjects fails with ErrTooManyReferrals if one of the manifests refers to
// too many subjects. Pushes at once may pass the bound by as many as they are.
func fewSubjects(tx querier, repository int64, digests []ociref.Digest) error {
	many, err := exists(tx, `SELECT 1 FROM referrals h WHERE h.repository = $1 AND h.digest IN (`+parameters(3, len(digests))+`)
		GROUP BY h.digest HAVING COUNT(*) > $2 LIMIT 1`, append([]any{repository, registry.MaxReferrals}, anys(digests)...)...)
	if err == nil && many {
		err = registry.ErrTooManyReferrals
	}
	return err
}

// DeleteReferrals implements registry.ReferralStore.
func (s manifests) DeleteReferrals(ctx context.Context, key registry.Key, subject ociref.Digest, e journal.Event) error {
	for begun := false; ; begun = true {
		n, err := s.deleteReferrals(ctx, key, subject, func(tx querier, deleted int64) error {
			switch {
			case begun:
				return nil
			case deleted == 0:
				return registry.ErrManifestNotFound
			}
			return record(tx, e)
		})
		if err != nil || n < sweepRows {
			return err
		}
	}
}

// deleteReferrals is one step of that; ended is told how many went.
func (s manifests) deleteReferrals(ctx context.Context, key registry.Key, subject ociref.Digest, ended func(querier, int64) error) (n int64, err error) {
	err = s.db.write(ctx, func(tx querier) error {
		r, err := s.db.lockRepository(tx, key, holdAlone)
		if err != nil {
			return err
		}
		grave, err := exists(tx, `SELECT 1 FROM graves WHERE repository = $1 AND subject = $2`, r.id, subject)
		if err != nil {
			return err
		}
		if n = 0; !grave {
			n, err = takeReferrals(tx, r.id, subject, sweepRows)
		}
		if err == nil && n > 0 {
			err = renewReferrers(tx, r.id, subject)
		}
		if err != nil {
			return err
		}
		return ended(tx, n)
	})
	return n, err
}

// takeReferrals deletes some of a subject's referrals, and returns how many.
func takeReferrals(tx querier, repository int64, subject ociref.Digest, limit int) (int64, error) {
	return tx.exec(`DELETE FROM referrals WHERE repository = $1 AND subject = $2 AND digest IN (
		SELECT h.digest FROM referrals h WHERE h.repository = $1 AND h.subject = $2 LIMIT $3)`, repository, subject, limit)
}

// dropReferrals takes the referrals to a subject that goes: a few at once; of
// more the rest has a grave.
func dropReferrals(tx querier, repository int64, subject ociref.Digest) (grave bool, err error) {
	n, err := takeReferrals(tx, repository, subject, atOnce)
	return n == atOnce, err
}

// referralsOf are the subjects that a manifest was told to refer to.
func referralsOf(tx querier, repository int64, digest ociref.Digest) ([]ociref.Digest, error) {
	return collect(tx, scanOne[ociref.Digest], `SELECT h.subject FROM referrals h WHERE h.repository = $1 AND h.digest = $2`, repository, digest)
}
