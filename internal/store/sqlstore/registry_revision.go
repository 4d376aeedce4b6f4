package sqlstore

import "github.com/sealwright/sealwright/internal/ociref"

// renewReferrers gives the list of a subject's referrers another revision, or
// none when nothing refers to it any more, so that subjects that never came
// leave no row behind. Revisions are random: none comes twice, although rows
// come and go. It is the last thing a push does, because on PostgreSQL the row
// holds up whoever pushes onto the same subject until the commit.
func renewReferrers(tx querier, repository int64, subject ociref.Digest) error {
	for _, one := range []string{
		`m.repository, m.subject, CAST($1 AS BIGINT) FROM manifests m WHERE m.repository = $2 AND m.subject = $3 AND m.subject <> '' AND` + living,
		`h.repository, h.subject, CAST($1 AS BIGINT) FROM referrals h WHERE h.repository = $2 AND h.subject = $3 AND` + told,
	} {
		renewed, err := tx.exec(`INSERT INTO referrer_revisions (repository, subject, revision) SELECT `+one+`LIMIT 1
			ON CONFLICT (repository, subject) DO UPDATE SET revision = excluded.revision`, randomID(), repository, subject)
		if err != nil || renewed > 0 {
			return err
		}
	}
	_, err := tx.exec(`DELETE FROM referrer_revisions WHERE repository = $1 AND subject = $2`, repository, subject)
	return err
}
