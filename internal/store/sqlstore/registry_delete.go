package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// goneWith is the set gone: manifest $2 of repository $1, its referrers, and
// theirs. UNION lets each in once, so that it ends on any data. The work is a
// fixed number of statements, whatever the set holds. CROSS JOIN tells SQLite to
// go from the set to its referrers, not through all referrers there are.
const goneWith = `WITH RECURSIVE gone (digest) AS (
	SELECT digest FROM manifests WHERE repository = $1 AND digest = $2
	UNION
	SELECT m.digest FROM gone g CROSS JOIN manifests m WHERE m.repository = $1 AND m.subject = g.digest AND m.subject <> '') `

// manifestParts are the rows that go with a manifest, dependents first and the
// manifest itself, which the set is made of, last.
var manifestParts = []struct{ table, column string }{
	{"referrer_revisions", "subject"},
	{"image_tags", "digest"},
	{"manifest_children", "parent"},
	{"manifest_blobs", "manifest"},
	{"manifest_contents", "digest"},
	{"manifests", "digest"},
}

// DeleteManifest implements registry.ManifestStore.
func (s manifests) DeleteManifest(ctx context.Context, key registry.Key, digest ociref.Digest, e journal.Event) (gone []ociref.Digest, err error) {
	err = s.takeAway(ctx, key, e, func(tx querier, r lockedRepository) (err error) {
		gone, err = deleteManifest(tx, r.id, digest)
		return err
	})
	return gone, err
}

// DeleteWaiting implements registry.WaitingStore.
func (s manifests) DeleteWaiting(ctx context.Context, key registry.Key, digest ociref.Digest, e journal.Event) (gone []ociref.Digest, err error) {
	err = s.takeAway(ctx, key, e, func(tx querier, r lockedRepository) error {
		waits, err := exists(tx, `SELECT 1 FROM manifests WHERE repository = $1 AND digest = $2 AND waiting`, r.id, digest)
		if err != nil {
			return err
		}
		if !waits {
			return registry.ErrManifestNotFound
		}
		gone, err = deleteManifest(tx, r.id, digest)
		return err
	})
	return gone, err
}

// Untag implements registry.ManifestStore.
func (s manifests) Untag(ctx context.Context, key registry.Key, u registry.Untagging, e journal.Event) (was ociref.Digest, deleted []ociref.Digest, err error) {
	err = s.takeAway(ctx, key, e, func(tx querier, r lockedRepository) (err error) {
		was, deleted, err = untag(tx, r.id, u)
		return err
	})
	return was, deleted, err
}

// takeAway runs a deletion that has its repository alone, and records it.
func (s manifests) takeAway(ctx context.Context, key registry.Key, e journal.Event, do func(querier, lockedRepository) error) error {
	return s.db.write(ctx, func(tx querier) error {
		r, err := lockRepository(tx, key, holdAlone)
		if err != nil {
			return err
		}
		if err := do(tx, r); err != nil {
			return err
		}
		return record(tx, e)
	})
}

// untag removes a tag, and its manifest if that was the last and it is to go too.
func untag(tx querier, repository int64, u registry.Untagging) (was ociref.Digest, deleted []ociref.Digest, err error) {
	err = tx.row(`DELETE FROM image_tags WHERE repository = $1 AND name = $2 RETURNING digest`, repository, u.Tag).Scan(&was)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, registry.ErrManifestNotFound
	}
	if err == nil && u.If != "" && u.If != was {
		return "", nil, registry.ErrTagElsewhere
	}
	if err != nil || !u.DeleteLast {
		return was, nil, err
	}
	more, err := exists(tx, `SELECT 1 FROM image_tags WHERE repository = $1 AND digest = $2 LIMIT 1`, repository, was)
	if err != nil || more {
		return was, nil, err
	}
	deleted, err = deleteManifest(tx, repository, was)
	return was, deleted, err
}

// deleteManifest deletes a manifest and what refers to it, and returns what is
// gone, the named one first. The repository is held alone.
func deleteManifest(tx querier, repository int64, digest ociref.Digest) ([]ociref.Digest, error) {
	gone, err := goneSet(tx, repository, digest)
	if err != nil {
		return nil, err
	}
	if len(gone) == 0 {
		return nil, registry.ErrManifestNotFound
	}
	used, err := exists(tx, goneWith+`SELECT 1 FROM gone g CROSS JOIN manifest_children c
		WHERE c.repository = $1 AND c.child = g.digest AND c.parent NOT IN (SELECT digest FROM gone) LIMIT 1`, repository, digest)
	if err != nil {
		return nil, err
	}
	if used {
		return nil, registry.ErrManifestInUse
	}
	subject, err := subjectOf(tx, repository, digest)
	if err != nil {
		return nil, err
	}
	if err := discount(tx, repository, digest); err != nil {
		return nil, err
	}
	for _, part := range manifestParts {
		_, err := tx.exec(goneWith+`DELETE FROM `+part.table+` WHERE repository = $1
			AND `+part.column+` IN (SELECT digest FROM gone)`, repository, digest)
		if err != nil {
			return nil, err
		}
	}
	if subject == "" {
		return gone, nil
	}
	return gone, renewReferrers(tx, repository, subject)
}

// subjectOf is what a manifest that is there refers to, "" for nothing.
func subjectOf(tx querier, repository int64, digest ociref.Digest) (ociref.Digest, error) {
	return scanOne[ociref.Digest](tx.row(`SELECT subject FROM manifests WHERE repository = $1 AND digest = $2`, repository, digest))
}

// goneSet lists what goes with a manifest, itself first; nothing if it is not there.
func goneSet(tx querier, repository int64, digest ociref.Digest) ([]ociref.Digest, error) {
	gone, err := collect(tx, scanOne[ociref.Digest], goneWith+`SELECT digest FROM gone ORDER BY digest`, repository, digest)
	if i := slices.Index(gone, digest); i > 0 {
		gone = slices.Insert(slices.Delete(gone, i, i+1), 0, digest)
	}
	return gone, err
}
