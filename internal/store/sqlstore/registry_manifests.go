package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// manifests implements registry.ManifestStore.
type manifests struct{ db *DB }

// manifestColumns are those of a manifest m without its content. Tags have no
// spaces, so one column holds them all.
const manifestColumns = `m.digest, m.media_type, m.artifact_type, m.subject, m.waiting, m.annotations, m.content_size, m.image_size, m.pushed_at,
	COALESCE((SELECT string_agg(t.name, ' ') FROM image_tags t WHERE t.repository = m.repository AND t.digest = m.digest), '')`

// inRepository finds the repository by its key, as $1 and $2.
const inRepository = `m.repository = (SELECT id FROM repositories WHERE account = $1 AND name = $2)`

// The ways to one manifest m of the repository $1, $2: by its digest or by a tag.
const (
	manifestByDigest = `SELECT ` + manifestColumns + `, c.content FROM repositories r
		JOIN manifests m ON m.repository = r.id AND m.digest = $3
		JOIN manifest_contents c ON c.repository = m.repository AND c.digest = m.digest
		WHERE r.account = $1 AND r.name = $2`
	manifestByTag = `SELECT ` + manifestColumns + `, c.content FROM repositories r
		JOIN image_tags x ON x.repository = r.id AND x.name = $3
		JOIN manifests m ON m.repository = x.repository AND m.digest = x.digest
		JOIN manifest_contents c ON c.repository = m.repository AND c.digest = m.digest
		WHERE r.account = $1 AND r.name = $2`
)

// Manifest implements registry.ManifestStore.
func (s manifests) Manifest(ctx context.Context, key registry.Key, ref ociref.Reference) (registry.Manifest, error) {
	query, by := manifestByDigest, string(ref.Digest)
	if ref.Digest == "" {
		query, by = manifestByTag, string(ref.Tag)
	}
	var m registry.Manifest
	err := s.db.read(ctx, func(q querier) (err error) {
		var content []byte
		m, err = scanManifest(q.row(query, key.Account, key.Name, by), key, &content)
		m.Content = content
		if errors.Is(err, sql.ErrNoRows) {
			return orNoRepository(q, key, registry.ErrManifestNotFound)
		}
		return err
	})
	return m, err
}

// statusCondition selects by whether a manifest has tags.
var statusCondition = map[registry.TagStatus]string{
	registry.Tagged:   ` AND EXISTS (SELECT 1 FROM image_tags t WHERE t.repository = m.repository AND t.digest = m.digest)`,
	registry.Untagged: ` AND NOT EXISTS (SELECT 1 FROM image_tags t WHERE t.repository = m.repository AND t.digest = m.digest)`,
}

// Manifests implements registry.ManifestStore.
func (s manifests) Manifests(ctx context.Context, key registry.Key, f registry.ManifestFilter) ([]registry.Manifest, error) {
	return s.list(ctx, key, `SELECT `+manifestColumns+` FROM manifests m
		WHERE `+inRepository+statusCondition[f.TagStatus]+` AND (m.pushed_at, m.digest) > ($3, $4)
		ORDER BY m.pushed_at, m.digest LIMIT $5`, f.After.PushedAt.UnixMicro(), f.After.Digest, f.Limit)
}

// Referrers implements registry.ManifestStore. Each artifact type is a walk
// along the index by type, and their first pages are merged: so the cost is the
// page's, however many referrers have other types.
func (s manifests) Referrers(ctx context.Context, key registry.Key, subject ociref.Digest, f registry.ReferrerFilter) ([]registry.Manifest, error) {
	const page = `SELECT m.repository, m.digest, m.pushed_at FROM manifests m
		WHERE ` + inRepository + ` AND m.subject = $3 AND m.subject <> '' AND (m.pushed_at, m.digest) > ($4, $5)`
	const order = ` ORDER BY m.pushed_at, m.digest LIMIT $6`
	pages := []string{`SELECT * FROM (` + page + order + `) AS p`}
	args := []any{subject, f.After.PushedAt.UnixMicro(), f.After.Digest, f.Limit}
	if types := sorted(f.ArtifactTypes); len(types) > 0 {
		pages = nil
		for i, t := range types {
			pages = append(pages, fmt.Sprintf(`SELECT * FROM (%s AND m.artifact_type = $%d%s) AS p%d`, page, 7+i, order, i))
			args = append(args, t)
		}
	}
	return s.list(ctx, key, `SELECT `+manifestColumns+` FROM (`+strings.Join(pages, ` UNION ALL `)+`) AS o
		JOIN manifests m ON m.repository = o.repository AND m.digest = o.digest`+order, args...)
}

// list runs a query of manifestColumns whose first parameters are the key.
func (s manifests) list(ctx context.Context, key registry.Key, query string, args ...any) ([]registry.Manifest, error) {
	scan := func(from scanner) (registry.Manifest, error) { return scanManifest(from, key) }
	return listHeld(ctx, holder{s.db, key}, scan, query, args...)
}

// Tags implements registry.ManifestStore.
func (s manifests) Tags(ctx context.Context, key registry.Key, after ociref.Tag, limit int) ([]ociref.Tag, error) {
	return listHeld(ctx, holder{s.db, key}, scanOne[ociref.Tag], `SELECT m.name FROM image_tags m
		WHERE `+inRepository+` AND m.name > $3 ORDER BY m.name LIMIT $4`, after, limit)
}

// holder is a repository, by its key, in a database.
type holder struct {
	db  *DB
	key registry.Key
}

// listHeld lists what a repository holds. It fails with ErrRepositoryNotFound,
// which it looks for only when there is nothing to list.
func listHeld[T any](ctx context.Context, h holder, scan func(scanner) (T, error), query string, args ...any) (list []T, err error) {
	args = append([]any{h.key.Account, h.key.Name}, args...)
	err = h.db.read(ctx, func(q querier) (err error) {
		list, err = collect(q, scan, query, args...)
		if err == nil && len(list) == 0 {
			err = orNoRepository(q, h.key, nil)
		}
		return err
	})
	return list, err
}

// Waiting implements registry.WaitingStore.
func (s manifests) Waiting(ctx context.Context, before time.Time, limit int) (list []registry.Manifest, err error) {
	scan := func(from scanner) (registry.Manifest, error) {
		var key registry.Key
		m, err := scanManifest(from, key, &key.Account, &key.Name)
		m.Key = key
		return m, err
	}
	err = s.db.read(ctx, func(q querier) (err error) {
		list, err = collect(q, scan, `SELECT `+manifestColumns+`, r.account, r.name
			FROM manifests m JOIN repositories r ON r.id = m.repository
			WHERE m.waiting AND m.pushed_at < $1 ORDER BY m.pushed_at, m.digest LIMIT $2`, before.UnixMicro(), limit)
		return err
	})
	return list, err
}

// scanManifest reads manifestColumns, and more after them.
func scanManifest(from scanner, key registry.Key, more ...any) (registry.Manifest, error) {
	m := registry.Manifest{Key: key}
	var tags string
	columns := []any{&m.Digest, &m.MediaType, &m.ArtifactType, &m.Subject, &m.Waiting, jsonColumn[map[string]string]{&m.Annotations},
		&m.ContentSize, &m.ImageSize, timeColumn{&m.PushedAt}, &tags}
	if err := from.Scan(append(columns, more...)...); err != nil {
		return registry.Manifest{}, err
	}
	for _, t := range strings.Fields(tags) {
		m.Tags = append(m.Tags, ociref.Tag(t))
	}
	slices.Sort(m.Tags)
	return m, nil
}
