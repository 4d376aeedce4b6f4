package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// manifests implements registry.ManifestStore.
type manifests struct{ db *DB }

// manifestColumns are those of a manifest m that are small. What may be large is
// read only where it is wanted: content, annotations and tags.
const manifestColumns = `m.digest, m.media_type, m.artifact_type, m.subject, m.waiting, m.content_size, m.image_size, m.pushed_at`

// tagsOfManifest are the tags of m. They have no spaces, so one column holds them all.
const tagsOfManifest = `COALESCE((SELECT string_agg(t.name, ' ') FROM image_tags t WHERE t.repository = m.repository AND t.digest = m.digest), '')`

// theRepository is the id of the repository with the key $1, $2, and inRepository
// says of a manifest m that it is there.
const (
	theRepository = `(SELECT id FROM repositories WHERE account = $1 AND name = $2)`
	inRepository  = `m.repository = ` + theRepository
)

// heldTags are the tags t of the repository $1, $2. Tags of what is in a grave are
// none; nearly always there is no grave, which one look for all of them tells.
const heldTags = ` FROM image_tags t WHERE t.repository = ` + theRepository + `
	AND (NOT EXISTS (SELECT 1 FROM graves a WHERE a.repository = ` + theRepository + `) OR EXISTS (
		SELECT 1 FROM manifests m WHERE m.repository = t.repository AND m.digest = t.digest AND` + living + `)) `

// The ways to one manifest m of the repository $1, $2: by its digest or by a tag.
const (
	manifestByDigest = `SELECT ` + manifestColumns + `, m.annotations, c.content FROM repositories r
		JOIN manifests m ON m.repository = r.id AND m.digest = $3
		JOIN manifest_contents c ON c.repository = m.repository AND c.digest = m.digest
		WHERE r.account = $1 AND r.name = $2 AND` + living
	manifestByTag = `SELECT ` + manifestColumns + `, m.annotations, c.content FROM repositories r
		JOIN image_tags x ON x.repository = r.id AND x.name = $3
		JOIN manifests m ON m.repository = x.repository AND m.digest = x.digest
		JOIN manifest_contents c ON c.repository = m.repository AND c.digest = m.digest
		WHERE r.account = $1 AND r.name = $2 AND` + living
)

// Manifest implements registry.ManifestStore.
func (s manifests) Manifest(ctx context.Context, key registry.Key, ref ociref.Reference) (registry.Manifest, error) {
	return ask(s.db, question[manifestKey, registry.Manifest]{
		memory: s.db.memories.manifests, key: manifestKey{key, ref},
		read: func() (registry.Manifest, error) { return s.readManifest(ctx, key, ref) },
		size: func(m registry.Manifest) int64 { // annotations are part of the content; each takes a place in a map besides
			return 3*m.ContentSize + 96*int64(len(m.Annotations))
		},
	})
}

func (s manifests) readManifest(ctx context.Context, key registry.Key, ref ociref.Reference) (registry.Manifest, error) {
	query, by := manifestByDigest, string(ref.Digest)
	if ref.Digest == "" {
		query, by = manifestByTag, string(ref.Tag)
	}
	m := registry.Manifest{Key: key}
	err := s.db.read(ctx, func(q querier) error {
		err := scanManifest(q.row(query, key.Account, key.Name, by), &m, annotationsColumn(&m), &m.Content)
		if errors.Is(err, sql.ErrNoRows) {
			return orNoRepository(q, key, registry.ErrManifestNotFound)
		}
		return err
	})
	return m, err
}

// Heads implements registry.ManifestStore.
func (s manifests) Heads(ctx context.Context, key registry.Key, digests []ociref.Digest) (map[ociref.Digest]registry.Manifest, error) {
	heads := map[ociref.Digest]registry.Manifest{}
	scan := func(from scanner) (registry.Manifest, error) {
		m := registry.Manifest{Key: key}
		return m, scanManifest(from, &m)
	}
	for batch := range slices.Chunk(sorted(digests), referBatch) {
		list := padded(batch)
		page, err := listHeld(ctx, holder{s.db, key}, scan, `SELECT `+manifestColumns+` FROM manifests m
			WHERE `+inRepository+` AND m.digest IN (`+parameters(3, len(list))+`) AND`+living, anys(list)...)
		if err != nil {
			return nil, err
		}
		for _, m := range page {
			heads[m.Digest] = m
		}
	}
	return heads, nil
}

// ReferrersRevision implements registry.ManifestStore.
func (s manifests) ReferrersRevision(ctx context.Context, key registry.Key, subject ociref.Digest) (uint64, error) {
	return ask(s.db, question[heldKey, uint64]{
		memory: s.db.memories.referrers, key: heldKey{key, subject},
		read: func() (uint64, error) { return s.readReferrersRevision(ctx, key, subject) },
		size: func(uint64) int64 { return 0 },
	})
}

func (s manifests) readReferrersRevision(ctx context.Context, key registry.Key, subject ociref.Digest) (revision uint64, err error) {
	err = s.db.read(ctx, func(q querier) error {
		err := q.row(`SELECT COALESCE(v.revision, 0) FROM repositories r
			LEFT JOIN referrer_revisions v ON v.repository = r.id AND v.subject = $1
			WHERE r.account = $2 AND r.name = $3`, subject, key.Account, key.Name).Scan(&revision)
		return orElse(err, registry.ErrRepositoryNotFound)
	})
	return revision, err
}

// ImageTags implements registry.ManifestStore.
func (s manifests) ImageTags(ctx context.Context, key registry.Key, digest ociref.Digest) ([]ociref.Tag, error) {
	return listHeld(ctx, holder{s.db, key}, scanOne[ociref.Tag], `SELECT t.name`+heldTags+` AND t.digest = $3 ORDER BY t.name`, digest)
}

// statusCondition selects by whether a manifest has tags.
var statusCondition = map[registry.TagStatus]string{
	registry.Tagged:   ` AND EXISTS (SELECT 1 FROM image_tags t WHERE t.repository = m.repository AND t.digest = m.digest)`,
	registry.Untagged: ` AND NOT EXISTS (SELECT 1 FROM image_tags t WHERE t.repository = m.repository AND t.digest = m.digest)`,
}

// Manifests implements registry.ManifestStore.
func (s manifests) Manifests(ctx context.Context, key registry.Key, f registry.ManifestFilter) ([]registry.Manifest, error) {
	return listHeld(ctx, holder{s.db, key}, listedManifest(key), `SELECT `+manifestColumns+`, `+tagsOfManifest+` FROM manifests m
		WHERE `+inRepository+statusCondition[f.TagStatus]+` AND`+living+`AND (m.pushed_at, m.digest) > ($3, $4)
		ORDER BY m.pushed_at, m.digest LIMIT $5`, f.After.PushedAt.UnixMicro(), f.After.Digest, f.Limit)
}

// Tags implements registry.ManifestStore.
func (s manifests) Tags(ctx context.Context, key registry.Key, after ociref.Tag, limit int) ([]ociref.Tag, error) {
	return listHeld(ctx, holder{s.db, key}, scanOne[ociref.Tag], `SELECT t.name`+heldTags+` AND t.name > $3 ORDER BY t.name LIMIT $4`, after, limit)
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
func (s manifests) Waiting(ctx context.Context, before time.Time, after registry.Cursor, limit int) (list []registry.Manifest, err error) {
	scan := func(from scanner) (registry.Manifest, error) {
		var m registry.Manifest
		err := scanManifest(from, &m, &m.Account, &m.Name)
		return m, err
	}
	err = s.db.read(ctx, func(q querier) (err error) {
		list, err = collect(q, scan, `SELECT `+manifestColumns+`, r.account, r.name
			FROM manifests m JOIN repositories r ON r.id = m.repository
			WHERE m.waiting AND r.account <> '' AND m.pushed_at < $1 AND (m.pushed_at, m.digest) > ($2, $3)
			ORDER BY m.pushed_at, m.digest LIMIT $4`, before.UnixMicro(), after.PushedAt.UnixMicro(), after.Digest, limit)
		return err
	})
	return list, err
}

// scanManifest reads manifestColumns, and more after them.
func scanManifest(from scanner, m *registry.Manifest, more ...any) error {
	columns := []any{&m.Digest, &m.MediaType, &m.ArtifactType, &m.Subject, &m.Waiting, &m.ContentSize, &m.ImageSize, timeColumn{&m.PushedAt}}
	return from.Scan(append(columns, more...)...)
}

// annotationsColumn reads m.annotations.
func annotationsColumn(m *registry.Manifest) any {
	return jsonColumn[map[string]string]{&m.Annotations}
}

// scanReferrer reads manifestColumns and annotations.
func scanReferrer(key registry.Key) func(scanner) (registry.Manifest, error) {
	return func(from scanner) (registry.Manifest, error) {
		m := registry.Manifest{Key: key}
		err := scanManifest(from, &m, annotationsColumn(&m))
		return m, err
	}
}

// listedManifest reads manifestColumns and tagsOfManifest.
func listedManifest(key registry.Key) func(scanner) (registry.Manifest, error) {
	return func(from scanner) (registry.Manifest, error) {
		m := registry.Manifest{Key: key}
		var tags string
		err := scanManifest(from, &m, &tags)
		for _, t := range strings.Fields(tags) {
			m.Tags = append(m.Tags, ociref.Tag(t))
		}
		slices.Sort(m.Tags)
		return m, err
	}
}
