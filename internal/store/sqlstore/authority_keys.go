package sqlstore

import (
	"context"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
)

// AuthorityKeys returns the CA keys that are kept in the records.
func (db *DB) AuthorityKeys() authority.KeyRecords { return keyRecords{db} }

type keyRecords struct{ db *DB }

const selectKeys = `SELECT id, purpose, sealed, created_at FROM ca_keys `

// AddKey implements [authority.KeyRecords].
func (s keyRecords) AddKey(ctx context.Context, k authority.SealedKey, e journal.Event) error {
	return s.db.write(ctx, func(tx querier) error {
		added, err := tx.exec(`INSERT INTO ca_keys (id, purpose, sealed, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`,
			k.ID, string(k.Purpose), k.Sealed, micros(k.CreatedAt))
		if err != nil || added == 0 {
			return err
		}
		return record(tx, e)
	})
}

// Key implements [authority.KeyRecords].
func (s keyRecords) Key(ctx context.Context, id string) (k authority.SealedKey, err error) {
	err = s.db.read(ctx, func(q querier) error {
		k, err = scanKey(q.row(selectKeys+`WHERE id = $1`, id))
		return orElse(err, authority.ErrNoKey)
	})
	return k, err
}

// Keys implements [authority.KeyRecords].
func (s keyRecords) Keys(ctx context.Context) (all []authority.SealedKey, err error) {
	err = s.db.read(ctx, func(q querier) error {
		all, err = collect(q, scanKey, selectKeys+`ORDER BY created_at, id`)
		return err
	})
	return all, err
}

func scanKey(row scanner) (k authority.SealedKey, err error) {
	err = row.Scan(&k.ID, &k.Purpose, &k.Sealed, timeColumn{&k.CreatedAt})
	return k, err
}

// DeleteKey implements [authority.KeyRecords].
func (s keyRecords) DeleteKey(ctx context.Context, id string, e journal.Event) error {
	return s.db.write(ctx, func(tx querier) error {
		deleted, err := tx.exec(`DELETE FROM ca_keys WHERE id = $1`, id)
		if err != nil || deleted == 0 {
			return err
		}
		return record(tx, e)
	})
}
