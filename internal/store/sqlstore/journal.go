package sqlstore

import (
	"context"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
)

// Journal returns the journal's reader.
func (db *DB) Journal() journal.Reader { return journalReader{db} }

// record writes the journal row of what the transaction does.
func record(tx querier, e journal.Event) error {
	_, err := tx.exec(`INSERT INTO journal (id, time, account, region, source, name, resource,
			principal, access_key_id, source_ip, user_agent, request_id, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		e.ID, micros(e.Time), string(e.Account), e.Region, e.Source, e.Name, e.Resource,
		e.Actor.Principal, e.Actor.AccessKeyID, e.Actor.SourceIP, e.Actor.UserAgent, e.Actor.RequestID, string(e.Detail))
	return err
}

type journalReader struct{ db *DB }

// Read implements [journal.Reader].
func (r journalReader) Read(ctx context.Context, after journal.Position, limit int) ([]journal.Entry, error) {
	var entries []journal.Entry
	err := r.db.read(ctx, func(q querier) (err error) {
		entries, err = entriesAfter(q, after, limit)
		return err
	})
	return entries, err
}

func entriesAfter(q querier, after journal.Position, limit int) ([]journal.Entry, error) {
	return collect(q, scanEntry, `SELECT position, id, time, account, region, source, name, resource,
			principal, access_key_id, source_ip, user_agent, request_id, detail
		FROM journal WHERE position > $1 ORDER BY position LIMIT $2`, int64(after), limit)
}

func scanEntry(row scanner) (journal.Entry, error) {
	var e journal.Entry
	var detail string
	err := row.Scan(&e.Position, &e.ID, timeColumn{&e.Time}, &e.Account, &e.Region, &e.Source, &e.Name, &e.Resource,
		&e.Actor.Principal, &e.Actor.AccessKeyID, &e.Actor.SourceIP, &e.Actor.UserAgent, &e.Actor.RequestID, &detail)
	if detail != "" {
		e.Detail = []byte(detail)
	}
	return e, err
}

// journalPatience is how long a read waits for transactions that may still fill
// a gap, before it says that there is nothing yet.
const journalPatience = time.Second
