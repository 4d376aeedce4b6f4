package sqlstore

import (
	"context"

	"github.com/sealwright/sealwright/internal/leader"
)

// Leaders returns the store of who leads a task.
func (db *DB) Leaders() leader.Store { return leaders{db} }

// leaders implements leader.Store.
type leaders struct{ db *DB }

// Beat implements leader.Store.
func (s leaders) Beat(ctx context.Context, task string) (beat leader.Beat, err error) {
	err = s.db.read(ctx, func(q querier) error {
		beat, err = scanOne[leader.Beat](q.row(`SELECT beat FROM leaders WHERE task = $1`, task))
		return orElse(err, nil)
	})
	return beat, err
}

// SwapBeat implements leader.Store. Nobody has said anything of a task that
// has no row.
func (s leaders) SwapBeat(ctx context.Context, task string, was, next leader.Beat) (swapped bool, err error) {
	err = s.db.write(ctx, func(tx querier) error {
		if was == 0 {
			if _, err := tx.exec(`INSERT INTO leaders (task, beat) VALUES ($1, 0) ON CONFLICT (task) DO NOTHING`, task); err != nil {
				return err
			}
		}
		n, err := tx.exec(`UPDATE leaders SET beat = $1 WHERE task = $2 AND beat = $3`, int64(next), task, int64(was))
		swapped = n == 1
		return err
	})
	return swapped && err == nil, err
}
