package sqlstore

import (
	"context"
	"fmt"

	"github.com/sealwright/sealwright/internal/arn"
)

// Recording is how many signatures wait to be recorded behind the one whose turn
// it is.
func (db *DB) Recording() (waiting int) {
	db.recorders.mu.Lock()
	defer db.recorders.mu.Unlock()
	for _, c := range db.recorders.convoy {
		waiting += c.waiting()
	}
	return waiting
}

// Multiply copies a job and the newest journal row: from and to number the copies,
// which end their IDs and are the microseconds after the first.
func (db *DB) Multiply(account arn.AccountID, job, prefix string, from, to int) error {
	numbers := fmt.Sprintf(`WITH RECURSIVE numbers(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM numbers WHERE i < %d) `, from, to)
	id := fmt.Sprintf(`'%s' || substr('000000000000' || i, length('000000000000' || i) - 11)`, prefix)
	return db.write(context.Background(), func(tx querier) error {
		if _, err := tx.exec(numbers+`INSERT INTO jobs (account, id, region, invoker, requested_by, profile_name, profile_version, platform, certificate,
				payload_digest, signed_at, expires_at, created_at, revoked_at, revoked_by, revocation_reason)
			SELECT account, `+id+`, region, invoker, requested_by, profile_name, profile_version, platform, certificate,
				payload_digest, signed_at, expires_at, created_at + i, revoked_at, revoked_by, revocation_reason
			FROM jobs, numbers WHERE account = $1 AND id = $2`, string(account), job); err != nil {
			return err
		}
		_, err := tx.exec(numbers + `INSERT INTO journal (id, time, account, region, source, name, resource, principal, access_key_id,
				source_ip, user_agent, request_id, detail, reason, error_code, error_message, read_only)
			SELECT ` + id + `, time + i, account, region, source, name, resource, principal, access_key_id,
				source_ip, user_agent, request_id, detail, reason, error_code, error_message, read_only
			FROM journal, numbers WHERE position = (SELECT MAX(position) FROM journal WHERE name = 'SignPayload' AND id NOT LIKE '` + prefix + `%')`)
		return err
	})
}

// Analyze has the database learn how its rows are distributed.
func (db *DB) Analyze() error {
	return db.write(context.Background(), func(tx querier) error { _, err := tx.exec("ANALYZE"); return err })
}
