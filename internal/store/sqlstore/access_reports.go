package sqlstore

import (
	"context"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
)

// CredentialHolders implements [access.ReportStore].
func (s accessStore) CredentialHolders(ctx context.Context, account arn.AccountID) (users []access.Identity, err error) {
	err = s.db.snapshot(ctx, func(q querier) error {
		users, err = collect(q, scanIdentity, selectIdentity+`WHERE i.account = $1 AND i.kind = $2 ORDER BY i.folded`, account, access.User)
		if err != nil {
			return err
		}
		at := make(map[string]*access.Identity, len(users))
		for i, u := range users {
			users[i] = access.Identity{IdentityKey: u.IdentityKey, ID: u.ID, Path: u.Path, CreatedAt: u.CreatedAt}
			at[u.ID] = &users[i]
		}
		keys, err := collect(q, scanAccessKey, selectAccessKey+`WHERE k.account = $1 AND k.owner <> '' ORDER BY k.created_at, k.id`, account)
		for _, k := range keys {
			if u := at[k.Owner]; u != nil {
				u.Keys = append(u.Keys, k)
			}
		}
		return err
	})
	return users, err
}

// SaveCredentialReport implements [access.ReportStore].
func (s accessStore) SaveCredentialReport(ctx context.Context, account arn.AccountID, r access.CredentialReport, e journal.Event) error {
	return s.db.write(ctx, func(tx querier) error {
		_, err := tx.exec(`INSERT INTO credential_reports (account, region, made_at, content) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account) DO UPDATE SET made_at = excluded.made_at, content = excluded.content`, account, e.Region, micros(r.MadeAt), r.Content)
		if err != nil {
			return err
		}
		return record(tx, e)
	})
}

// CredentialReport implements [access.ReportStore].
func (s accessStore) CredentialReport(ctx context.Context, account arn.AccountID) (r access.CredentialReport, err error) {
	err = s.db.read(ctx, func(q querier) error {
		return orElse(q.row(`SELECT made_at, content FROM credential_reports WHERE account = $1`, account).Scan(timeColumn{&r.MadeAt}, &r.Content), access.ErrNoReport)
	})
	return r, err
}
