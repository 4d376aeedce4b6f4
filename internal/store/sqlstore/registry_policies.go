package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/registry"
)

// changeDecisions is [DB.write] for what may change what decisions depend on. If
// it does, recordDecision or touchAccess comes last in it.
func (db *DB) changeDecisions(ctx context.Context, fn func(tx querier) error) error {
	return accessStore{db}.write(ctx, fn)
}

// recordDecision is record for such a change.
func recordDecision(tx querier, e journal.Event) error {
	if err := record(tx, e); err != nil {
		return err
	}
	return touchAccess(tx)
}

// RepositoryPolicy implements registry.PolicyStore.
func (s repositories) RepositoryPolicy(ctx context.Context, key registry.Key) (text string, err error) {
	err = s.db.read(ctx, func(q querier) error {
		text, err = scanOne[string](q.row(`SELECT p.policy FROM repositories r JOIN repository_policies p ON p.repository = r.id
			WHERE r.account = $1 AND r.name = $2`, key.Account, key.Name))
		if errors.Is(err, sql.ErrNoRows) {
			err = orNoRepository(q, key, registry.ErrNoRepositoryPolicy)
		}
		return err
	})
	return text, err
}

// SetRepositoryPolicy implements registry.PolicyStore.
func (s repositories) SetRepositoryPolicy(ctx context.Context, key registry.Key, text string, e journal.Event) error {
	return s.db.changeDecisions(ctx, func(tx querier) error {
		r, err := s.db.lockRepository(tx, key, holdAlone)
		if err != nil {
			return err
		}
		if _, err := tx.exec(`INSERT INTO repository_policies (repository, policy) VALUES ($1, $2)
			ON CONFLICT (repository) DO UPDATE SET policy = excluded.policy`, r.id, text); err != nil {
			return err
		}
		return recordDecision(tx, e)
	})
}

// DeleteRepositoryPolicy implements registry.PolicyStore.
func (s repositories) DeleteRepositoryPolicy(ctx context.Context, key registry.Key, e journal.Event) (was string, err error) {
	err = s.db.changeDecisions(ctx, func(tx querier) error {
		r, err := s.db.lockRepository(tx, key, holdAlone)
		if err != nil {
			return err
		}
		was, err = scanOne[string](tx.row(`DELETE FROM repository_policies WHERE repository = $1 RETURNING policy`, r.id))
		if err != nil {
			return orElse(err, registry.ErrNoRepositoryPolicy)
		}
		return recordDecision(tx, e)
	})
	return was, err
}

// RegistryPolicy implements registry.PolicyStore.
func (s repositories) RegistryPolicy(ctx context.Context, account arn.AccountID) (text string, err error) {
	err = s.db.read(ctx, func(q querier) error {
		text, err = scanOne[string](q.row(`SELECT policy FROM registry_policies WHERE account = $1`, account))
		return orElse(err, registry.ErrNoRegistryPolicy)
	})
	return text, err
}

// SetRegistryPolicy implements registry.PolicyStore.
func (s repositories) SetRegistryPolicy(ctx context.Context, account arn.AccountID, region, text string, e journal.Event) error {
	return s.db.changeDecisions(ctx, func(tx querier) error {
		if _, err := tx.exec(`INSERT INTO registry_policies (account, region, policy) VALUES ($1, $2, $3)
			ON CONFLICT (account) DO UPDATE SET policy = excluded.policy`, account, region, text); err != nil {
			return err
		}
		return recordDecision(tx, e)
	})
}

// DeleteRegistryPolicy implements registry.PolicyStore.
func (s repositories) DeleteRegistryPolicy(ctx context.Context, account arn.AccountID, e journal.Event) (was string, err error) {
	err = s.db.changeDecisions(ctx, func(tx querier) error {
		was, err = scanOne[string](tx.row(`DELETE FROM registry_policies WHERE account = $1 RETURNING policy`, account))
		if err != nil {
			return orElse(err, registry.ErrNoRegistryPolicy)
		}
		return recordDecision(tx, e)
	})
	return was, err
}

// forgetPolicy deletes the policy of a repository that goes, and records that.
func forgetPolicy(tx querier, r lockedRepository, e journal.Event) error {
	n, err := tx.exec(`DELETE FROM repository_policies WHERE repository = $1`, r.id)
	switch {
	case err != nil:
		return err
	case n > 0 || len(r.Tags) > 0:
		return recordDecision(tx, e)
	}
	return record(tx, e)
}

// NamesEveryone implements registry.PolicyStore.
func (s repositories) NamesEveryone(ctx context.Context, account arn.AccountID) (found bool, err error) {
	err = s.db.read(ctx, func(q querier) error {
		found, err = exists(q, `SELECT 1 FROM repositories r JOIN repository_policies p ON p.repository = r.id WHERE r.account = $1 AND p.policy LIKE '%"*"%'
			UNION ALL SELECT 1 FROM registry_policies g WHERE g.account = $1 AND g.policy LIKE '%"*"%' LIMIT 1`, account)
		return err
	})
	return found, err
}
