package sqlstore

import (
	"context"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
)

const (
	selectProvider = `SELECT p.account, p.url, p.client_ids, p.thumbprints, p.tags, p.created_at FROM identity_providers p `
	providerByName = selectProvider + `WHERE p.account = $1 AND p.name = $2`
)

func scanProvider(from scanner) (access.Provider, error) {
	var p access.Provider
	err := from.Scan(&p.Account, &p.URL, jsonColumn[[]string]{&p.ClientIDs}, jsonColumn[[]string]{&p.Thumbprints},
		jsonColumn[map[string]string]{&p.Tags}, timeColumn{&p.CreatedAt})
	return p, orElse(err, access.ErrNoProvider)
}

// CreateProvider implements [access.ProviderStore].
func (s accessStore) CreateProvider(ctx context.Context, p access.Provider, most int, e journal.Event) error {
	return s.write(ctx, func(tx querier) error {
		if err := s.underQuota(tx, quotaTurn(p.Account, "provider"), most, `SELECT count(*) FROM identity_providers WHERE account = $1`, p.Account); err != nil {
			return err
		}
		added, err := tx.exec(`INSERT INTO identity_providers (account, region, name, url, client_ids, thumbprints, tags, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account, name) DO NOTHING`,
			p.Account, e.Region, p.Name(), p.URL, jsonText(p.ClientIDs), jsonText(p.Thumbprints), jsonText(p.Tags), micros(p.CreatedAt))
		if err != nil {
			return err
		}
		if added == 0 {
			return access.ErrProviderExists
		}
		return recordAccess(tx, e)
	})
}

// Provider implements [access.ProviderStore].
func (s accessStore) Provider(ctx context.Context, account arn.AccountID, name string) (p access.Provider, err error) {
	err = s.db.read(ctx, func(q querier) error {
		p, err = scanProvider(q.row(providerByName, account, name))
		return err
	})
	return p, err
}

// Providers implements [access.ProviderStore].
func (s accessStore) Providers(ctx context.Context, account arn.AccountID) (list []access.Provider, err error) {
	err = s.db.read(ctx, func(q querier) error {
		list, err = collect(q, scanProvider, selectProvider+`WHERE p.account = $1 ORDER BY p.name`, account)
		return err
	})
	return list, err
}

// ChangeProvider implements [access.ProviderStore].
func (s accessStore) ChangeProvider(ctx context.Context, account arn.AccountID, name string, change func(*access.Provider) (journal.Event, error)) error {
	return s.write(ctx, func(tx querier) error {
		p, err := scanProvider(tx.row(providerByName+` FOR UPDATE`, account, name))
		if err != nil {
			return err
		}
		e, err := change(&p)
		if err == nil {
			_, err = tx.exec(`UPDATE identity_providers SET client_ids = $1, thumbprints = $2, tags = $3 WHERE account = $4 AND name = $5`,
				jsonText(p.ClientIDs), jsonText(p.Thumbprints), jsonText(p.Tags), account, name)
		}
		if err != nil {
			return err
		}
		return recordAccess(tx, e)
	})
}

// DeleteProvider implements [access.ProviderStore].
func (s accessStore) DeleteProvider(ctx context.Context, account arn.AccountID, name string, e journal.Event) error {
	return s.write(ctx, func(tx querier) error {
		gone, err := tx.exec(`DELETE FROM identity_providers WHERE account = $1 AND name = $2`, account, name)
		if err == nil && gone == 0 {
			err = access.ErrNoProvider
		}
		if err != nil {
			return err
		}
		return recordAccess(tx, e)
	})
}
