package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// Subject implements registry.ReferralStore.
func (s manifests) Subject(ctx context.Context, key registry.Key, prefix string) (subject ociref.Digest, err error) {
	err = s.db.read(ctx, func(q querier) error {
		err := q.row(`SELECT m.digest FROM manifests m WHERE `+inRepository+` AND m.digest >= $3 AND m.digest < $4 AND`+living+
			`ORDER BY m.digest LIMIT 1`, key.Account, key.Name, prefix, prefix+afterHex).Scan(&subject)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		err = q.row(`SELECT v.subject FROM referrer_revisions v WHERE v.repository = `+theRepository+` AND v.subject >= $3 AND v.subject < $4
			ORDER BY v.subject LIMIT 1`, key.Account, key.Name, prefix, prefix+afterHex).Scan(&subject)
		return orElse(err, registry.ErrManifestNotFound)
	})
	return subject, err
}

// afterHex comes after all hex digits.
const afterHex = "g"

// OldTag implements registry.ReferralStore.
func (s manifests) OldTag(ctx context.Context) (key registry.Key, tag ociref.Tag, err error) {
	err = s.db.read(ctx, func(q querier) error {
		err := q.row(`SELECT r.account, r.name, o.name FROM old_referrers_tags o CROSS JOIN repositories r
			WHERE r.id = o.repository AND r.account <> '' LIMIT 1`).Scan(&key.Account, &key.Name, &tag)
		return orElse(err, registry.ErrManifestNotFound)
	})
	return key, tag, err
}

// KeepOldTag implements registry.ReferralStore.
func (s manifests) KeepOldTag(ctx context.Context, key registry.Key, tag ociref.Tag) error {
	return s.db.write(ctx, func(tx querier) error {
		_, err := tx.exec(`DELETE FROM old_referrers_tags WHERE repository = `+theRepository+` AND name = $3`, key.Account, key.Name, tag)
		return err
	})
}

// AbsorbOldTag implements registry.ReferralStore.
func (s manifests) AbsorbOldTag(ctx context.Context, key registry.Key, a registry.Absorption, e journal.Event) error {
	return s.db.unburied(ctx, func() error {
		return s.takeAway(ctx, key, e, func(tx querier, r lockedRepository) error {
			if _, err := addReferrals(tx, r.id, a.Subject, sorted(a.Referrals)); err != nil {
				return err
			}
			n, err := tx.exec(`DELETE FROM image_tags WHERE repository = $1 AND name = $2 AND digest = $3`, r.id, a.Tag, a.Index)
			if err == nil && n == 0 {
				err = registry.ErrTagElsewhere
			}
			if err != nil {
				return err
			}
			if _, err := tx.exec(`DELETE FROM old_referrers_tags WHERE repository = $1 AND name = $2`, r.id, a.Tag); err != nil {
				return err
			}
			if err := deleteUnknown(tx, r.id, a.Index); err != nil {
				return err
			}
			return renewReferrers(tx, r.id, a.Subject)
		})
	})
}

// deleteUnknown deletes an index if nothing else knows it.
func deleteUnknown(tx querier, repository int64, digest ociref.Digest) error {
	known, err := exists(tx, `SELECT 1 WHERE EXISTS (SELECT 1 FROM image_tags t WHERE t.repository = $1 AND t.digest = $2)
		OR EXISTS (SELECT 1 FROM manifest_children c WHERE c.repository = $1 AND c.child = $2)
		OR EXISTS (SELECT 1 FROM manifests m WHERE m.repository = $1 AND m.subject = $2 AND m.subject <> '')
		OR EXISTS (SELECT 1 FROM referrals h WHERE h.repository = $1 AND h.subject = $2)
		OR EXISTS (SELECT 1 FROM referrals h WHERE h.repository = $1 AND h.digest = $2)`, repository, digest)
	if err != nil || known {
		return err
	}
	_, err = deleteManifest(tx, repository, digest)
	return err
}
