package sqlstore

import (
	"context"
	"fmt"

	"github.com/sealwright/sealwright/internal/seal"
)

// Slots returns the wrapped data key.
func (db *DB) Slots() seal.Slots { return slotStore{db} }

type slotStore struct{ db *DB }

const selectSlots = `SELECT id, wrapped, replaced_by, created_at FROM wrapped_keys ORDER BY created_at, id`

// Slots implements [seal.Slots].
func (s slotStore) Slots(ctx context.Context) (all []seal.Slot, err error) {
	err = s.db.read(ctx, func(q querier) error {
		all, err = collect(q, scanSlot, selectSlots)
		return err
	})
	return all, err
}

func scanSlot(row scanner) (s seal.Slot, err error) {
	err = row.Scan(&s.ID, &s.Wrapped, &s.ReplacedBy, timeColumn{&s.CreatedAt})
	return s, err
}

// sealedColumn is a column of sealed values, and what these are sealed for: the
// prefix and the row's key.
type sealedColumn struct{ table, key, column, prefix string }

// sealedColumns are all that there are. (Keys of transparency logs are among
// ca_keys.)
var sealedColumns = []sealedColumn{
	{"accounts", "id", "token_key", "token-key/"},
	{"access_keys", "id", "secret", "access-key/"},
	{"ca_keys", "id", "sealed", "authority/"},
}

// ChangeSlots implements [seal.Slots].
func (s slotStore) ChangeSlots(ctx context.Context, change func(now []seal.Slot) (*seal.Change, error)) error {
	return s.db.write(ctx, func(tx querier) error {
		if err := s.db.engine.await(tx, turnOf("wrapped-keys"), holdAlone); err != nil {
			return err
		}
		now, err := collect(tx, scanSlot, selectSlots)
		if err != nil {
			return err
		}
		c, err := change(now)
		if c == nil || err != nil {
			return err
		}
		if c.Reseal != nil {
			if err := resealAll(tx, c.Reseal); err != nil {
				return err
			}
		}
		if err := replaceSlots(tx, c.Slots); err != nil {
			return err
		}
		return record(tx, c.Event)
	})
}

func replaceSlots(tx querier, all []seal.Slot) error {
	if _, err := tx.exec(`DELETE FROM wrapped_keys`); err != nil {
		return err
	}
	for _, s := range all {
		_, err := tx.exec(`INSERT INTO wrapped_keys (id, wrapped, replaced_by, created_at) VALUES ($1, $2, $3, $4)`,
			s.ID, s.Wrapped, s.ReplacedBy, micros(s.CreatedAt))
		if err != nil {
			return err
		}
	}
	return nil
}

// resealAll passes every sealed value through reseal. What was decided from their
// like before is not remembered.
func resealAll(tx querier, reseal func(name string, sealed []byte) ([]byte, error)) error {
	for _, c := range sealedColumns {
		if err := c.reseal(tx, reseal); err != nil {
			return err
		}
	}
	return touchAccess(tx)
}

func (c sealedColumn) reseal(tx querier, reseal func(name string, sealed []byte) ([]byte, error)) error {
	type secret struct {
		key    string
		sealed []byte
	}
	all, err := collect(tx, func(row scanner) (v secret, err error) {
		return v, row.Scan(&v.key, &v.sealed)
	}, fmt.Sprintf(`SELECT %s, %s FROM %s ORDER BY %s FOR UPDATE`, c.key, c.column, c.table, c.key))
	if err != nil {
		return err
	}
	update := fmt.Sprintf(`UPDATE %s SET %s = $1 WHERE %s = $2`, c.table, c.column, c.key)
	for _, v := range all {
		sealed, err := reseal(c.prefix+v.key, v.sealed)
		if err != nil {
			return err
		}
		if _, err := tx.exec(update, sealed, v.key); err != nil {
			return err
		}
	}
	return nil
}
