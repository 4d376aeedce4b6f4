package sqlstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// The parts of a page of referrers: of the repository $1, $2 and the subject $3,
// after the place $4, $5, at most $6.
const (
	referrersThat = ` FROM manifests m WHERE ` + inRepository +
		` AND m.subject = $3 AND m.subject <> '' AND (m.pushed_at, m.digest) > ($4, $5) AND` + living
	referrersInOrder = ` ORDER BY m.pushed_at, m.digest LIMIT $6`

	referralsThat = ` FROM referrals h CROSS JOIN manifests m WHERE h.repository = ` + theRepository +
		` AND h.subject = $3 AND (h.pushed_at, h.digest) > ($4, $5) AND` + told + `AND m.repository = h.repository AND m.digest = h.digest`
	referralsInOrder = ` ORDER BY h.pushed_at, h.digest LIMIT $6`
)

// Referrers implements registry.ManifestStore. The page ends with the sum of
// manifest sizes, which annotations are part of: the database itself must not
// bring together more. Nearly all pages are small and have no referrals, which one
// question tells; to run the sum along costs more than all the rest.
func (s manifests) Referrers(ctx context.Context, key registry.Key, subject ociref.Digest, f registry.ReferrerFilter) (list []registry.Manifest, more bool, err error) {
	args := []any{key.Account, key.Name, subject, f.After.PushedAt.UnixMicro(), f.After.Digest, f.Limit + 1}
	types := sorted(f.ArtifactTypes)
	for _, t := range types {
		args = append(args, t)
	}
	err = s.db.read(ctx, func(q querier) error {
		query, err := referrersQuery(q, len(types), args)
		if err != nil {
			return err
		}
		list, err = collect(q, scanReferrer(key), query, args...)
		if err == nil && len(list) == 0 {
			err = orNoRepository(q, key, nil)
		}
		return err
	})
	if len(list) > f.Limit {
		return list[:f.Limit], true, err
	}
	return list, contentSize(list) >= registry.ReferrersPage, err
}

// referrersQuery chooses the query for a page: that for small ones without
// referrals, of at most one type, or that for any.
func referrersQuery(q querier, types int, args []any) (string, error) {
	if types > 1 {
		return anyReferrers(types), nil
	}
	of := ""
	if types == 1 {
		of = ` AND m.artifact_type = $7`
	}
	var size int64
	var referrals bool
	err := q.row(`SELECT CAST(COALESCE(SUM(p.content_size), 0) AS BIGINT),
		EXISTS (SELECT 1 FROM referrals h WHERE h.repository = `+theRepository+` AND h.subject = $3)
		FROM (SELECT m.content_size`+referrersThat+of+referrersInOrder+`) AS p`, args...).Scan(&size, &referrals)
	if size < registry.ReferrersPage && !referrals {
		return `SELECT ` + manifestColumns + `, m.annotations` + referrersThat + of + referrersInOrder, err
	}
	return anyReferrers(types), err
}

// anyReferrers ends the page with the sum of sizes. Each artifact type is a walk
// along the indexes by type, of referrers and of referrals, and their first pages
// are merged: so the cost is the page's, however many referrers have other types.
func anyReferrers(types int) string {
	var pages []string
	for i := range max(types, 1) {
		own, told := "", ""
		if types > 0 {
			own, told = fmt.Sprintf(` AND m.artifact_type = $%d`, 7+i), fmt.Sprintf(` AND h.artifact_type = $%d`, 7+i)
		}
		pages = append(pages,
			fmt.Sprintf(`SELECT * FROM (SELECT m.repository, m.digest, m.pushed_at, m.content_size%s%s%s) AS p%d`, referrersThat, own, referrersInOrder, i),
			fmt.Sprintf(`SELECT * FROM (SELECT h.repository, h.digest, h.pushed_at, m.content_size%s%s%s) AS h%d`, referralsThat, told, referralsInOrder, i))
	}
	return `SELECT ` + manifestColumns + `, m.annotations FROM (
			SELECT w.*, SUM(w.content_size) OVER (ORDER BY w.pushed_at, w.digest ROWS UNBOUNDED PRECEDING) AS upto
			FROM (` + strings.Join(pages, ` UNION ALL `) + `) AS w) AS o
		JOIN manifests m ON m.repository = o.repository AND m.digest = o.digest
		WHERE o.upto - o.content_size < ` + strconv.Itoa(registry.ReferrersPage) + referrersInOrder
}

// contentSize is what the manifests of a list have together.
func contentSize(list []registry.Manifest) (total int64) {
	for _, m := range list {
		total += m.ContentSize
	}
	return total
}
