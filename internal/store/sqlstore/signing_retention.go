package sqlstore

import (
	"context"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// Retention returns the store that forgets jobs and profiles.
func (db *DB) Retention() signing.RetentionStore { return retention{db} }

type retention struct{ db *DB }

// Now implements [signing.RetentionStore].
func (s retention) Now(ctx context.Context) (time.Time, error) { return s.db.engine.clock(ctx) }

const keptProfiles = `SELECT h.newest, ` + profileColumns + fromProfile + `WHERE (p.account, p.name, p.version) > ($1, $2, $3)
		ORDER BY p.account, p.name, p.version LIMIT $4`

// KeptProfiles implements [signing.RetentionStore].
func (s retention) KeptProfiles(ctx context.Context, after signing.VersionKey, limit int) (page []signing.KeptProfile, err error) {
	err = s.db.read(ctx, func(q querier) error {
		page, err = collect(q, scanKept, keptProfiles, string(after.Account), after.Name, after.Version, limit)
		return err
	})
	return page, err
}

func scanKept(row scanner) (k signing.KeptProfile, err error) {
	var newest string
	var r signing.ProfileRevocation
	err = row.Scan(append([]any{&newest}, profileDest(&k.Profile, &r)...)...)
	k.Revocation, k.Newest = revocationOf(r), newest == k.Version
	return k, err
}

// Jobs of a version, in the order in which their signatures end. Each asks for the
// order of the index: PostgreSQL would read the table for a first row that it
// believes to be anywhere.
const (
	endedJobs  = `FROM jobs WHERE account = $1 AND profile_name = $2 AND profile_version = $3 AND expires_at < $4 ORDER BY expires_at `
	anyEnded   = `SELECT 1 ` + endedJobs + `LIMIT 1`
	removeJobs = `DELETE FROM jobs WHERE (account, id) IN (SELECT account, id ` + endedJobs + `LIMIT $5)`
	anyJob     = `SELECT 1 FROM jobs WHERE account = $1 AND profile_name = $2 ORDER BY profile_version, expires_at LIMIT 1`
)

// RemoveJobs implements [signing.RetentionStore]. Mostly there is nothing to
// remove, which takes no writer to find out.
func (s retention) RemoveJobs(ctx context.Context, key signing.VersionKey, before time.Time, limit int, event func(removed int) journal.Event) (removed int, err error) {
	args := []any{string(key.Account), key.Name, key.Version, micros(before)}
	found := false
	err = s.db.read(ctx, func(q querier) (err error) {
		found, err = exists(q, anyEnded, args...)
		return err
	})
	if err != nil || !found {
		return 0, err
	}
	err = s.db.write(ctx, func(tx querier) error {
		n, err := tx.exec(removeJobs, append(args[:4:4], limit)...)
		if removed = int(n); err != nil || n == 0 {
			return err
		}
		return record(tx, event(removed))
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

// RemoveProfile implements [signing.RetentionStore].
func (s retention) RemoveProfile(ctx context.Context, key signing.ProfileKey, due func([]signing.Profile) bool, e journal.Event) (removed bool, err error) {
	err = s.db.changeDecisions(ctx, func(tx querier) error {
		removed = false
		if err := s.db.engine.await(tx, profileTurn(key), holdAlone); err != nil {
			return err
		}
		if _, err := lockProfile(tx, key); err != nil {
			return err
		}
		versions, err := collect(tx, scanProfile, `SELECT `+profileColumns+fromProfile+`WHERE h.account = $1 AND h.name = $2`, string(key.Account), key.Name)
		if err != nil || !due(versions) {
			return err
		}
		if busy, err := exists(tx, anyJob, string(key.Account), key.Name); err != nil || busy {
			return err
		}
		removed = true
		return removeProfile(tx, key, e)
	})
	return removed && err == nil, err
}

func removeProfile(tx querier, key signing.ProfileKey, e journal.Event) error {
	if err := forgetPermissions(tx, key); err != nil {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM profile_versions WHERE account = $1 AND name = $2`,
		`DELETE FROM profiles WHERE account = $1 AND name = $2`,
	} {
		if _, err := tx.exec(statement, string(key.Account), key.Name); err != nil {
			return err
		}
	}
	return recordDecision(tx, e)
}
