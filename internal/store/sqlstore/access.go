package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
)

// Access returns the accounts and credentials.
func (db *DB) Access() access.Store { return accessStore{db} }

type accessStore struct{ db *DB }

const (
	selectAccount   = `SELECT a.id, a.region, a.token_key, a.created_at FROM accounts a `
	selectAccessKey = `SELECT k.id, k.account, k.owner, k.principal, i.path, i.name, k.secret, k.active, k.created_at, k.used_at, k.used_service
		FROM access_keys k LEFT JOIN identities i ON i.id = k.owner `
	activeRootKey = selectAccessKey + `WHERE k.account = $1 AND k.principal = $2 AND k.active ORDER BY k.created_at DESC, k.id LIMIT 1`
	accountByID   = selectAccount + `WHERE a.id = $1`
	accountThatIs = selectAccount + `JOIN bootstrap b ON b.id = a.id WHERE b.what = $1`
)

// revisionRead is the revision's row and when it was read.
type revisionRead struct{ stamp, number uint64 }

// Revision implements [access.Store]. The row is read after each change of it by this
// process, which are counted, and when another process may have changed it: on
// SQLite that is known to 50 ms, elsewhere it is after half a second. Neither part of
// the stamp ever falls, so their sum is another one whenever one of them is.
func (s accessStore) Revision() (revision uint64, known bool) {
	changes := s.db.accesses.Load()
	recent, known := s.db.engine.recent()
	stamp := recent + changes
	if !known {
		return 0, false
	}
	if last := s.db.revised.Load(); last != nil && last.stamp == stamp {
		return last.number, true
	}
	number, err := s.readRevision()
	if err != nil {
		return 0, false
	}
	s.db.revised.Store(&revisionRead{stamp, number})
	return number, true
}

// AwaitOthers waits until every process decides by the changes of accounts, keys and
// policies that were acknowledged before: none looks for them less often.
func (db *DB) AwaitOthers(ctx context.Context) error {
	wait := time.NewTimer(db.engine.late())
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// revisionPatience is how long a request waits to learn the revision. Without it
// nothing that is remembered counts.
const revisionPatience = 2 * time.Second

func (s accessStore) readRevision() (number uint64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), revisionPatience)
	defer cancel()
	err = s.db.read(ctx, func(q querier) error {
		number, err = scanOne[uint64](q.row(`SELECT number FROM access_revision WHERE one = 1`))
		return err
	})
	return number, err
}

// touchAccess moves the revision. Each transaction calls it that changes anything
// a credential or a decision depends on, last, since others wait for its row.
func touchAccess(tx querier) error {
	_, err := tx.exec(`UPDATE access_revision SET number = number + 1 WHERE one = 1`)
	return err
}

// write is [DB.write] for a change of accounts and keys. What came of it may be
// unknown, so it counts as a change whatever it returns.
func (s accessStore) write(ctx context.Context, fn func(tx querier) error) error {
	defer s.db.accesses.Add(1)
	return s.db.write(ctx, fn)
}

// BootstrapAccount implements [access.Store].
func (s accessStore) BootstrapAccount(ctx context.Context, a access.Account, root access.AccessKey, e journal.Event) (access.Account, access.AccessKey, error) {
	var account access.Account
	var key access.AccessKey
	err := s.write(ctx, func(tx querier) error {
		made, err := claim(tx, firstAccount, string(a.ID))
		if err != nil {
			return err
		}
		if made {
			if err := insertAccount(tx, a, root, e); err != nil {
				return err
			}
		}
		if account, err = scanAccount(tx.row(accountThatIs, firstAccount)); err != nil {
			return err
		}
		key, err = rootAccessKey(tx, account.ID)
		return err
	})
	return account, key, err
}

// insertAccount fails with ErrAccountExists.
func insertAccount(tx querier, a access.Account, root access.AccessKey, e journal.Event) error {
	added, err := tx.exec(`INSERT INTO accounts (id, region, token_key, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`,
		string(a.ID), a.Region, a.TokenKey, micros(a.CreatedAt))
	if err != nil {
		return err
	}
	if added == 0 {
		return access.ErrAccountExists
	}
	if err := insertAccessKey(tx, root, a.Region); err != nil {
		return err
	}
	return recordAccess(tx, e)
}

func insertAccessKey(tx querier, k access.AccessKey, region string) error {
	_, err := tx.exec(`INSERT INTO access_keys (id, account, region, owner, principal, secret, active, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		k.ID, string(k.Account), region, k.Owner, k.Principal, k.Secret, k.Active, micros(k.CreatedAt))
	return err
}

// Account implements [access.Store].
func (s accessStore) Account(ctx context.Context, id arn.AccountID) (a access.Account, err error) {
	query, arg := accountByID, string(id)
	if id == "" {
		query, arg = accountThatIs, firstAccount
	}
	err = s.db.read(ctx, func(q querier) error {
		a, err = scanAccount(q.row(query, arg))
		return err
	})
	return a, err
}

func scanAccount(row scanner) (access.Account, error) {
	var a access.Account
	err := row.Scan(&a.ID, &a.Region, &a.TokenKey, timeColumn{&a.CreatedAt})
	return a, orElse(err, access.ErrNoAccount)
}

// AccessKey implements [access.Store].
func (s accessStore) AccessKey(ctx context.Context, id string) (k access.AccessKey, err error) {
	err = s.db.read(ctx, func(q querier) error {
		k, err = scanAccessKey(q.row(selectAccessKey+`WHERE k.id = $1`, id))
		return err
	})
	return k, err
}

// RootAccessKey implements [access.Store].
func (s accessStore) RootAccessKey(ctx context.Context, account arn.AccountID) (k access.AccessKey, err error) {
	err = s.db.read(ctx, func(q querier) error {
		k, err = rootAccessKey(q, account)
		return err
	})
	return k, err
}

func rootAccessKey(q querier, account arn.AccountID) (access.AccessKey, error) {
	return scanAccessKey(q.row(activeRootKey, string(account), arn.Root(account).String()))
}

func scanAccessKey(row scanner) (access.AccessKey, error) {
	var k access.AccessKey
	var path, name sql.NullString // of the owner, if it is a user
	err := row.Scan(&k.ID, &k.Account, &k.Owner, &k.Principal, &path, &name, &k.Secret, &k.Active, timeColumn{&k.CreatedAt}, timeColumn{&k.LastUse.At}, &k.LastUse.Service)
	if name.Valid {
		k.Principal = access.Identity{IdentityKey: access.IdentityKey{Account: k.Account, Kind: access.User, Name: name.String}, Path: path.String}.ARN().String()
	}
	return k, orElse(err, access.ErrNoAccessKey)
}

// ReplaceRootAccessKey implements [access.Store]. The account's row makes
// replacements follow each other, so exactly one root key is left.
func (s accessStore) ReplaceRootAccessKey(ctx context.Context, next access.AccessKey, e journal.Event) error {
	return s.write(ctx, func(tx querier) error {
		account, err := scanAccount(tx.row(accountByID+` FOR UPDATE`, string(next.Account)))
		if err != nil {
			return err
		}
		if _, err := tx.exec(`DELETE FROM access_keys WHERE account = $1 AND principal = $2`,
			string(next.Account), arn.Root(next.Account).String()); err != nil {
			return err
		}
		if err := insertAccessKey(tx, next, account.Region); err != nil {
			return err
		}
		return recordAccess(tx, e)
	})
}
