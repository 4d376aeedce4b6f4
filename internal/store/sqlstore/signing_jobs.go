package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// Jobs returns the signing jobs.
func (db *DB) Jobs() signing.JobStore { return jobStore{db} }

type jobStore struct{ db *DB }

// A job is read with its leaf's row, c.
const (
	selectJob  = selectJobs + joinLeaf
	selectJobs = `SELECT j.account, j.id, j.region, j.invoker, j.requested_by, j.profile_name, j.profile_version,
			j.platform, j.certificate, c.hash, j.payload_digest, j.signed_at, j.expires_at, j.created_at,
			j.revoked_at, j.revoked_by, j.revocation_reason
		FROM jobs j `
	joinLeaf = `JOIN certificates c ON c.id = j.certificate `
	jobByKey = selectJob + `WHERE j.account = $1 AND j.id = $2`

	// selectSigning reads and holds what a signature depends on. All three rows are
	// locked, so PostgreSQL gives the newest state of each, also after waiting. Of
	// the leaf only its revocation can change.
	selectSigning = `SELECT p.status, p.version = h.newest, c.revoked_at` + fromProfile +
		`CROSS JOIN certificates c ` + ofVersion + ` AND c.id = $4 FOR SHARE OF h, p, c`
)

// RecordJob implements [signing.JobStore].
func (s jobStore) RecordJob(ctx context.Context, job signing.Job, check func(signing.Standing) error, e journal.Event) error {
	return s.db.recorders.record(ctx, &recording{job, check, e})
}

// holdSigning reads the rows job depends on and holds them until tx ends.
func (db *DB) holdSigning(tx querier, job signing.Job) (s signing.Standing, err error) {
	if err = db.awaitSigning(tx, signing.ProfileKey{Account: job.Account, Name: job.ProfileName}); err != nil {
		return s, err
	}
	if s.Leaf, err = db.leaf(tx, job.CertificateID); err != nil {
		return s, whatIsMissing(tx, job, err)
	}
	err = tx.row(selectSigning, string(job.Account), job.ProfileName, job.ProfileVersion, s.Leaf.ID).
		Scan(&s.Status, &s.Newest, timeColumn{&s.Leaf.RevokedAt})
	return s, whatIsMissing(tx, job, err)
}

// whatIsMissing explains why a row was not found: the profile's first.
func whatIsMissing(tx querier, job signing.Job, err error) error {
	if err == nil || !errors.Is(err, sql.ErrNoRows) && !errors.Is(err, authority.ErrNoCertificate) {
		return err
	}
	key := signing.ProfileKey{Account: job.Account, Name: job.ProfileName}
	if _, err := readProfile(tx, key, job.ProfileVersion); err != nil {
		return err
	}
	if _, err := scanCertificate(tx.row(selectCertificate, job.CertificateID)); err != nil {
		return err
	}
	return errAgain // it came meanwhile
}

// insertJobs inserts jobs that are new, so none is revoked.
var insertJobs = insertFixed("jobs", []string{"revoked_at = 0", "revoked_by = ''", "revocation_reason = ''"},
	"account", "id", "region", "invoker", "requested_by", "profile_name", "profile_version",
	"platform", "certificate", "payload_digest", "signed_at", "expires_at", "created_at")

// appendJob appends the columns of insertJobs.
func appendJob(row []any, j *signing.Job) []any {
	return append(row, string(j.Account), j.ID, j.Region, string(j.Invoker), j.RequestedBy, j.ProfileName, j.ProfileVersion,
		j.Platform, j.CertificateID, j.PayloadDigest, micros(j.SignedAt), micros(j.ExpiresAt), micros(j.CreatedAt))
}

// Job implements [signing.JobStore].
func (s jobStore) Job(ctx context.Context, key signing.JobKey) (j signing.Job, err error) {
	err = s.db.read(ctx, func(q querier) error {
		j, err = scanJob(q.row(jobByKey, string(key.Account), key.ID))
		return err
	})
	return j, err
}

func scanJob(row scanner) (signing.Job, error) {
	var j signing.Job
	var r signing.JobRevocation
	err := row.Scan(&j.Account, &j.ID, &j.Region, &j.Invoker, &j.RequestedBy, &j.ProfileName, &j.ProfileVersion,
		&j.Platform, &j.CertificateID, &j.CertificateHash, &j.PayloadDigest,
		timeColumn{&j.SignedAt}, timeColumn{&j.ExpiresAt}, timeColumn{&j.CreatedAt},
		timeColumn{&r.RevokedAt}, &r.RevokedBy, &r.Reason)
	if !r.RevokedAt.IsZero() {
		j.Revocation = &r
	}
	return j, orElse(err, signing.ErrJobNotFound)
}

// ChangeJob implements [signing.JobStore].
func (s jobStore) ChangeJob(ctx context.Context, key signing.JobKey, change func(current signing.Job) (*signing.Job, journal.Event, error)) (stands signing.Job, err error) {
	err = s.db.write(ctx, func(tx querier) error {
		if stands, err = scanJob(tx.row(jobByKey+` FOR UPDATE OF j`, string(key.Account), key.ID)); err != nil {
			return err
		}
		next, e, err := change(stands)
		if err != nil || next == nil {
			return err
		}
		if err := updateJob(tx, key, *next); err != nil {
			return err
		}
		if stands, err = scanJob(tx.row(jobByKey, string(key.Account), key.ID)); err != nil {
			return err
		}
		return record(tx, e)
	})
	if err != nil {
		return signing.Job{}, err
	}
	return stands, nil
}

// updateJob saves what may change of a job: its revocation. What was signed by
// whom for whom is history.
func updateJob(tx querier, key signing.JobKey, j signing.Job) error {
	r := cmp.Or(j.Revocation, &signing.JobRevocation{})
	_, err := tx.exec(`UPDATE jobs SET revoked_at = $1, revoked_by = $2, revocation_reason = $3 WHERE account = $4 AND id = $5`,
		micros(r.RevokedAt), r.RevokedBy, r.Reason, string(key.Account), key.ID)
	return err
}
