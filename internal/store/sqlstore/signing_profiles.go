package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// Profiles returns the signing profiles.
func (db *DB) Profiles() signing.ProfileStore { return profileStore{db} }

type profileStore struct{ db *DB }

// A profile is read from its name's row, h, and one version's row, p.
const (
	profileColumns = `p.account, p.name, p.version, p.region, p.platform, p.validity_value, p.validity_unit,
		p.parameters, h.tags, p.status, p.status_reason, p.created_at,
		p.revoked_from, p.revoked_at, p.revoked_by, p.revocation_reason, p.ended_at`
	fromProfile   = ` FROM profiles h JOIN profile_versions p ON p.account = h.account AND p.name = h.name `
	ofVersion     = `WHERE h.account = $1 AND h.name = $2 AND p.version = $3`
	ofNewest      = `WHERE h.account = $1 AND h.name = $2 AND p.version = h.newest`
	selectVersion = `SELECT ` + profileColumns + fromProfile + ofVersion
	selectNewest  = `SELECT ` + profileColumns + fromProfile + ofNewest
)

// Profile implements [signing.ProfileStore].
func (s profileStore) Profile(ctx context.Context, key signing.ProfileKey, version string) (p signing.Profile, err error) {
	err = s.db.read(ctx, func(q querier) error {
		p, err = readProfile(q, key, version)
		return err
	})
	return p, err
}

// readProfile reads a version, "" for the newest.
func readProfile(q querier, key signing.ProfileKey, version string) (signing.Profile, error) {
	if version == "" {
		return scanProfile(q.row(selectNewest, string(key.Account), key.Name))
	}
	return scanProfile(q.row(selectVersion, string(key.Account), key.Name, version))
}

func scanProfile(row scanner) (signing.Profile, error) {
	var p signing.Profile
	var r signing.ProfileRevocation
	err := row.Scan(profileDest(&p, &r)...)
	p.Revocation = revocationOf(r)
	return p, orElse(err, signing.ErrProfileNotFound)
}

// profileDest is where profileColumns are scanned to.
func profileDest(p *signing.Profile, r *signing.ProfileRevocation) []any {
	return []any{&p.Account, &p.Name, &p.Version, &p.Region, &p.Platform, &p.Validity.Value, &p.Validity.Unit,
		jsonColumn[map[string]string]{&p.Parameters}, jsonColumn[map[string]string]{&p.Tags},
		&p.Status, &p.StatusReason, timeColumn{&p.CreatedAt},
		timeColumn{&r.EffectiveFrom}, timeColumn{&r.RevokedAt}, &r.RevokedBy, &r.Reason, timeColumn{&p.EndedAt}}
}

// revocationOf returns nil for a version that is not revoked. One that is has an
// effective time: its 0 is 1970, from when on people void all there ever was.
func revocationOf(r signing.ProfileRevocation) *signing.ProfileRevocation {
	if r.RevokedAt.IsZero() {
		return nil
	}
	if r.EffectiveFrom.IsZero() {
		r.EffectiveFrom = time.Unix(0, 0).UTC()
	}
	return &r
}

// ChangeProfile implements [signing.ProfileStore]. The row of the profile's name
// is the lock: see the table profiles. It is taken in a statement of its own,
// because only the next one sees what whoever held it has committed.
func (s profileStore) ChangeProfile(ctx context.Context, key signing.ProfileKey, version string, change func(current *signing.Profile) (*signing.Profile, journal.Event, error)) (stands *signing.Profile, err error) {
	err = s.db.changeDecisions(ctx, func(tx querier) error {
		if err := s.db.engine.await(tx, profileTurn(key), holdAlone); err != nil {
			return err
		}
		named, err := lockProfile(tx, key)
		if err != nil {
			return err
		}
		current, err := profileOrNil(tx, key, version)
		if err != nil {
			return err
		}
		next, e, err := change(current)
		if stands = current; err != nil || next == nil {
			return err
		}
		if !named {
			err = nameProfile(tx, key, *next)
		}
		if err == nil {
			stands, err = saveProfile(tx, current, key, *next)
		}
		if err != nil {
			return err
		}
		if !maps.Equal(tagsOf(current), next.Tags) {
			return recordDecision(tx, e)
		}
		return record(tx, e)
	})
	if err != nil {
		return nil, err
	}
	return stands, nil
}

// tagsOf are the tags of a profile, none if there is none.
func tagsOf(p *signing.Profile) map[string]string {
	if p == nil {
		return nil
	}
	return p.Tags
}

// lockProfile locks a profile's name; named says whether there is one.
func lockProfile(tx querier, key signing.ProfileKey) (named bool, err error) {
	var newest string
	err = tx.row(`SELECT newest FROM profiles WHERE account = $1 AND name = $2 FOR UPDATE`, string(key.Account), key.Name).Scan(&newest)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// profileOrNil reads a version, or nil if there is none.
func profileOrNil(q querier, key signing.ProfileKey, version string) (*signing.Profile, error) {
	p, err := readProfile(q, key, version)
	if errors.Is(err, signing.ErrProfileNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// nameProfile adds the row of a new name. If another transaction was quicker,
// change decided upon what is no longer so: all of it runs again.
func nameProfile(tx querier, key signing.ProfileKey, p signing.Profile) error {
	added, err := tx.exec(`INSERT INTO profiles (account, name, region, newest, tags) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account, name) DO NOTHING`, string(key.Account), key.Name, p.Region, p.Version, jsonText(p.Tags))
	if err == nil && added == 0 {
		return errAgain
	}
	return err
}

// saveProfile updates current's version or adds another, and returns what is
// there then.
func saveProfile(tx querier, current *signing.Profile, key signing.ProfileKey, next signing.Profile) (*signing.Profile, error) {
	save := insertVersion
	if current != nil && current.Version == next.Version {
		save = updateVersion
	}
	if err := save(tx, key, next); err != nil {
		return nil, err
	}
	return profileOrNil(tx, key, next.Version)
}

func insertVersion(tx querier, key signing.ProfileKey, p signing.Profile) error {
	r := cmp.Or(p.Revocation, &signing.ProfileRevocation{})
	if err := forgetPermissions(tx, key); err != nil {
		return err
	}
	if _, err := tx.exec(`INSERT INTO profile_versions (account, name, version, region, platform, validity_value,
			validity_unit, parameters, status, status_reason, created_at,
			revoked_from, revoked_at, revoked_by, revocation_reason, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		string(key.Account), key.Name, p.Version, p.Region, p.Platform, p.Validity.Value,
		string(p.Validity.Unit), jsonText(p.Parameters), string(p.Status), p.StatusReason, micros(p.CreatedAt),
		micros(r.EffectiveFrom), micros(r.RevokedAt), r.RevokedBy, r.Reason, micros(p.EndedAt)); err != nil {
		return err
	}
	_, err := tx.exec(`UPDATE profiles SET newest = $1, tags = $2 WHERE account = $3 AND name = $4`,
		p.Version, jsonText(p.Tags), string(key.Account), key.Name)
	return err
}

func updateVersion(tx querier, key signing.ProfileKey, p signing.Profile) error {
	r := cmp.Or(p.Revocation, &signing.ProfileRevocation{})
	if _, err := tx.exec(`UPDATE profile_versions SET region = $1, platform = $2, validity_value = $3,
			validity_unit = $4, parameters = $5, status = $6, status_reason = $7, created_at = $8,
			revoked_from = $9, revoked_at = $10, revoked_by = $11, revocation_reason = $12, ended_at = $13
		WHERE account = $14 AND name = $15 AND version = $16`,
		p.Region, p.Platform, p.Validity.Value,
		string(p.Validity.Unit), jsonText(p.Parameters), string(p.Status), p.StatusReason, micros(p.CreatedAt),
		micros(r.EffectiveFrom), micros(r.RevokedAt), r.RevokedBy, r.Reason, micros(p.EndedAt),
		string(key.Account), key.Name, p.Version); err != nil {
		return err
	}
	_, err := tx.exec(`UPDATE profiles SET tags = $1 WHERE account = $2 AND name = $3`,
		jsonText(p.Tags), string(key.Account), key.Name)
	return err
}
