package sqlstore

import (
	"context"
	"sync"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
)

// Authority returns the certificates and the sealed keys of the authority.
func (db *DB) Authority() authority.Store { return authorityStore{db} }

type authorityStore struct{ db *DB }

const (
	certificateColumns = `c.id, c.role, c.region, c.serial, c.der, c.hash, c.issuer, c.key_id, c.replica,
		c.not_before, c.not_after, c.created_at, c.retired_at, c.revoked_at, c.revoked_by, c.reason`
	selectCertificate = `SELECT ` + certificateColumns + ` FROM certificates c WHERE c.id = $1`
	selectByName      = `SELECT ` + certificateColumns + ` FROM certificates c WHERE c.id = $1 OR c.hash = $2`
	selectAuthorities = `SELECT ` + certificateColumns + ` FROM certificates c
		WHERE c.role IN ('root', 'issuing') ORDER BY c.created_at, c.role DESC, c.id`
)

// Authorities implements [authority.Store].
func (s authorityStore) Authorities(ctx context.Context) (all authority.Authorities, err error) {
	err = s.db.snapshot(ctx, func(tx querier) error {
		all, err = readAuthorities(tx)
		return err
	})
	return all, err
}

func readAuthorities(tx querier) (all authority.Authorities, err error) {
	err = tx.row(`SELECT id FROM bootstrap WHERE what = $1`, activeAuthority).Scan(&all.Active)
	if err = orElse(err, nil); err != nil {
		return all, err
	}
	all.CAs, err = collect(tx, scanCertificate, selectAuthorities)
	return all, err
}

// ChangeAuthorities implements [authority.Store].
func (s authorityStore) ChangeAuthorities(ctx context.Context, change func(now authority.Authorities) (*authority.Change, error)) (stands authority.Authorities, err error) {
	err = s.db.write(ctx, func(tx querier) error {
		if err := s.db.engine.await(tx, authoritiesTurn, holdAlone); err != nil {
			return err
		}
		if stands, err = readAuthorities(tx); err != nil {
			return err
		}
		c, err := change(stands)
		if c == nil || err != nil {
			return err
		}
		if err := changeAuthorities(tx, *c); err != nil {
			return err
		}
		if stands, err = readAuthorities(tx); err != nil {
			return err
		}
		return record(tx, c.Event)
	})
	return stands, err
}

func changeAuthorities(tx querier, c authority.Change) error {
	for _, ca := range c.Add {
		if _, err := insertCertificate(tx, ca); err != nil {
			return err
		}
	}
	for _, id := range c.Retire {
		if _, err := tx.exec(`UPDATE certificates SET retired_at = $1 WHERE id = $2`, micros(c.Event.Time), id); err != nil {
			return err
		}
	}
	if c.Activate == "" {
		return nil
	}
	_, err := tx.exec(`INSERT INTO bootstrap (what, id) VALUES ($1, $2) ON CONFLICT (what) DO UPDATE SET id = excluded.id`, activeAuthority, c.Activate)
	return err
}

// AddCertificate implements [authority.Store].
func (s authorityStore) AddCertificate(ctx context.Context, c authority.Certificate, e journal.Event) error {
	return s.db.write(ctx, func(tx querier) error {
		issuer, err := scanCertificate(tx.row(selectCertificate+` FOR SHARE`, c.IssuerID))
		if err != nil {
			return err
		}
		if !issuer.RevokedAt.IsZero() {
			return authority.ErrCertificateBad
		}
		added, err := insertCertificate(tx, c)
		if err != nil {
			return err
		}
		if added == 0 {
			return authority.ErrKnown
		}
		return record(tx, e)
	})
}

func insertCertificate(tx querier, c authority.Certificate) (added int64, err error) {
	onConflict := ` ON CONFLICT DO NOTHING`
	if c.Role != authority.Leaf {
		onConflict = ` ON CONFLICT (id) DO UPDATE SET key_id = excluded.key_id WHERE certificates.key_id = ''`
	}
	return tx.exec(`INSERT INTO certificates (id, role, region, serial, der, hash, issuer, key_id, replica,
			not_before, not_after, created_at, retired_at, revoked_at, revoked_by, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`+onConflict,
		c.ID, string(c.Role), c.Region, c.Serial, c.DER, c.Hash, c.IssuerID, c.KeyID, c.Replica,
		micros(c.NotBefore), micros(c.NotAfter), micros(c.CreatedAt), micros(c.RetiredAt), micros(c.RevokedAt), c.RevokedBy, int64(c.Reason))
}

// Certificate implements [authority.Store].
func (s authorityStore) Certificate(ctx context.Context, name string) (c authority.Certificate, err error) {
	err = s.db.read(ctx, func(q querier) error {
		c, err = scanCertificate(q.row(selectByName, name, name))
		return err
	})
	return c, err
}

// Certificates implements [authority.Store].
func (s authorityStore) Certificates(ctx context.Context, role authority.Role) (all []authority.Certificate, err error) {
	err = s.db.read(ctx, func(q querier) error {
		all, err = collect(q, scanCertificate, `SELECT `+certificateColumns+` FROM certificates c
			WHERE c.role = $1 ORDER BY c.created_at DESC, c.id DESC`, string(role))
		return err
	})
	return all, err
}

func scanCertificate(row scanner) (authority.Certificate, error) {
	var c authority.Certificate
	err := row.Scan(certificateDest(&c)...)
	return c, orElse(err, authority.ErrNoCertificate)
}

// certificateDest is where certificateColumns are scanned to.
func certificateDest(c *authority.Certificate) []any {
	return []any{&c.ID, &c.Role, &c.Region, &c.Serial, &c.DER, &c.Hash, &c.IssuerID, &c.KeyID, &c.Replica,
		timeColumn{&c.NotBefore}, timeColumn{&c.NotAfter}, timeColumn{&c.CreatedAt}, timeColumn{&c.RetiredAt},
		timeColumn{&c.RevokedAt}, &c.RevokedBy, &c.Reason}
}

// Revoke implements [authority.Store]. Signers hold the turn of leaves shared, so
// they do not keep a revocation out for as long as they come. No CA is added
// meanwhile below one that is being revoked.
func (s authorityStore) Revoke(ctx context.Context, id string, r authority.Revocation, e journal.Event) (again bool, err error) {
	err = s.db.write(ctx, func(tx querier) error {
		for _, turn := range []turn{authoritiesTurn, leavesTurn} {
			if err := s.db.engine.await(tx, turn, holdAlone); err != nil {
				return err
			}
		}
		c, err := scanCertificate(tx.row(selectCertificate+` FOR UPDATE`, id))
		if err != nil {
			return err
		}
		if again = !c.RevokedAt.IsZero(); again {
			return nil
		}
		if err := revokeBelow(tx, c.ID, r); err != nil {
			return err
		}
		return record(tx, e)
	})
	return again, err
}

// revokeBelow voids a certificate, then those it issued and theirs: an issuer's
// row first, so that no leaf is added that would not be seen.
func revokeBelow(tx querier, id string, r authority.Revocation) error {
	if _, err := tx.exec(`UPDATE certificates SET revoked_at = $1, revoked_by = $2, reason = $3 WHERE id = $4 AND revoked_at = 0`,
		micros(r.RevokedAt), r.RevokedBy, int64(r.Reason), id); err != nil {
		return err
	}
	r.Reason = authority.CACompromise
	below, err := collect(tx, scanOne[string], `SELECT c.id FROM certificates c WHERE c.issuer = $1 AND c.id <> $2 AND c.role <> 'leaf' ORDER BY c.id`, id, id)
	if err != nil {
		return err
	}
	for _, child := range below {
		if err := revokeBelow(tx, child, r); err != nil {
			return err
		}
	}
	_, err = tx.exec(`UPDATE certificates SET revoked_at = $1, revoked_by = $2, reason = $3 WHERE issuer = $4 AND role = 'leaf' AND revoked_at = 0`,
		micros(r.RevokedAt), r.RevokedBy, int64(r.Reason), id)
	return err
}

// Revoked implements [authority.Store].
func (s authorityStore) Revoked(ctx context.Context, issuer string) (all []authority.Certificate, err error) {
	err = s.db.read(ctx, func(q querier) error {
		all, err = collect(q, scanCertificate, `SELECT `+certificateColumns+` FROM certificates c
			WHERE c.issuer = $1 AND c.id <> $2 AND c.revoked_at <> 0 ORDER BY c.revoked_at, c.id`, issuer, issuer)
		return err
	})
	return all, err
}

// leaves remembers certificates that sign, all of which but the revocation never
// changes: to read them again for each signature costs a tenth of its record.
type leaves struct {
	mu   sync.Mutex
	byID map[string]authority.Certificate
}

// maxLeaves is more than the replicas of an installation.
const maxLeaves = 64

// leaf reads a certificate, perhaps from memory: its RevokedAt may be out of
// date, and so may be that it is there.
func (db *DB) leaf(tx querier, id string) (authority.Certificate, error) {
	if c, known := db.leaves.get(id); known {
		return c, nil
	}
	c, err := scanCertificate(tx.row(selectCertificate, id))
	if err == nil {
		db.leaves.put(c)
	}
	return c, err
}

func (l *leaves) get(id string) (authority.Certificate, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, known := l.byID[id]
	return c, known
}

func (l *leaves) put(c authority.Certificate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID == nil || len(l.byID) >= maxLeaves {
		l.byID = make(map[string]authority.Certificate)
	}
	l.byID[c.ID] = c
}
