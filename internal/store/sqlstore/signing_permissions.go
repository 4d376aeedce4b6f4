package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// Permissions implements [signing.PermissionStore].
func (s profileStore) Permissions(ctx context.Context, key signing.ProfileKey) (all signing.Permissions, err error) {
	err = s.db.read(ctx, func(q querier) error {
		if all, err = readPermissions(q, key); err != nil || all.Revision != "" {
			return err
		}
		_, err = readProfile(q, key, "") // is there a profile at all?
		return err
	})
	return all, err
}

// ChangePermissions implements [signing.PermissionStore]. The row of the
// profile's name is the lock, as in ChangeProfile.
func (s profileStore) ChangePermissions(ctx context.Context, key signing.ProfileKey, change func(signing.Profile, signing.Permissions) (signing.Permissions, journal.Event, error)) error {
	return s.db.changeDecisions(ctx, func(tx querier) error {
		if err := s.db.engine.await(tx, profileTurn(key), holdAlone); err != nil {
			return err
		}
		if _, err := lockProfile(tx, key); err != nil {
			return err
		}
		p, err := readProfile(tx, key, "")
		if err != nil {
			return err
		}
		current, err := readPermissions(tx, key)
		if err != nil {
			return err
		}
		next, e, err := change(p, current)
		if err != nil {
			return err
		}
		if err := savePermissions(tx, key, next); err != nil {
			return err
		}
		return recordDecision(tx, e)
	})
}

// readPermissions returns none where there is no row.
func readPermissions(q querier, key signing.ProfileKey) (all signing.Permissions, err error) {
	var statements string
	err = q.row(`SELECT revision, statements FROM profile_permissions WHERE account = $1 AND name = $2`,
		string(key.Account), key.Name).Scan(&all.Revision, &statements)
	if errors.Is(err, sql.ErrNoRows) {
		return signing.Permissions{}, nil
	}
	if err != nil {
		return signing.Permissions{}, err
	}
	if err := json.Unmarshal([]byte(statements), &all.Statements); err != nil {
		return signing.Permissions{}, fmt.Errorf("the permissions of profile %s of account %s: %w", key.Name, key.Account, err)
	}
	return all, nil
}

func savePermissions(tx querier, key signing.ProfileKey, p signing.Permissions) error {
	statements, err := json.Marshal(p.Statements)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO profile_permissions (account, name, revision, statements) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account, name) DO UPDATE SET revision = excluded.revision, statements = excluded.statements`,
		string(key.Account), key.Name, p.Revision, string(statements))
	return err
}

// forgetPermissions deletes those of a name that gets another version: they were
// given for what has ended.
func forgetPermissions(tx querier, key signing.ProfileKey) error {
	n, err := tx.exec(`DELETE FROM profile_permissions WHERE account = $1 AND name = $2`, string(key.Account), key.Name)
	if err != nil || n == 0 {
		return err
	}
	return touchAccess(tx)
}
