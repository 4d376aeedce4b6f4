package sqlstore

import (
	"context"
	"fmt"

	"github.com/sealwright/sealwright/internal/signing"
)

// A page of a list looks at no more rows than these, however few its filter
// selects: it ends where they end, and says so. Whoever pages on finds all. An
// index for each filter would cost each signature more than it saves: see
// docs/decisions/0162-lists-of-jobs.md.
const (
	jobWindow     = 10_000
	indexWindow   = 1_000 // of jobs that an index names, each somewhere in the table
	profileWindow = 1_000 // each is read with its version
)

// Jobs implements [signing.JobStore].
func (s jobStore) Jobs(ctx context.Context, f signing.JobFilter) (page []signing.Job, next string, err error) {
	err = s.db.read(ctx, func(q querier) error {
		w, hint := jobsWalk(f)
		if page, next = nil, ""; filterJobs(&where{}, f) {
			window := jobWindow
			if hint != "" {
				window = indexWindow
			}
			if next, err = lastOf(q, `SELECT j.id FROM jobs j `+hint+w.clause()+` ORDER BY j.id DESC`, window, w.args); err != nil {
				return err
			}
			filterJobs(w, f)
		}
		if next != "" {
			w.and(`j.id >= ?`, next)
		}
		query := selectJobs + hint + joinLeaf + w.clause() + ` ORDER BY j.id DESC ` + w.limit(f.Limit+1)
		page, err = collect(q, scanJob, query, w.args...)
		return err
	})
	if len(page) > f.Limit {
		page = page[:f.Limit]
		next = page[len(page)-1].ID
	}
	return page, next, err
}

// lastOf returns the last of the first n that a query selects; "" if it selects
// fewer.
func lastOf(q querier, query string, n int, args []any) (last string, err error) {
	last, err = scanOne[string](q.row(query+fmt.Sprintf(` LIMIT 1 OFFSET %d`, n-1), args...))
	return last, orElse(err, nil)
}

// jobsWalk chooses the index that a list of jobs walks: that of revoked jobs, that
// of jobs which other accounts invoked, in the words of these, or all.
func jobsWalk(f signing.JobFilter) (w *where, hint string) {
	w = &where{}
	w.and(`j.account = ?`, string(f.Account))
	switch {
	case revokedOnly(f):
		w.and(`j.revoked_at <> 0`)
		hint = `/* INDEXED BY jobs_revoked */ `
	case invokedByOther(f):
		w.and(`j.invoker <> j.account`)
		w.and(`j.invoker = ?`, string(f.Invoker))
		hint = `/* INDEXED BY jobs_invoked_by_others */ `
	}
	if f.After != "" {
		w.and(`j.id < ?`, f.After)
	}
	return w, hint
}

func revokedOnly(f signing.JobFilter) bool { return f.Revoked != nil && *f.Revoked }

func invokedByOther(f signing.JobFilter) bool { return f.Invoker != "" && f.Invoker != f.Account }

// filterJobs adds what the index of jobsWalk does not select, and reports whether there is any.
func filterJobs(w *where, f signing.JobFilter) bool {
	before := len(w.text)
	if f.Platform != "" {
		w.and(`j.platform = ?`, f.Platform)
	}
	if f.RequestedBy != "" {
		w.and(`j.requested_by = ?`, f.RequestedBy)
	}
	if f.Invoker != "" && (revokedOnly(f) || !invokedByOther(f)) {
		w.and(`j.invoker = ?`, string(f.Invoker))
	}
	if f.Revoked != nil && !*f.Revoked {
		w.and(`j.revoked_at = 0`)
	}
	if !f.ExpiresBefore.IsZero() {
		w.and(`j.expires_at < ?`, micros(f.ExpiresBefore))
	}
	if !f.ExpiresAfter.IsZero() {
		w.and(`j.expires_at > ?`, micros(f.ExpiresAfter))
	}
	return len(w.text) > before
}

// Profiles implements [signing.ProfileStore].
func (s profileStore) Profiles(ctx context.Context, f signing.ProfileFilter) (page []signing.Profile, next string, err error) {
	err = s.db.read(ctx, func(q querier) error {
		w := &where{}
		w.and(`h.account = ?`, string(f.Account))
		w.and(`h.name > ?`, f.After)
		if page, next = nil, ""; filterProfiles(&where{}, f) {
			if next, err = lastOf(q, `SELECT h.name FROM profiles h `+w.clause()+` ORDER BY h.name`, profileWindow, w.args); err != nil {
				return err
			}
			filterProfiles(w, f)
		}
		if next != "" {
			w.and(`h.name <= ?`, next)
		}
		query := `SELECT ` + profileColumns + fromProfile + w.clause() + ` AND p.version = h.newest ORDER BY h.name ` + w.limit(f.Limit+1)
		page, err = collect(q, scanProfile, query, w.args...)
		return err
	})
	if len(page) > f.Limit {
		page = page[:f.Limit]
		next = page[len(page)-1].Name
	}
	return page, next, err
}

// filterProfiles adds what the index of names does not select, and reports whether
// there is any.
func filterProfiles(w *where, f signing.ProfileFilter) bool {
	before := len(w.text)
	if f.Platform != "" {
		w.and(`p.platform = ?`, f.Platform)
	}
	if len(f.Statuses) > 0 {
		var asked [3]string // there are no more
		for i := range asked {
			asked[i] = string(f.Statuses[min(i, len(f.Statuses)-1)])
		}
		w.and(`p.status IN (?, ?, ?)`, asked[0], asked[1], asked[2])
	}
	return len(w.text) > before
}
