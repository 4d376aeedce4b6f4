package sqlstore

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
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
	return turnOf("signing-profile/" + string(key.Account) + "/" + key.Name)
}

// repositoryTurn is the turn of a repository, taken before its row: shared by
// those who add, alone by those who take away.
func repositoryTurn(key registry.Key) turn {
	return turnOf("repository/" + string(key.Account) + "/" + string(key.Name))
}

// blobTurn is the turn of a blob's content: shared by those who link it, alone by
// who gives it up. Here there may be no row to hold, so on PostgreSQL the turn is
// the lock: it is the transaction's, and what is read after it is what others
// have committed.
func blobTurn(digest ociref.Digest) turn { return turnOf("blob/" + string(digest)) }

// quotaTurn is the turn of what an account may have so many of: held alone by who
// adds one, from before it counts. There is no row to hold, so the turn is the lock.
func quotaTurn(account arn.AccountID, what string) turn {
	return turnOf("quota/" + string(account) + "/" + what)
}

// underQuota fails with ErrTooMany if an account has most of something, counted by
// a query; else nobody else adds one until tx ends.
func (s accessStore) underQuota(tx querier, t turn, most int, count string, args ...any) error {
	if err := s.db.engine.await(tx, t, holdAlone); err != nil {
		return err
	}
	there, err := scanOne[int](tx.row(count, args...))
	if err == nil && there >= most {
		err = access.ErrTooMany
	}
	return err
}

// leavesTurn is the turn of all leaves: shared by who signs, taken after the
// profile's; alone by who revokes a certificate.
var leavesTurn = turnOf("leaves")

// authoritiesTurn is the turn of all CAs: alone by who adds, retires or revokes one.
// What is decided upon are several rows, so on PostgreSQL the turn is the lock.
var authoritiesTurn = turnOf("authorities")

func turnOf(name string) turn {
	sum := sha256.Sum256([]byte(name))
	return turn(binary.BigEndian.Uint64(sum[:]))
}

// awaitSigning takes the turns of a signature in one statement.
func (db *DB) awaitSigning(tx querier, key signing.ProfileKey) error {
	return db.engine.awaitBoth(tx, profileTurn(key), leavesTurn)
}

// awaitBoth implements [engine].
func (e *sqliteEngine) awaitBoth(querier, turn, turn) error { return nil }

// awaitBoth implements [engine].
func (e *postgresEngine) awaitBoth(tx querier, first, second turn) error {
	_, err := tx.exec(`SELECT pg_advisory_xact_lock_shared($1), pg_advisory_xact_lock_shared($2)`, int64(first), int64(second))
	return err
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
