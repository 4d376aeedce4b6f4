package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sealwright/sealwright/internal/journal"
)

// Tailers returns where the journal's tailers stand.
func (db *DB) Tailers() journal.Stands { return tailerStore{db} }

type tailerStore struct{ db *DB }

// Stand implements [journal.Stands].
func (s tailerStore) Stand(ctx context.Context, name string) (at journal.Stand, err error) {
	err = s.db.read(ctx, func(q querier) error {
		return q.row(`SELECT position, holder, beat, caught_up FROM journal_tailers WHERE name = $1`, name).
			Scan(&at.Position, &at.Holder, &at.Beat, &at.CaughtUp)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return journal.Stand{}, nil
	}
	return at, err
}

// Move implements [journal.Stands]. One that waited for another's row finds the
// beat changed.
func (s tailerStore) Move(ctx context.Context, name string, next journal.Stand) error {
	return s.db.write(ctx, func(tx querier) error {
		statement := `UPDATE journal_tailers SET position = $1, holder = $2, caught_up = $3, beat = beat + 1 WHERE name = $4 AND beat = $5`
		if next.Beat == 0 {
			statement = `INSERT INTO journal_tailers (position, holder, caught_up, name, beat) VALUES ($1, $2, $3, $4, $5 + 1) ON CONFLICT DO NOTHING`
		}
		n, err := tx.exec(statement, int64(next.Position), next.Holder, next.CaughtUp, name, next.Beat)
		if err == nil && n == 0 {
			err = journal.ErrMoved
		}
		return err
	})
}

// Wake has a value put into ring, if it has room, after each write of this
// process that may have added to the journal. Other processes' writes are found by
// looking: on PostgreSQL, NOTIFY would make commits wait for each other.
func (db *DB) Wake(ring chan<- struct{}) {
	for {
		before := db.rings.Load()
		after := []chan<- struct{}{ring}
		if before != nil {
			after = append(after, *before...)
		}
		if db.rings.CompareAndSwap(before, &after) {
			return
		}
	}
}

func (db *DB) wake() {
	rings := db.rings.Load()
	if rings == nil {
		return
	}
	for _, ring := range *rings {
		select {
		case ring <- struct{}{}:
		default: // it is awake
		}
	}
}
