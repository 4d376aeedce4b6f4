package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// manifestParts are the rows that go with a manifest, dependents first and the
// manifest itself, which the set is made of, last.
var manifestParts = []struct{ table, column string }{
	{"referrer_revisions", "subject"},
	{"referrals", "digest"},
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
		r, err := s.db.lockRepository(tx, key, holdAlone)
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
	err = tx.row(`DELETE FROM image_tags WHERE repository = $1 AND name = $2 AND NOT`+deadTag+`
		RETURNING digest`, repository, u.Tag).Scan(&was)
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

// doomed is a manifest that goes: the one to delete, a referrer, or one of theirs.
type doomed struct {
	digest, subject ociref.Digest
	signature       bool
	told            bool // something was told to refer to it
	referred        bool // something refers to it
	// loose: no index lists it, and it lists nothing. So its rows can stay behind with
	// nobody the wiser.
	loose bool
}

// selectDoomed finds manifest $2 of repository $1, its referrers, and theirs, in
// one pass. UNION lets each in once, so that it ends on any data. CROSS JOIN tells
// SQLite to go from the set to its referrers, not through all there are.
const selectDoomed = `WITH RECURSIVE gone (digest, subject, type) AS (
	SELECT m.digest, m.subject, m.artifact_type FROM manifests m WHERE m.repository = $1 AND m.digest = $2 AND` + living + `
	UNION
	SELECT m.digest, m.subject, m.artifact_type FROM gone g CROSS JOIN manifests m WHERE m.repository = $1 AND m.subject = g.digest AND m.subject <> '')
	SELECT g.digest, g.subject, g.type = $3,
		EXISTS (SELECT 1 FROM referrals h WHERE h.repository = $1 AND h.subject = g.digest),
		EXISTS (SELECT 1 FROM manifests o WHERE o.repository = $1 AND o.subject = g.digest AND o.subject <> ''),
		NOT EXISTS (SELECT 1 FROM manifest_children c WHERE c.repository = $1 AND c.child = g.digest)
		AND NOT EXISTS (SELECT 1 FROM manifest_children c WHERE c.repository = $1 AND c.parent = g.digest)
	FROM gone g`

// atOnce is how many loose referrers a deletion removes itself. More are buried.
const atOnce = 200

// deleteManifest deletes a manifest and what refers to it, and returns what is
// gone, the named one first. The repository is held alone. How long it takes
// grows with the referrers only by what it takes to read through their index.
func deleteManifest(tx querier, repository int64, digest ociref.Digest) ([]ociref.Digest, error) {
	set, err := collect(tx, scanDoomed, selectDoomed, repository, digest, registry.SignatureType)
	if err != nil {
		return nil, err
	}
	if len(set) == 0 {
		return nil, registry.ErrManifestNotFound
	}
	slices.SortFunc(set, byRootThenDigest(digest))
	gone := make([]ociref.Digest, len(set))
	for i, d := range set {
		gone[i] = d.digest
	}
	bound, buried := divide(set)
	if err := unlisted(tx, repository, digestsOf(bound), gone); err != nil {
		return nil, err
	}
	if err := discount(tx, repository, set); err != nil {
		return nil, err
	}
	return gone, deleteSet(tx, repository, bound, buried)
}

// deleteSet deletes the rows of those bound to go now, and buries the others. The
// one that was named, the first, goes out of the lists of what it refers to.
func deleteSet(tx querier, repository int64, bound, buried []doomed) error {
	subjects, err := referralsOf(tx, repository, bound[0].digest)
	if err != nil {
		return err
	}
	if bound[0].subject != "" {
		subjects = append(subjects, bound[0].subject)
	}
	graves := gravesFor(buried)
	for _, d := range bound {
		if !d.told {
			continue
		}
		grave, err := dropReferrals(tx, repository, d.digest)
		if err != nil {
			return err
		}
		if grave {
			graves = append(graves, d.digest)
		}
	}
	if err := deleteParts(tx, repository, digestsOf(bound)); err != nil {
		return err
	}
	if err := bury(tx, repository, sorted(graves)); err != nil {
		return err
	}
	for _, s := range subjects {
		if err := renewReferrers(tx, repository, s); err != nil {
			return err
		}
	}
	return nil
}

func scanDoomed(from scanner) (d doomed, err error) {
	err = from.Scan(&d.digest, &d.subject, &d.signature, &d.told, &d.referred, &d.loose)
	return d, err
}

func digestsOf(set []doomed) []ociref.Digest {
	list := make([]ociref.Digest, len(set))
	for i, d := range set {
		list[i] = d.digest
	}
	return list
}

func byRootThenDigest(root ociref.Digest) func(a, b doomed) int {
	rank := func(d doomed) string {
		if d.digest == root {
			return ""
		}
		return string(d.digest)
	}
	return func(a, b doomed) int { return strings.Compare(rank(a), rank(b)) }
}

// divide tells those whose rows go now from those to bury. The manifest that was
// named, the first, always goes now.
func divide(set []doomed) (bound, buried []doomed) {
	for _, d := range set[1:] {
		if d.loose {
			buried = append(buried, d)
		}
	}
	if len(buried) <= atOnce {
		return set, nil
	}
	for i, d := range set {
		if i == 0 || !d.loose {
			bound = append(bound, d)
		}
	}
	return bound, buried
}

// gravesFor are the subjects to make graves for: those of the buried, and the buried
// themselves where something refers to them, which goes too.
func gravesFor(buried []doomed) (subjects []ociref.Digest) {
	for _, d := range buried {
		subjects = append(subjects, d.subject)
		if d.referred || d.told {
			subjects = append(subjects, d.digest)
		}
	}
	return subjects
}

// bury makes graves for subjects, each once, whose referrers' rows stay behind.
// Nothing refers to them any more.
func bury(tx querier, repository int64, subjects []ociref.Digest) error {
	for batch := range slices.Chunk(subjects, referBatch) {
		list := padded(batch)
		rows := strings.ReplaceAll(parameters(2, len(list)), ", ", "), ($1, ")
		_, err := tx.exec(`INSERT INTO graves (repository, subject) VALUES ($1, `+rows+`) ON CONFLICT DO NOTHING`, among(repository, list)...)
		if err != nil {
			return err
		}
		_, err = tx.exec(`DELETE FROM referrer_revisions WHERE repository = $1 AND subject IN (`+parameters(2, len(list))+`)`, among(repository, list)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// unlisted fails with ErrManifestInUse if one of the manifests is listed by an
// index that is not among those gone.
func unlisted(tx querier, repository int64, bound, gone []ociref.Digest) error {
	going := make(map[ociref.Digest]bool, len(gone))
	for _, d := range gone {
		going[d] = true
	}
	for batch := range slices.Chunk(bound, referBatch) {
		list := padded(batch)
		found, err := collect(tx, scanListed, `SELECT parent, child FROM manifest_children
			WHERE repository = $1 AND child IN (`+parameters(2, len(list))+`)`, among(repository, list)...)
		if err != nil {
			return err
		}
		for _, l := range found {
			if !going[l.index] {
				return fault.Becausef(registry.ErrManifestInUse, "The image %s is listed by the index %s: delete the index first", l.manifest, l.index)
			}
		}
	}
	return nil
}

// listed says that an index lists a manifest.
type listed struct{ index, manifest ociref.Digest }

func scanListed(from scanner) (l listed, err error) {
	err = from.Scan(&l.index, &l.manifest)
	return l, err
}
