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
	certificateColumns = `c.id, c.role, c.region, c.serial, c.der, c.hash, c.issuer, c.replica,
		c.not_before, c.not_after, c.created_at, c.revoked_at`
	selectCertificate = `SELECT ` + certificateColumns + ` FROM certificates c WHERE c.id = $1`
)

// BootstrapHierarchy implements [authority.Store].
func (s authorityStore) BootstrapHierarchy(ctx context.Context, h authority.Hierarchy, e journal.Event) (stands authority.Hierarchy, err error) {
	err = s.db.write(ctx, func(tx querier) error {
		made, err := claim(tx, hierarchy, h.Issuing.ID)
		if err != nil {
			return err
		}
		if made {
			if err := insertHierarchy(tx, h, e); err != nil {
				return err
			}
		}
		stands, err = readHierarchy(tx)
		return err
	})
	return stands, err
}

func insertHierarchy(tx querier, h authority.Hierarchy, e journal.Event) error {
	for _, c := range []struct {
		authority.Certificate
		key []byte
	}{{h.Root, h.RootKey}, {h.Issuing, h.IssuingKey}} {
		if err := insertCertificate(tx, c.Certificate); err != nil {
			return err
		}
		if _, err := tx.exec(`INSERT INTO authority_keys (certificate, sealed) VALUES ($1, $2)`, c.ID, c.key); err != nil {
			return err
		}
	}
	return record(tx, e)
}

// Hierarchy implements [authority.Store].
func (s authorityStore) Hierarchy(ctx context.Context) (h authority.Hierarchy, err error) {
	err = s.db.snapshot(ctx, func(tx querier) error {
		h, err = readHierarchy(tx)
		return err
	})
	return h, err
}

func readHierarchy(tx querier) (authority.Hierarchy, error) {
	var h authority.Hierarchy
	var issuing string
	err := tx.row(`SELECT id FROM bootstrap WHERE what = $1`, hierarchy).Scan(&issuing)
	if err != nil {
		return h, orElse(err, authority.ErrNoHierarchy)
	}
	if h.Issuing, h.IssuingKey, err = readKeyHolder(tx, issuing); err != nil {
		return h, err
	}
	h.Root, h.RootKey, err = readKeyHolder(tx, h.Issuing.IssuerID)
	return h, err
}

// readKeyHolder reads a certificate whose sealed key is kept.
func readKeyHolder(tx querier, id string) (authority.Certificate, []byte, error) {
	c, err := scanCertificate(tx.row(selectCertificate, id))
	if err != nil {
		return c, nil, err
	}
	var sealed []byte
	err = tx.row(`SELECT sealed FROM authority_keys WHERE certificate = $1`, id).Scan(&sealed)
	return c, sealed, err
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
		if err := insertCertificate(tx, c); err != nil {
			return err
		}
		return record(tx, e)
	})
}

func insertCertificate(tx querier, c authority.Certificate) error {
	_, err := tx.exec(`INSERT INTO certificates (id, role, region, serial, der, hash, issuer, replica,
			not_before, not_after, created_at, revoked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		c.ID, string(c.Role), c.Region, c.Serial, c.DER, c.Hash, c.IssuerID, c.Replica,
		micros(c.NotBefore), micros(c.NotAfter), micros(c.CreatedAt), micros(c.RevokedAt))
	return err
}

// Certificate implements [authority.Store].
func (s authorityStore) Certificate(ctx context.Context, id string) (c authority.Certificate, err error) {
	err = s.db.read(ctx, func(q querier) error {
		c, err = scanCertificate(q.row(selectCertificate, id))
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
	return []any{&c.ID, &c.Role, &c.Region, &c.Serial, &c.DER, &c.Hash, &c.IssuerID, &c.Replica,
		timeColumn{&c.NotBefore}, timeColumn{&c.NotAfter}, timeColumn{&c.CreatedAt}, timeColumn{&c.RevokedAt}}
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
