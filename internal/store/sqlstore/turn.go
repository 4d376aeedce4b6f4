package sqlstore

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/sealwright/sealwright/internal/signing"
)

// turn is a place in a line for something: any number hold it shared, or one
// holds it alone, until its transaction ends, and nobody overtakes. It is for
// fairness only; what is decided upon is held by row locks. PostgreSQL lets those
// who share a row join its holders past one who waits to change it, so signers
// that keep coming would keep a revocation out for as long as they like; its
// advisory locks are given in the order of asking.
type turn int64

// profileTurn is the turn of all versions of a profile. It is taken before any
// row. Two profiles that share a number by chance wait for each other.
func profileTurn(key signing.ProfileKey) turn {
	sum := sha256.Sum256([]byte("signing-profile/" + string(key.Account) + "/" + key.Name))
	return turn(binary.BigEndian.Uint64(sum[:]))
}

// await implements [engine]: with one writer, all come in order.
func (e *sqliteEngine) await(querier, turn, hold) error { return nil }

// await implements [engine].
func (e *postgresEngine) await(tx querier, t turn, h hold) error {
	statement := `SELECT pg_advisory_xact_lock_shared($1)`
	if h == holdAlone {
		statement = `SELECT pg_advisory_xact_lock($1)`
	}
	_, err := tx.exec(statement, int64(t))
	return err
}
