package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// Repositories returns the registry's repositories.
func (db *DB) Repositories() registry.RepositoryStore { return repositories{db} }

// Manifests returns the registry's manifests, tags and referrers.
func (db *DB) Manifests() registry.ManifestStore { return manifests{db} }

// Links returns which repository holds which blob.
func (db *DB) Links() registry.BlobLinkStore { return links{db} }

// repositories implements registry.RepositoryStore.
type repositories struct{ db *DB }

// A repository's row is the lock of all it holds: what adds takes it holdShared,
// what takes away takes it alone. So a push cannot meet the deletion of what it
// builds on (its child, its subject, its blob, its repository), and pushes still
// run side by side. See docs/decisions/0030-repository-row-lock.md.
type hold int

const (
	holdShared hold = iota
	holdAlone
)

// lockedRepository is a repository with the id its parts are kept under.
type lockedRepository struct {
	registry.Repository
	id int64
}

const repositoryColumns = `id, region, account, name, mutability, exclusions, tags, scan_on_push, created_at`

// CreateRepository implements registry.RepositoryStore.
func (s repositories) CreateRepository(ctx context.Context, r registry.Repository, e journal.Event) error {
	id, write, note := randomID(), s.db.write, record
	if len(r.Tags) > 0 { // that there were none may be remembered
		write, note = s.db.changeDecisions, recordDecision
	}
	return write(ctx, func(tx querier) error {
		created, err := tx.exec(`INSERT INTO repositories (`+repositoryColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (account, name) DO NOTHING`,
			id, r.Region, r.Account, r.Name, r.Mutability, jsonText(r.Exclusions), jsonText(r.Tags), r.ScanOnPush, micros(r.CreatedAt))
		if err != nil {
			return err
		}
		if created == 0 {
			return registry.ErrRepositoryExists
		}
		if err := startCount(tx, id); err != nil {
			return err
		}
		return note(tx, e)
	})
}

// ChangeTags implements registry.RepositoryStore.
func (s repositories) ChangeTags(ctx context.Context, key registry.Key, change func(tags map[string]string) (map[string]string, error), e journal.Event) error {
	return s.db.changeDecisions(ctx, func(tx querier) error {
		r, err := s.db.lockRepository(tx, key, holdAlone)
		if err != nil {
			return err
		}
		tags, err := change(r.Tags)
		if err != nil {
			return err
		}
		if _, err := tx.exec(`UPDATE repositories SET tags = $1 WHERE id = $2`, jsonText(tags), r.id); err != nil {
			return err
		}
		return recordDecision(tx, e)
	})
}

// Repository implements registry.RepositoryStore.
func (s repositories) Repository(ctx context.Context, key registry.Key) (registry.Repository, error) {
	var r lockedRepository
	err := s.db.read(ctx, func(q querier) (err error) {
		r, err = scanRepository(q.row(`SELECT `+repositoryColumns+` FROM repositories WHERE account = $1 AND name = $2`, key.Account, key.Name))
		return err
	})
	return r.Repository, err
}

// Repositories implements registry.RepositoryStore.
func (s repositories) Repositories(ctx context.Context, account arn.AccountID, after ociref.Name, limit int) (list []registry.Repository, err error) {
	err = s.db.read(ctx, func(q querier) (err error) {
		list, err = collect(q, func(from scanner) (registry.Repository, error) {
			r, err := scanRepository(from)
			return r.Repository, err
		}, `SELECT `+repositoryColumns+` FROM repositories WHERE account = $1 AND name > $2 ORDER BY name LIMIT $3`, account, after, limit)
		return err
	})
	return list, err
}

// repositoryParts are the tables of what a repository holds, dependents first,
// each with what its rows are known by within it.
var repositoryParts = []struct{ table, key string }{
	{"graves", "subject"},
	{"old_referrers_tags", "name"},
	{"referrals", "digest, subject"},
	{"referrer_revisions", "subject"},
	{"image_tags", "name"},
	{"manifest_children", "parent, child"},
	{"manifest_blobs", "manifest, blob"},
	{"manifest_contents", "digest"},
	{"manifests", "digest"},
	{"blob_links", "digest"},
	{"repository_counts", "repository"},
}

// DeleteRepository implements registry.RepositoryStore.
func (s repositories) DeleteRepository(ctx context.Context, key registry.Key, force bool, e journal.Event) (registry.Repository, error) {
	var gone registry.Repository
	err := s.db.changeDecisions(ctx, func(tx querier) error {
		r, err := s.db.lockRepository(tx, key, holdAlone)
		if err != nil {
			return err
		}
		if gone = r.Repository; !force {
			if err := mustBeEmpty(tx, r.id); err != nil {
				return err
			}
		}
		if err := forget(tx, r.id); err != nil {
			return err
		}
		return forgetPolicy(tx, r, e)
	})
	return gone, err
}

// mustBeEmpty fails with ErrRepositoryNotEmpty if there is a manifest. Blobs
// that no manifest names do not count, as in ECR.
func mustBeEmpty(tx querier, repository int64) error {
	found, err := exists(tx, `SELECT 1 FROM manifests m WHERE m.repository = $1 AND`+living+`LIMIT 1`, repository)
	if err == nil && found {
		return registry.ErrRepositoryNotEmpty
	}
	return err
}

// lockRepository reads a repository's row and holds it to the end of tx.
// Whoever asks comes in turn: pushes that never end do not keep a deletion out.
// It fails with ErrRepositoryNotFound.
func (db *DB) lockRepository(tx querier, key registry.Key, h hold) (lockedRepository, error) {
	if err := db.engine.await(tx, repositoryTurn(key), h); err != nil {
		return lockedRepository{}, err
	}
	clause := ` FOR SHARE`
	if h == holdAlone {
		clause = ` FOR UPDATE`
	}
	return scanRepository(tx.row(`SELECT `+repositoryColumns+` FROM repositories WHERE account = $1 AND name = $2`+clause, key.Account, key.Name))
}

// orNoRepository explains why a read found nothing: there is no repository, or
// there is one and otherwise is true of it.
func orNoRepository(q querier, key registry.Key, otherwise error) error {
	found, err := exists(q, `SELECT 1 FROM repositories WHERE account = $1 AND name = $2`, key.Account, key.Name)
	switch {
	case err != nil:
		return err
	case !found:
		return registry.ErrRepositoryNotFound
	}
	return otherwise
}

// scanRepository reads repositoryColumns. It fails with ErrRepositoryNotFound.
func scanRepository(from scanner) (r lockedRepository, err error) {
	err = from.Scan(&r.id, &r.Region, &r.Account, &r.Name, &r.Mutability,
		jsonColumn[[]string]{&r.Exclusions}, jsonColumn[map[string]string]{&r.Tags}, &r.ScanOnPush, timeColumn{&r.CreatedAt})
	return r, orElse(err, registry.ErrRepositoryNotFound)
}

// exists reports whether a query finds a row.
func exists(q querier, query string, args ...any) (bool, error) {
	var one int
	err := q.row(query, args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// scanOne reads a row of one column.
func scanOne[T any](from scanner) (v T, err error) {
	err = from.Scan(&v)
	return v, err
}

// randomID makes a positive 63-bit key.
func randomID() int64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint64(b[:]) >> 1)
}
