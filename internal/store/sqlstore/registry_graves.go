package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// living says of a manifest m that it is not in a grave. A deletion that takes
// many referrers along leaves their rows for later, under a grave for their
// subject: from its commit on they are gone for everybody, and the sweep removes
// them in short steps. What waits for the same subject came after the deletion
// and lives. See docs/decisions/0090-deletes-bury.md.
const living = ` (m.waiting OR NOT EXISTS (SELECT 1 FROM graves b WHERE b.repository = m.repository AND b.subject = m.subject)) `

// deadTag says of a tag in image_tags that what it points at is in a grave.
const deadTag = ` EXISTS (SELECT 1 FROM manifests m WHERE m.repository = image_tags.repository AND m.digest = image_tags.digest AND NOT` + living + `) `

// errBuried ends a write in whose way there are rows of what is gone. They are
// swept, and it starts again.
var errBuried = errors.New("rows of deleted manifests are in the way")

// unburied runs a write, and sweeps as long as the dead are in its way. Each step
// of that is a short write of its own.
func (db *DB) unburied(ctx context.Context, write func() error) error {
	for {
		err := write()
		if !errors.Is(err, errBuried) {
			return err
		}
		if _, err := db.sweep(ctx, sweepRows); err != nil {
			return err
		}
	}
}

// sweepRows is how many manifests a step removes on behalf of a write.
const sweepRows = 500

// Sweep implements registry.SweepStore.
func (s manifests) Sweep(ctx context.Context, limit int) (int, error) { return s.db.sweep(ctx, limit) }

// gravesAtOnce bounds the graves that a step empties. Of signatures that were signed
// themselves each has one, with a row or two; a grave takes a dozen statements.
const gravesAtOnce = 50

// sweep removes up to about limit rows of what is gone, graves first.
func (db *DB) sweep(ctx context.Context, limit int) (swept int, err error) {
	err = db.write(ctx, func(tx querier) error {
		swept = 0
		for graves := 0; graves < gravesAtOnce && swept < limit; graves++ {
			n, err := sweepGrave(tx, limit-swept)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			swept += n
		}
		if swept == 0 {
			swept, err = sweepRepository(tx, limit)
		}
		return err
	})
	return swept, err
}

// sweepGrave empties a grave, and removes it when it is empty. The grave is held:
// when it is gone, the same referrers may live again under the same subject. A
// grave that another sweep has at the moment is left to it; all take them in the
// same order.
func sweepGrave(tx querier, limit int) (int, error) {
	var repository int64
	var subject ociref.Digest
	err := tx.row(`SELECT repository, subject FROM graves ORDER BY repository, subject LIMIT 1 FOR UPDATE`).Scan(&repository, &subject)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	dead, err := collect(tx, scanOne[ociref.Digest], `SELECT digest FROM manifests
		WHERE repository = $1 AND subject = $2 AND subject <> '' AND NOT waiting LIMIT $3`, repository, subject, limit)
	if err != nil {
		return 0, err
	}
	if err := deleteParts(tx, repository, dead); err != nil || len(dead) == limit {
		return len(dead), err
	}
	referrals, err := takeReferrals(tx, repository, subject, limit)
	if err != nil || referrals == int64(limit) {
		return len(dead) + int(referrals), err
	}
	_, err = tx.exec(`DELETE FROM graves WHERE repository = $1 AND subject = $2`, repository, subject)
	return len(dead) + int(referrals) + 1, err
}

// deleteParts deletes the rows of manifests, dependents first.
func deleteParts(tx querier, repository int64, digests []ociref.Digest) error {
	for _, part := range manifestParts {
		for batch := range slices.Chunk(digests, referBatch) {
			list := padded(batch)
			_, err := tx.exec(`DELETE FROM `+part.table+` WHERE repository = $1 AND `+part.column+
				` IN (`+parameters(2, len(list))+`)`, among(repository, list)...)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// among are the arguments of a statement about some digests of a repository.
func among(repository int64, digests []ociref.Digest) []any {
	args := []any{repository}
	for _, d := range digests {
		args = append(args, d)
	}
	return args
}

// A repository that is deleted loses its name in that transaction, and with it
// is out of everybody's reach: all ways to what it holds begin at account and
// name. The sweep removes what it held, and then its row.
const noAccount = ""

// forget takes the name from a repository.
func forget(tx querier, id int64) error {
	_, err := tx.exec(`UPDATE repositories SET account = $1, name = $2 WHERE id = $3`, noAccount, fmt.Sprint(id), id)
	return err
}

// sweepRepository removes some rows of a repository that has lost its name.
func sweepRepository(tx querier, limit int) (int, error) {
	id, err := scanOne[int64](tx.row(`SELECT id FROM repositories WHERE account = $1 ORDER BY name LIMIT 1 FOR UPDATE`, noAccount))
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, part := range repositoryParts {
		n, err := tx.exec(`DELETE FROM `+part.table+` WHERE repository = $1 AND (`+part.key+`) IN (
			SELECT `+part.key+` FROM `+part.table+` WHERE repository = $1 LIMIT $2)`, id, limit)
		if err != nil || n > 0 {
			return int(n), err
		}
	}
	_, err = tx.exec(`DELETE FROM repositories WHERE id = $1`, id)
	return 1, err
}

// unearth fails with errBuried if what a push brings or builds on is in a grave,
// or has one. Its tags are free if the dead have them. Nearly always there is no
// grave, and one look tells.
func (p *push) unearth(tx querier, r lockedRepository) error {
	any, err := exists(tx, `SELECT 1 FROM graves WHERE repository = $1 LIMIT 1`, r.id)
	if err != nil || !any {
		return err
	}
	grave, err := exists(tx, `SELECT 1 FROM graves WHERE repository = $1 AND subject = $2`, r.id, p.m.Digest)
	if err == nil && !grave {
		grave, err = buried(tx, r.id, append([]ociref.Digest{p.m.Digest, p.m.Subject}, p.m.Children...))
	}
	if err == nil && grave {
		err = errBuried
	}
	if err != nil {
		return err
	}
	return p.freeTags(tx, r)
}

// freeTags takes the push's tags from what is gone. The repository is held, so
// none of them can come to be a dead one's after that.
func (p *push) freeTags(tx querier, r lockedRepository) error {
	for _, tag := range p.tags {
		_, err := tx.exec(`DELETE FROM image_tags WHERE repository = $1 AND name = $2 AND`+deadTag, r.id, tag)
		if err != nil {
			return err
		}
	}
	return nil
}

// buried reports whether the row of one of the manifests is there and it is gone.
func buried(tx querier, repository int64, digests []ociref.Digest) (found bool, err error) {
	for batch := range slices.Chunk(digests, referBatch) {
		list := padded(batch)
		found, err = exists(tx, `SELECT 1 FROM manifests m WHERE m.repository = $1 AND m.digest IN (`+parameters(2, len(list))+`)
			AND NOT`+living+`LIMIT 1`, among(repository, list)...)
		if err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// nameBlob says how a blob is named in its repository: by a manifest that lives
// (ErrBlobInUse), by rows of the dead alone (errBuried), or not at all.
func nameBlob(tx querier, repository int64, digest ociref.Digest) error {
	image, err := scanOne[ociref.Digest](tx.row(`SELECT m.digest FROM manifest_blobs x CROSS JOIN manifests m
		WHERE x.repository = $1 AND x.blob = $2 AND m.repository = x.repository AND m.digest = x.manifest AND`+living+`LIMIT 1`, repository, digest))
	if err == nil {
		err = fault.Becausef(registry.ErrBlobInUse, "The layer %s is part of the image %s: delete the image first", digest, image)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	held, err := exists(tx, `SELECT 1 FROM manifest_blobs WHERE repository = $1 AND blob = $2 LIMIT 1`, repository, digest)
	if err == nil && held {
		err = errBuried
	}
	return err
}
