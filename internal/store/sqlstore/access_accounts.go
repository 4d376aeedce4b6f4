package sqlstore

import (
	"context"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/journal"
)

// CreateAccount implements [access.AccountStore].
func (s accessStore) CreateAccount(ctx context.Context, a access.Account, root access.AccessKey, e journal.Event) error {
	return s.write(ctx, func(tx querier) error { return insertAccount(tx, a, root, e) })
}

// Accounts implements [access.AccountStore].
func (s accessStore) Accounts(ctx context.Context) (all []access.Account, err error) {
	err = s.db.read(ctx, func(q querier) error {
		all, err = collect(q, scanAccount, selectAccount+`ORDER BY a.id`)
		return err
	})
	return all, err
}
