package sqlstore

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/sealwright/sealwright/internal/journal"
)

// Journal returns the journal's reader.
func (db *DB) Journal() journal.Reader { return journalReader{db, selectEntry, scanEntry} }

// Gist returns a reader of the journal for who needs to know what happened and not
// who did it: of an entry it reads where it stands, account, region, source, name,
// resource, detail and the error's code, and leaves the rest empty. That takes half
// the time.
func (db *DB) Gist() journal.Reader { return journalReader{db, selectGist, scanGist} }

var (
	actColumns = []string{"id", "time", "account", "region", "source", "name", "resource",
		"principal", "access_key_id", "source_ip", "user_agent", "request_id", "detail"}
	outcomeColumns = []string{"reason", "error_code", "error_message", "read_only"}

	insertEvents = insertInto("journal", slices.Concat(actColumns, outcomeColumns)...)
	insertActs   = insertInto("journal", actColumns...) // of changes that were made
)

// record writes the journal row of what the transaction does.
func record(tx querier, e journal.Event) error {
	return insertEvents.rows(tx, appendEvent(nil, &e))
}

// appendEvent appends the columns of insertEvents.
func appendEvent(row []any, e *journal.Event) []any {
	return append(appendAct(row, e), e.Outcome.Reason, e.Outcome.ErrorCode, e.Outcome.ErrorMessage, e.Outcome.ReadOnly)
}

// appendAct appends the columns of insertActs.
func appendAct(row []any, e *journal.Event) []any {
	return append(row, e.ID, micros(e.Time), string(e.Account), e.Region, e.Source, e.Name, e.Resource,
		e.Actor.Principal, e.Actor.AccessKeyID, e.Actor.SourceIP, e.Actor.UserAgent, e.Actor.RequestID, string(e.Detail))
}

type journalReader struct {
	db    *DB
	entry string // SELECT … FROM journal
	scan  func(scanner) (journal.Entry, error)
}

// Read implements [journal.Reader].
//
// PostgreSQL hands out positions before it commits, so a later position may be
// there before an earlier one. Entries without a gap before them are returned at
// once. A gap belongs to a transaction that was given up or to one that still
// runs: Read waits a moment for all that ran when it saw the gap, and then knows.
// If they take long it returns nothing, and the reader asks again.
//
// Comparing a row's transaction id with the oldest one running would not do: a
// transaction may take its id before another and its position after it. And ids
// start anew when a dump is restored, where positions do not.
func (r journalReader) Read(ctx context.Context, after journal.Position, limit int) ([]journal.Entry, error) {
	seen, err := r.entriesAfter(ctx, after, limit)
	if err != nil || len(seen) == 0 {
		return nil, err
	}
	if n := withoutGap(seen, after); n > 0 {
		return seen[:n], nil
	}
	settled, err := r.db.engine.settle(ctx)
	if err != nil || !settled {
		return nil, explain(ctx, err)
	}
	last := seen[len(seen)-1].Position
	now, err := r.entriesAfter(ctx, after, limit)
	return slices.DeleteFunc(now, func(e journal.Entry) bool { return e.Position > last }), err
}

// withoutGap counts the entries that follow each other from a position.
func withoutGap(entries []journal.Entry, after journal.Position) int {
	n := 0
	for n < len(entries) && entries[n].Position == after+1 {
		after++
		n++
	}
	return n
}

func (r journalReader) entriesAfter(ctx context.Context, after journal.Position, limit int) (entries []journal.Entry, err error) {
	err = r.db.read(ctx, func(q querier) error {
		entries, err = collect(q, r.scan, r.entry+afterPosition, int64(after), limit)
		return err
	})
	return entries, err
}

const (
	selectEntry = `SELECT position, id, time, account, region, source, name, resource,
			principal, access_key_id, source_ip, user_agent, request_id, detail, reason, error_code, error_message, read_only
		FROM journal `
	selectGist    = `SELECT position, account, region, source, name, resource, detail, error_code FROM journal `
	afterPosition = `WHERE position > $1 ORDER BY position LIMIT $2`
)

func scanEntry(row scanner) (journal.Entry, error) {
	var e journal.Entry
	var detail string
	err := row.Scan(&e.Position, &e.ID, timeColumn{&e.Time}, &e.Account, &e.Region, &e.Source, &e.Name, &e.Resource,
		&e.Actor.Principal, &e.Actor.AccessKeyID, &e.Actor.SourceIP, &e.Actor.UserAgent, &e.Actor.RequestID, &detail,
		&e.Outcome.Reason, &e.Outcome.ErrorCode, &e.Outcome.ErrorMessage, &e.Outcome.ReadOnly)
	e.Detail = detailOf(detail)
	return e, err
}

func scanGist(row scanner) (journal.Entry, error) {
	var e journal.Entry
	var detail string
	err := row.Scan(&e.Position, &e.Account, &e.Region, &e.Source, &e.Name, &e.Resource, &detail, &e.Outcome.ErrorCode)
	e.Detail = detailOf(detail)
	return e, err
}

// detailOf is the detail as it was stored: empty for none.
func detailOf(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// NewestEntry is the last position that is in use in the journal, 0 for none.
func (db *DB) NewestEntry(ctx context.Context) (p journal.Position, err error) {
	err = db.read(ctx, func(q querier) error {
		return q.row(`SELECT COALESCE(MAX(position), 0) FROM journal`).Scan(&p)
	})
	return p, err
}

// Appender returns what adds to the journal alone.
func (db *DB) Appender() journal.Appender { return journalWriter{db} }

type journalWriter struct{ db *DB }

// Append implements [journal.Appender].
func (w journalWriter) Append(ctx context.Context, events []journal.Event) error {
	return w.db.write(ctx, func(tx querier) error {
		var rows []any
		for i := range events {
			rows = appendEvent(rows, &events[i])
		}
		return insertEvents.rows(tx, rows)
	})
}
