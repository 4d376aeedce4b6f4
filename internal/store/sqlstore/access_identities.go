package sqlstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
)

// An identity's row is the lock of all it holds: its attachments, memberships and
// access keys.
const (
	identityColumns = `i.account, i.kind, i.name, i.id, i.path, i.tags, i.inline, i.trust, i.description, i.max_session, i.created_at`
	selectIdentity  = `SELECT ` + identityColumns + ` FROM identities i `
	identityByName  = selectIdentity + `WHERE i.account = $1 AND i.kind = $2 AND i.folded = $3`
	identityByID    = selectIdentity + `WHERE i.id = $1`
	countIdentities = `SELECT count(*) FROM identities WHERE account = $1 AND kind = $2`
)

// folded is a name as it is looked up: names differ in more than case. They are
// ASCII.
func folded(name string) string { return strings.ToLower(name) }

func scanIdentity(from scanner) (access.Identity, error) {
	var i access.Identity
	var longest int64
	err := from.Scan(&i.Account, &i.Kind, &i.Name, &i.ID, &i.Path, jsonColumn[map[string]string]{&i.Tags}, jsonColumn[map[string]string]{&i.Inline},
		&i.Trust, &i.Description, &longest, timeColumn{&i.CreatedAt})
	i.MaxSession = time.Duration(longest) * time.Second
	return i, orElse(err, access.ErrNoIdentity)
}

// CreateIdentity implements [access.IdentityStore].
func (s accessStore) CreateIdentity(ctx context.Context, i access.Identity, most int, e journal.Event) error {
	return s.write(ctx, func(tx querier) error {
		if err := s.underQuota(tx, quotaTurn(i.Account, string(i.Kind)), most, countIdentities, i.Account, i.Kind); err != nil {
			return err
		}
		added, err := tx.exec(`INSERT INTO identities (id, account, region, kind, folded, name, path, tags, inline, trust, description, max_session, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (account, kind, folded) DO NOTHING`,
			i.ID, i.Account, e.Region, i.Kind, folded(i.Name), i.Name, i.Path, jsonText(i.Tags), jsonText(i.Inline), i.Trust, i.Description, seconds(i.MaxSession), micros(i.CreatedAt))
		if err == nil && added == 0 {
			return access.ErrIdentityExists
		}
		if err == nil && i.Boundary != "" {
			err = attach(tx, i.Account, i.ID, i.Boundary, true)
		}
		if err != nil {
			return err
		}
		return recordAccess(tx, e)
	})
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// recordAccess writes the journal's row of a change that credentials or decisions
// depend on, and moves the revision.
func recordAccess(tx querier, e journal.Event) error {
	if err := record(tx, e); err != nil {
		return err
	}
	return touchAccess(tx)
}

// Identity implements [access.IdentityStore].
func (s accessStore) Identity(ctx context.Context, key access.IdentityKey) (i access.Identity, err error) {
	err = s.db.snapshot(ctx, func(q querier) error {
		if i, err = scanIdentity(q.row(identityByName, key.Account, key.Kind, folded(key.Name))); err != nil {
			return err
		}
		return readHoldings(q, &i)
	})
	return i, err
}

// readHoldings reads what an identity holds beside its row.
func readHoldings(q querier, i *access.Identity) (err error) {
	if i.Attached, err = collect(q, scanOne[string], `SELECT policy FROM attachments WHERE identity = $1 AND NOT boundary ORDER BY policy`, i.ID); err != nil {
		return err
	}
	bounds, err := collect(q, scanOne[string], `SELECT policy FROM attachments WHERE identity = $1 AND boundary ORDER BY policy LIMIT 1`, i.ID)
	if err != nil {
		return err
	}
	i.Boundary = strings.Join(bounds, "")
	switch i.Kind {
	case access.Group:
		i.Members, err = scanOne[int](q.row(`SELECT count(*) FROM memberships WHERE of_group = $1`, i.ID))
		return err
	case access.User:
		if i.Groups, err = collect(q, scanOne[string], `SELECT g.name FROM memberships m JOIN identities g ON g.id = m.of_group WHERE m.member = $1 ORDER BY g.folded`, i.ID); err != nil {
			return err
		}
		i.Keys, err = collect(q, scanAccessKey, selectAccessKey+`WHERE k.owner = $1 ORDER BY k.created_at, k.id`, i.ID)
	}
	return err
}

// listing adds the conditions of a page to a query on identities or policies.
func listing(w *where, table string, p access.Page) {
	if p.After != "" {
		w.and(table+`.folded > ?`, folded(p.After))
	}
	if p.PathPrefix != "" && p.PathPrefix != "/" {
		w.and(`substr(`+table+`.path, 1, ?) = ?`, len(p.PathPrefix), p.PathPrefix)
	}
}

// Identities implements [access.IdentityStore].
func (s accessStore) Identities(ctx context.Context, account arn.AccountID, kind access.IdentityKind, p access.Page) (list []access.Identity, err error) {
	w := where{}
	w.and(`i.account = ?`, account)
	w.and(`i.kind = ?`, kind)
	listing(&w, "i", p)
	query := selectIdentity + w.clause() + ` ORDER BY i.folded ` + w.limit(p.Limit)
	err = s.db.read(ctx, func(q querier) error {
		list, err = collect(q, scanIdentity, query, w.args...)
		return err
	})
	return list, err
}

// CountIdentities implements [access.IdentityStore].
func (s accessStore) CountIdentities(ctx context.Context, account arn.AccountID, kind access.IdentityKind) (n int, err error) {
	err = s.db.read(ctx, func(q querier) error {
		n, err = scanOne[int](q.row(countIdentities, account, kind))
		return err
	})
	return n, err
}

// ChangeIdentity implements [access.IdentityStore].
func (s accessStore) ChangeIdentity(ctx context.Context, key access.IdentityKey, change func(*access.Identity) (journal.Event, error)) (now access.Identity, err error) {
	err = s.write(ctx, func(tx querier) error {
		was, err := lockIdentity(tx, key, ` FOR UPDATE`)
		if err == nil {
			err = readHoldings(tx, &was)
		}
		if err != nil {
			return err
		}
		now = apart(was)
		e, err := change(&now)
		if err == nil {
			err = s.saveIdentity(tx, was, now)
		}
		if err == nil {
			err = saveHoldings(tx, was, now, e)
		}
		if err != nil {
			return err
		}
		return recordAccess(tx, e)
	})
	return now, err
}

// apart is a copy of an identity that shares nothing with it, so that what was
// can be told from what is now.
func apart(i access.Identity) access.Identity {
	i.Tags, i.Inline = maps.Clone(i.Tags), maps.Clone(i.Inline)
	i.Attached, i.Groups, i.Keys = slices.Clone(i.Attached), slices.Clone(i.Groups), slices.Clone(i.Keys)
	return i
}

// lockIdentity reads an identity's row and holds it to the end of tx.
func lockIdentity(tx querier, key access.IdentityKey, clause string) (access.Identity, error) {
	return scanIdentity(tx.row(identityByName+clause, key.Account, key.Kind, folded(key.Name)))
}

// saveIdentity changes an identity's row. A new name is taken in turn with whoever
// takes or adds one.
func (s accessStore) saveIdentity(tx querier, was, now access.Identity) error {
	if folded(was.Name) != folded(now.Name) {
		if err := s.db.engine.await(tx, quotaTurn(now.Account, string(now.Kind)), holdAlone); err != nil {
			return err
		}
		taken, err := exists(tx, `SELECT 1 FROM identities WHERE account = $1 AND kind = $2 AND folded = $3`, was.Account, was.Kind, folded(now.Name))
		if err != nil {
			return err
		}
		if taken {
			return access.ErrIdentityExists
		}
	}
	_, err := tx.exec(`UPDATE identities SET folded = $1, name = $2, path = $3, tags = $4, inline = $5, trust = $6, description = $7, max_session = $8 WHERE id = $9`,
		folded(now.Name), now.Name, now.Path, jsonText(now.Tags), jsonText(now.Inline), now.Trust, now.Description, seconds(now.MaxSession), was.ID)
	return err
}

// saveHoldings makes attachments and keys what they are now.
func saveHoldings(tx querier, was, now access.Identity, e journal.Event) error {
	if err := saveAttachments(tx, was, was.Attached, now.Attached, false); err != nil {
		return err
	}
	if err := saveAttachments(tx, was, bounds(was), bounds(now), true); err != nil {
		return err
	}
	return saveKeys(tx, was.Keys, now.Keys, e.Region)
}

func bounds(i access.Identity) []string {
	if i.Boundary == "" {
		return nil
	}
	return []string{i.Boundary}
}

// differ calls drop with what only was has, and add with what only now has.
func differ(was, now []string, drop, add func(string) error) error {
	for _, v := range was {
		if !slices.Contains(now, v) {
			if err := drop(v); err != nil {
				return err
			}
		}
	}
	for _, v := range now {
		if !slices.Contains(was, v) {
			if err := add(v); err != nil {
				return err
			}
		}
	}
	return nil
}

func saveAttachments(tx querier, i access.Identity, was, now []string, boundary bool) error {
	return differ(was, now, func(policy string) error {
		_, err := tx.exec(`DELETE FROM attachments WHERE identity = $1 AND policy = $2 AND boundary = $3`, i.ID, policy, boundary)
		return err
	}, func(policy string) error { return attach(tx, i.Account, i.ID, policy, boundary) })
}

// attach gives an identity a policy, which is held so that it stays.
func attach(tx querier, account arn.AccountID, identity, policy string, boundary bool) error {
	if _, aws := access.AWSPolicy(policy); !aws {
		found, err := exists(tx, `SELECT 1 FROM managed_policies WHERE arn = $1 AND account = $2 FOR SHARE`, policy, account)
		if err != nil {
			return err
		}
		if !found {
			return access.ErrNoPolicy
		}
	}
	_, err := tx.exec(`INSERT INTO attachments (identity, policy, boundary) VALUES ($1, $2, $3)`, identity, policy, boundary)
	return err
}

// ChangeMembership implements [access.IdentityStore]. The group's row is shared, so
// that it has the name it was asked for by until the end; then the user's is locked.
func (s accessStore) ChangeMembership(ctx context.Context, user, group access.IdentityKey, change func(u, g access.Identity) (bool, journal.Event, error)) error {
	return s.write(ctx, func(tx querier) error {
		g, err := lockIdentity(tx, group, ` FOR SHARE`)
		if err != nil {
			return err
		}
		u, err := lockIdentity(tx, user, ` FOR UPDATE`)
		if err == nil {
			err = readHoldings(tx, &u)
		}
		if err != nil {
			return err
		}
		member, e, err := change(u, g)
		if err != nil {
			return err
		}
		statement := `DELETE FROM memberships WHERE member = $1 AND of_group = $2`
		if member {
			statement = `INSERT INTO memberships (member, of_group) VALUES ($1, $2) ON CONFLICT (member, of_group) DO NOTHING`
		}
		if _, err := tx.exec(statement, u.ID, g.ID); err != nil {
			return err
		}
		return recordAccess(tx, e)
	})
}

func saveKeys(tx querier, was, now []access.AccessKey, region string) error {
	at := func(keys []access.AccessKey, id string) int {
		return slices.IndexFunc(keys, func(k access.AccessKey) bool { return k.ID == id })
	}
	for _, k := range was {
		if at(now, k.ID) < 0 {
			if _, err := tx.exec(`DELETE FROM access_keys WHERE id = $1`, k.ID); err != nil {
				return err
			}
		}
	}
	for _, k := range now {
		var err error
		switch before := at(was, k.ID); {
		case before < 0:
			err = insertAccessKey(tx, k, region)
		case was[before].Active != k.Active:
			_, err = tx.exec(`UPDATE access_keys SET active = $1 WHERE id = $2`, k.Active, k.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteIdentity implements [access.IdentityStore].
func (s accessStore) DeleteIdentity(ctx context.Context, key access.IdentityKey, mayGo func(access.Identity) (journal.Event, error)) error {
	return s.write(ctx, func(tx querier) error {
		i, err := lockIdentity(tx, key, ` FOR UPDATE`)
		if err == nil {
			err = readHoldings(tx, &i)
		}
		if err != nil {
			return err
		}
		e, err := mayGo(i)
		if err == nil {
			_, err = tx.exec(`DELETE FROM attachments WHERE identity = $1`, i.ID)
		}
		if err == nil {
			_, err = tx.exec(`DELETE FROM identities WHERE id = $1`, i.ID)
		}
		if err != nil {
			return err
		}
		return recordAccess(tx, e)
	})
}

// Members implements [access.IdentityStore].
func (s accessStore) Members(ctx context.Context, group access.IdentityKey, p access.Page) (list []access.Identity, err error) {
	err = s.db.snapshot(ctx, func(q querier) error {
		g, err := scanIdentity(q.row(identityByName, group.Account, group.Kind, folded(group.Name)))
		if err != nil {
			return err
		}
		list, err = collect(q, scanIdentity, selectIdentity+`JOIN memberships m ON m.member = i.id
			WHERE m.of_group = $1 AND i.folded > $2 ORDER BY i.folded LIMIT $3`, g.ID, folded(p.After), p.Limit)
		return err
	})
	return list, err
}

// KeyOwner implements [access.IdentityStore].
func (s accessStore) KeyOwner(ctx context.Context, keyID string) (i access.Identity, err error) {
	err = s.db.snapshot(ctx, func(q querier) error {
		i, err = scanIdentity(q.row(selectIdentity+`JOIN access_keys k ON k.owner = i.id WHERE k.id = $1`, keyID))
		if errors.Is(err, access.ErrNoIdentity) {
			return access.ErrNoAccessKey
		}
		if err != nil {
			return err
		}
		return readHoldings(q, &i)
	})
	return i, err
}

// NoteUses implements [access.IdentityStore]. Rows are taken in one order, so that
// replicas which note the same keys do not lock each other out.
func (s accessStore) NoteUses(ctx context.Context, uses map[string]access.Use) error {
	return s.db.write(ctx, func(tx querier) error {
		for _, id := range slices.Sorted(maps.Keys(uses)) {
			use := uses[id]
			if _, err := tx.exec(`UPDATE access_keys SET used_at = $1, used_service = $2 WHERE id = $3 AND used_at < $1`, micros(use.At), use.Service, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// NoteSession implements [access.IdentityStore].
func (s accessStore) NoteSession(ctx context.Context, e journal.Event) error {
	return s.db.write(ctx, func(tx querier) error { return record(tx, e) })
}
