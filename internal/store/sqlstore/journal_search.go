package sqlstore

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/journal"
)

// Search returns what finds events in the journal.
func (db *DB) Search() journal.Searcher { return journalSearch{db} }

type journalSearch struct{ db *DB }

// Search implements [journal.Searcher]. Each index is in the order of the answer,
// so what is read is what the narrowest of them names.
func (s journalSearch) Search(ctx context.Context, f journal.Filter) (page []journal.Entry, err error) {
	w, known := eventsWhere(f)
	if !known {
		return nil, nil
	}
	if f.ID != "" {
		f.Limit = 1 // nothing is looked for behind it
	}
	query := selectEntry + w.clause() + ` ORDER BY time DESC, position DESC ` + w.limit(f.Limit)
	err = s.db.read(ctx, func(q querier) error {
		page, err = collect(q, scanEntry, query, w.args...)
		return err
	})
	return page, err
}

// mostRows is the name that most rows have, and the index of names leaves out.
const mostRows = "SignPayload"

// eventsWhere is false if nothing can match.
func eventsWhere(f journal.Filter) (w *where, known bool) {
	w = &where{}
	w.and(`account = ?`, string(f.Account))
	for _, c := range []struct{ condition, value string }{
		{`name = ?`, f.Name}, {`principal = ?`, f.Principal}, {`resource = ?`, f.Resource}, {`request_id = ?`, f.RequestID},
		{`source = ?`, f.Source}, {`access_key_id = ?`, f.AccessKey}, {`error_code = ?`, f.ErrorCode}, {`id = ?`, f.ID},
	} {
		if c.value != "" {
			w.and(c.condition, c.value)
		}
	}
	if f.Name != "" && f.Name != mostRows {
		w.and(`name <> 'SignPayload'`) // the words of the index journal_by_name
	}
	if f.Failed != nil && *f.Failed || f.ErrorCode != "" {
		w.and(`error_code <> ''`) // the words of the index journal_refused
	} else if f.Failed != nil {
		w.and(`error_code = ''`)
	}
	if f.ReadOnly != nil {
		w.and(`read_only = ?`, *f.ReadOnly)
	}
	return w, timesWhere(w, f)
}

// timesWhere bounds the times. The ID of an event or a request tells when it was
// made, so that IDs need no index.
func timesWhere(w *where, f journal.Filter) (known bool) {
	for _, id := range []struct {
		text          string
		before, after time.Duration // that an event's time may be from the ID's
	}{
		{f.ID, idSlack, idSkew},        // an act is dated when it begins
		{f.RequestID, idSkew, idSlack}, // a request when its header has come
	} {
		if id.text == "" {
			continue
		}
		parsed, err := uuid.Parse(id.text)
		if err != nil || parsed.Version() != 7 {
			return false
		}
		made := time.Unix(parsed.Time().UnixTime())
		f.From, f.To = latest(f.From, made.Add(-id.before)), earliest(f.To, made.Add(id.after))
	}
	if !f.From.IsZero() {
		w.and(`time >= ?`, micros(f.From))
	}
	if !f.To.IsZero() {
		w.and(`time <= ?`, micros(f.To))
	}
	if f.Before != (journal.Cursor{}) {
		w.and(`(time, position) < (?, ?)`, micros(f.Before.Time), int64(f.Before.Position))
	}
	return true
}

const (
	idSlack = 2 * time.Minute // for what takes long
	idSkew  = 5 * time.Second // for a clock that is set back a little
)

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || a.After(b) {
		return b
	}
	return a
}
