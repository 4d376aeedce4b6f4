package sqlstore

import (
	"context"

	"github.com/sealwright/sealwright/internal/journal"
)

// Trimmer returns what takes rows out of the journal.
func (db *DB) Trimmer() journal.Trimmer { return journalTrimmer{db} }

type journalTrimmer struct{ db *DB }

// Each looks where an index begins. Of everything an account at a time goes, since
// signatures' rows are in no index of times alone.
const (
	trimPassing = `DELETE FROM journal WHERE position IN (SELECT position FROM journal
		WHERE (read_only OR error_code <> '') AND time < $1 AND position <= $2 ORDER BY time LIMIT $3)`
	trimAccount = `DELETE FROM journal WHERE position IN (SELECT position FROM journal
		WHERE account = $1 AND time < $2 AND position <= $3 ORDER BY time LIMIT $4)`
)

// Trim implements [journal.Trimmer].
func (s journalTrimmer) Trim(ctx context.Context, t journal.Trim, limit int) (removed int, err error) {
	err = s.db.write(ctx, func(tx querier) error {
		removed = 0
		if t.Passing {
			n, err := tx.exec(trimPassing, micros(t.Before), int64(t.UpTo), limit)
			removed = int(n)
			return err
		}
		accounts, err := collect(tx, scanText, `SELECT id FROM accounts ORDER BY id`)
		if err != nil {
			return err
		}
		for _, account := range append(accounts, "") { // "" is the installation
			n, err := tx.exec(trimAccount, account, micros(t.Before), int64(t.UpTo), limit-removed)
			if removed += int(n); err != nil || removed >= limit {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

func scanText(row scanner) (s string, err error) {
	err = row.Scan(&s)
	return s, err
}
