package sqlstore

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
)

// A managed policy's row is its lock: who attaches it shares it.
const (
	policyColumns = `p.account, p.name, p.path, p.id, p.description, p.tags, p.versions, p.standard, p.last, p.created_at, p.updated_at`
	selectPolicy  = `SELECT ` + policyColumns + ` FROM managed_policies p `
	policyByARN   = selectPolicy + `WHERE p.arn = $1`
	countUses     = `SELECT a.policy, a.boundary, count(*) FROM attachments a JOIN identities i ON i.id = a.identity
		WHERE a.policy = $1 AND i.account = $2 GROUP BY a.policy, a.boundary`
)

func scanPolicy(from scanner) (access.ManagedPolicy, error) {
	var p access.ManagedPolicy
	err := from.Scan(&p.Account, &p.Name, &p.Path, &p.ID, &p.Description, jsonColumn[map[string]string]{&p.Tags}, jsonColumn[[]access.PolicyVersion]{&p.Versions},
		&p.Default, &p.Last, timeColumn{&p.CreatedAt}, timeColumn{&p.UpdatedAt})
	return p, orElse(err, access.ErrNoPolicy)
}

// versionsText is how versions are stored.
func versionsText(versions []access.PolicyVersion) string {
	text, _ := json.Marshal(versions) // numbers, texts and times: cannot fail
	return string(text)
}

// CreatePolicy implements [access.PolicyStore].
func (s accessStore) CreatePolicy(ctx context.Context, p access.ManagedPolicy, most int, e journal.Event) error {
	return s.write(ctx, func(tx querier) error {
		if err := s.underQuota(tx, quotaTurn(p.Account, "policy"), most, `SELECT count(*) FROM managed_policies WHERE account = $1`, p.Account); err != nil {
			return err
		}
		added, err := tx.exec(`INSERT INTO managed_policies (id, account, region, arn, folded, name, path, description, tags, versions, standard, last, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (account, folded) DO NOTHING`,
			p.ID, p.Account, e.Region, p.ARN().String(), folded(p.Name), p.Name, p.Path, p.Description, jsonText(p.Tags),
			versionsText(p.Versions), p.Default, p.Last, micros(p.CreatedAt), micros(p.UpdatedAt))
		if err != nil {
			return err
		}
		if added == 0 {
			return access.ErrPolicyExists
		}
		return recordAccess(tx, e)
	})
}

// Policy implements [access.PolicyStore].
func (s accessStore) Policy(ctx context.Context, name string) (p access.ManagedPolicy, err error) {
	err = s.db.read(ctx, func(q querier) error {
		p, err = scanPolicy(q.row(policyByARN, name))
		return err
	})
	return p, err
}

// Policies implements [access.PolicyStore].
func (s accessStore) Policies(ctx context.Context, account arn.AccountID, p access.Page, u access.Usage) (list []access.ManagedPolicy, err error) {
	w := where{}
	w.and(`p.account = ?`, account)
	listing(&w, "p", p)
	if u != access.AnyUsage {
		w.and(`EXISTS (SELECT 1 FROM attachments a WHERE a.policy = p.arn` + usages[u] + `)`)
	}
	query := selectPolicy + w.clause() + ` ORDER BY p.folded ` + w.limit(p.Limit)
	err = s.db.read(ctx, func(q querier) error {
		list, err = collect(q, scanPolicy, query, w.args...)
		return err
	})
	return list, err
}

// ChangePolicy implements [access.PolicyStore].
func (s accessStore) ChangePolicy(ctx context.Context, name string, change func(*access.ManagedPolicy) (journal.Event, error)) (p access.ManagedPolicy, err error) {
	err = s.write(ctx, func(tx querier) error {
		if p, err = scanPolicy(tx.row(policyByARN+` FOR UPDATE`, name)); err != nil {
			return err
		}
		e, err := change(&p)
		if err == nil {
			_, err = tx.exec(`UPDATE managed_policies SET tags = $1, versions = $2, standard = $3, last = $4, updated_at = $5 WHERE arn = $6`,
				jsonText(p.Tags), versionsText(p.Versions), p.Default, p.Last, micros(p.UpdatedAt), name)
		}
		if err != nil {
			return err
		}
		return recordAccess(tx, e)
	})
	return p, err
}

// DeletePolicy implements [access.PolicyStore].
func (s accessStore) DeletePolicy(ctx context.Context, name string, mayGo func(access.ManagedPolicy) (journal.Event, error)) error {
	return s.write(ctx, func(tx querier) error {
		p, err := scanPolicy(tx.row(policyByARN+` FOR UPDATE`, name))
		if err == nil {
			p.PolicyUses, err = readUses(tx, p.Account, name)
		}
		if err != nil {
			return err
		}
		e, err := mayGo(p)
		if err == nil {
			_, err = tx.exec(`DELETE FROM managed_policies WHERE arn = $1`, name)
		}
		if err != nil {
			return err
		}
		return recordAccess(tx, e)
	})
}

// Uses implements [access.PolicyStore].
func (s accessStore) Uses(ctx context.Context, account arn.AccountID, names []string) (map[string]access.PolicyUses, error) {
	all := map[string]access.PolicyUses{}
	err := s.db.snapshot(ctx, func(q querier) (err error) {
		for _, name := range names {
			if all[name], err = readUses(q, account, name); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

func readUses(q querier, account arn.AccountID, name string) (uses access.PolicyUses, err error) {
	_, err = collect(q, func(from scanner) (none struct{}, err error) {
		var policy string
		var boundary bool
		var n int
		err = from.Scan(&policy, &boundary, &n)
		if boundary {
			uses.Boundaries = n
		} else {
			uses.Attached = n
		}
		return none, err
	}, countUses, name, account)
	return uses, err
}

// usages are the conditions on attachments.
var usages = map[access.Usage]string{access.ForPermission: ` AND NOT a.boundary`, access.ForBoundary: ` AND a.boundary`}

// Entities implements [access.PolicyStore].
func (s accessStore) Entities(ctx context.Context, account arn.AccountID, policy string, f access.EntityFilter) (list []access.Identity, err error) {
	w := where{}
	w.and(`i.account = ?`, account)
	w.and(`i.id IN (SELECT a.identity FROM attachments a WHERE a.policy = ?`+usages[f.Usage]+`)`, policy)
	w.and(`(i.kind, i.folded) > (?, ?)`, f.After.Kind, folded(f.After.Name))
	if f.Kind != "" {
		w.and(`i.kind = ?`, f.Kind)
	}
	listing(&w, "i", access.Page{PathPrefix: f.PathPrefix})
	query := selectIdentity + w.clause() + ` ORDER BY i.kind, i.folded ` + w.limit(f.Limit)
	err = s.db.read(ctx, func(q querier) error {
		list, err = collect(q, scanIdentity, query, w.args...)
		return err
	})
	return list, err
}

// Grants implements [access.GrantStore].
func (s accessStore) Grants(ctx context.Context, identity string) (g access.Grants, err error) {
	key, ok := identityKey(identity)
	if !ok {
		return access.Grants{}, nil
	}
	err = s.db.snapshot(ctx, func(q querier) error {
		i, err := scanIdentity(q.row(identityByName, key.Account, key.Kind, folded(key.Name)))
		if err == access.ErrNoIdentity || err == nil && i.ARN().String() != identity {
			return nil
		}
		if err == nil {
			g, err = grantsOf(q, i)
		}
		return err
	})
	return g, err
}

// grantsOf gathers the policies of an identity and its groups.
func grantsOf(q querier, i access.Identity) (access.Grants, error) {
	if err := readHoldings(q, &i); err != nil {
		return access.Grants{}, err
	}
	g := access.Grants{ID: i.ID, Tags: i.Tags}
	holders := []access.Identity{i}
	for _, name := range i.Groups {
		group, err := scanIdentity(q.row(identityByName, i.Account, access.Group, folded(name)))
		if err == nil {
			err = readHoldings(q, &group)
		}
		if err != nil {
			return g, err
		}
		holders = append(holders, group)
	}
	for _, h := range holders {
		if err := addGrants(q, h, &g); err != nil {
			return g, err
		}
	}
	if i.Boundary == "" {
		return g, nil
	}
	d, err := readDocument(q, i.Boundary)
	g.Boundary = &d
	return g, err
}

// addGrants adds what a user, a group or a role brings.
func addGrants(q querier, h access.Identity, g *access.Grants) error {
	for _, name := range slices.Sorted(maps.Keys(h.Inline)) {
		g.Identity = append(g.Identity, access.Document{Name: name, Text: h.Inline[name]})
	}
	for _, name := range h.Attached {
		d, err := readDocument(q, name)
		if err != nil {
			return err
		}
		g.Identity = append(g.Identity, d)
	}
	return nil
}

// readDocument reads the default version of a managed policy, AWS's own too.
func readDocument(q querier, name string) (access.Document, error) {
	p, aws := access.AWSPolicy(name)
	if !aws {
		var err error
		if p, err = scanPolicy(q.row(policyByARN, name)); err != nil {
			return access.Document{}, err
		}
	}
	return access.Document{Name: name, Text: p.Standing().Document}, nil
}

// ManagedPolicy implements [access.GrantStore].
func (s accessStore) ManagedPolicy(ctx context.Context, policy string) (d access.Document, err error) {
	err = s.db.read(ctx, func(q querier) error {
		d, err = readDocument(q, policy)
		return err
	})
	return d, err
}

// identityKey is the key of a user's or a role's ARN.
func identityKey(name string) (access.IdentityKey, bool) {
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" {
		return access.IdentityKey{}, false
	}
	return access.KeyOfARN(a)
}
