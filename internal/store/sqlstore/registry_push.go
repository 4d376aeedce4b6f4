package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// errSubjectAbsent ends a push that holds its repository only shared: whether
// its manifest waits is to be decided alone, or the subject could come in just
// now, each transaction blind to the other.
var errSubjectAbsent = errors.New("the subject is not there")

// PutManifest implements registry.ManifestStore.
func (s manifests) PutManifest(ctx context.Context, m registry.Manifest, tags []ociref.Tag, rules registry.Rules, e journal.Event) (bool, error) {
	p := push{db: s.db, m: m, tags: sorted(tags), rules: rules, event: e}
	var created bool
	err := s.db.unburied(ctx, func() (err error) {
		if created, err = p.run(ctx, holdShared); errors.Is(err, errSubjectAbsent) {
			created, err = p.run(ctx, holdAlone)
		}
		return err
	})
	return created, err
}

// push is one PutManifest.
type push struct {
	db    *DB
	m     registry.Manifest
	tags  []ociref.Tag
	rules registry.Rules
	event journal.Event
}

// run is the transaction. Its event is recorded if anything changed.
func (p *push) run(ctx context.Context, h hold) (created bool, err error) {
	err = p.db.write(ctx, func(tx querier) error {
		r, err := p.db.lockRepository(tx, p.m.Key, h)
		if err != nil {
			return err
		}
		if err := p.unearth(tx, r); err != nil {
			return err
		}
		if created, err = p.save(tx, r, h); err != nil {
			return err
		}
		moved, err := p.point(tx, r)
		if err != nil || !created && !moved {
			return err
		}
		if err := p.fewTags(tx, r, created); err != nil {
			return err
		}
		if created && p.m.Subject != "" {
			if err := renewReferrers(tx, r.id, p.m.Subject); err != nil {
				return err
			}
		}
		if created {
			if err := p.count(tx, r); err != nil {
				return err
			}
		}
		return record(tx, p.event)
	})
	return created && err == nil, err
}

// save inserts the manifest and its parts, unless it is there. Foreign layers may
// have come since.
func (p *push) save(tx querier, r lockedRepository, h hold) (created bool, err error) {
	waiting, err := p.waits(tx, r, h)
	if err != nil {
		return false, err
	}
	if created, err = p.insert(tx, r, waiting); err != nil {
		return false, err
	}
	steps := []func(querier, lockedRepository) error{p.saveForeign}
	if created {
		steps = []func(querier, lockedRepository) error{p.saveContent, p.saveBlobs, p.saveForeign, p.saveChildren, p.release}
	}
	for _, step := range steps {
		if err := step(tx, r); err != nil {
			return false, err
		}
	}
	return created, nil
}

// waits reports whether the subject is missing.
func (p *push) waits(tx querier, r lockedRepository, h hold) (bool, error) {
	if p.m.Subject == "" {
		return false, nil
	}
	found, err := exists(tx, `SELECT 1 FROM manifests WHERE repository = $1 AND digest = $2`, r.id, p.m.Subject)
	if err == nil && !found && h == holdShared {
		err = errSubjectAbsent
	}
	return !found, err
}

// insert adds the manifest's own row.
func (p *push) insert(tx querier, r lockedRepository, waiting bool) (bool, error) {
	n, err := tx.exec(`INSERT INTO manifests (repository, digest, account, region, media_type, artifact_type,
			subject, waiting, annotations, content_size, image_size, pushed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (repository, digest) DO NOTHING`,
		r.id, p.m.Digest, r.Account, r.Region, p.m.MediaType, p.m.ArtifactType,
		p.m.Subject, waiting, jsonText(p.m.Annotations), p.m.ContentSize, p.m.ImageSize, micros(p.m.PushedAt))
	return n == 1, err
}

// saveContent keeps the bytes.
func (p *push) saveContent(tx querier, r lockedRepository) error {
	_, err := tx.exec(`INSERT INTO manifest_contents (repository, digest, content) VALUES ($1, $2, $3)`,
		r.id, p.m.Digest, p.m.Content)
	return err
}

// nameBlobs adds the blobs that are linked to those that a manifest names.
const nameBlobs = `INSERT INTO manifest_blobs (repository, manifest, blob) SELECT repository, $1, digest FROM blob_links`

// saveForeign says which layers, of those that need not be there, the manifest
// has here.
func (p *push) saveForeign(tx querier, r lockedRepository) error {
	for batch := range slices.Chunk(p.m.Foreign, referBatch) {
		list := padded(batch)
		_, err := tx.exec(nameBlobs+` WHERE repository = $2 AND digest IN (`+parameters(3, len(list))+`) ON CONFLICT DO NOTHING`,
			append([]any{p.m.Digest, r.id}, anys(list)...)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// saveBlobs says which blobs the manifest needs. It fails with ErrManifestBlob.
func (p *push) saveBlobs(tx querier, r lockedRepository) error {
	return p.refer(tx, r, reference{
		digests: p.m.Blobs, none: registry.ErrManifestBlob, what: "blob",
		add:   nameBlobs,
		added: `SELECT 1 FROM manifest_blobs WHERE repository = $1 AND manifest = $2 AND blob = $3`,
	})
}

// saveChildren says which manifests an index lists. It fails with ErrChildNotFound.
func (p *push) saveChildren(tx querier, r lockedRepository) error {
	return p.refer(tx, r, reference{
		digests: p.m.Children, none: registry.ErrChildNotFound, what: "manifest",
		add:   `INSERT INTO manifest_children (repository, parent, child) SELECT repository, $1, digest FROM manifests`,
		added: `SELECT 1 FROM manifest_children WHERE repository = $1 AND parent = $2 AND child = $3`,
	})
}

// release ends the waiting of those who waited for this manifest.
func (p *push) release(tx querier, r lockedRepository) error {
	_, err := tx.exec(`UPDATE manifests SET waiting = false
		WHERE repository = $1 AND subject = $2 AND subject <> '' AND waiting`, r.id, p.m.Digest)
	return err
}

// reference is what a manifest needs of its repository.
type reference struct {
	digests []ociref.Digest
	none    *fault.Error // when one is not there
	what    string       // its name in that error
	add     string       // SQL up to WHERE: adds references to those that are there
	added   string       // SQL: finds the reference to one
}

// referBatch bounds the parameters of a statement.
const referBatch = 512

// refer adds references to digests that are there, in one statement a batch:
// what it did not add is not there.
func (p *push) refer(tx querier, r lockedRepository, ref reference) error {
	for batch := range slices.Chunk(sorted(ref.digests), referBatch) {
		list := padded(batch)
		args := []any{p.m.Digest, r.id}
		for _, d := range list {
			args = append(args, d)
		}
		n, err := tx.exec(ref.add+` WHERE repository = $2 AND digest IN (`+parameters(3, len(list))+`)`, args...)
		if err != nil {
			return err
		}
		if n != int64(len(batch)) {
			return p.missing(tx, r, ref, batch)
		}
	}
	return nil
}

// padded repeats the last digest up to a power of two, so that the statements
// are of a few lengths only. A set does not mind.
func padded[T any](batch []T) []T {
	list := slices.Clone(batch)
	for len(list)&(len(list)-1) != 0 {
		list = append(list, batch[len(batch)-1])
	}
	return list
}

// missing names the first digest of the batch that was not added. It does not
// ask whether it is there: another push may have brought it just now.
func (p *push) missing(tx querier, r lockedRepository, ref reference, batch []ociref.Digest) error {
	for _, d := range batch {
		found, err := exists(tx, ref.added, r.id, p.m.Digest, d)
		if err != nil {
			return err
		}
		if !found {
			return fault.Becausef(ref.none, "The %s %s is not in the repository '%s': push it first", ref.what, d, r.Name)
		}
	}
	return fmt.Errorf("repository %s: all %d references were added, and not counted", r.Name, len(batch))
}

// point makes the tags point at the manifest. Tags are taken in order, so that
// two pushes of the same tags queue and never wait for each other.
func (p *push) point(tx querier, r lockedRepository) (moved bool, err error) {
	for _, tag := range p.tags {
		current, err := p.claim(tx, r, tag)
		if err != nil {
			return false, err
		}
		if err := p.allow(r, tag, current); err != nil {
			return false, err
		}
		if current == p.m.Digest {
			continue
		}
		moved = true
		if current != "" {
			if _, err := tx.exec(`UPDATE image_tags SET digest = $1 WHERE repository = $2 AND name = $3`, p.m.Digest, r.id, tag); err != nil {
				return false, err
			}
		}
	}
	return moved, nil
}

// fewTags fails with ErrTooManyImageTags if the manifest has too many now. One that has
// just come has no others than the push brings.
func (p *push) fewTags(tx querier, r lockedRepository, created bool) error {
	if p.rules.MaxTags == 0 || created && len(p.tags) <= p.rules.MaxTags {
		return nil
	}
	many, err := exists(tx, `SELECT 1 FROM image_tags WHERE repository = $1 AND digest = $2 LIMIT 1 OFFSET $3`, r.id, p.m.Digest, p.rules.MaxTags)
	if err == nil && many {
		err = registry.ErrTooManyImageTags
	}
	return err
}

// allow asks the rule whether the tag may point at the manifest.
func (p *push) allow(r lockedRepository, tag ociref.Tag, current ociref.Digest) error {
	if p.rules.Tag == nil {
		return nil
	}
	return p.rules.Tag(r.Repository, tag, current)
}

// claim makes the tag this transaction's and returns what it points at: "" when
// it is new, and now points at the manifest. Another push that claimed it first
// is waited for.
func (p *push) claim(tx querier, r lockedRepository, tag ociref.Tag) (current ociref.Digest, err error) {
	n, err := tx.exec(`INSERT INTO image_tags (repository, name, account, region, digest)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (repository, name) DO NOTHING`, r.id, tag, r.Account, r.Region, p.m.Digest)
	if err != nil || n == 1 {
		return "", err
	}
	err = tx.row(`SELECT digest FROM image_tags WHERE repository = $1 AND name = $2`+` FOR UPDATE`,
		r.id, tag).Scan(&current)
	return current, err
}

// sorted returns the list in order, each once.
func sorted[T ~string](list []T) []T {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// parameters writes count placeholders, from $first on.
func parameters(first, count int) string {
	list := make([]string, count)
	for i := range list {
		list[i] = fmt.Sprintf("$%d", first+i)
	}
	return strings.Join(list, ", ")
}
