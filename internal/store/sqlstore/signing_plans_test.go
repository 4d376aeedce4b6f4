package sqlstore

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/signing"
)

// TestSigningPlans: lists walk an index in the order of the answer, and what is to
// be removed is found by one.
func TestSigningPlans(t *testing.T) {
	db, err := OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	yes, no, now := true, false, time.Now()
	const own = "SEARCH j USING PRIMARY KEY (account=?"
	for _, tt := range []struct {
		f    signing.JobFilter
		want string
	}{
		{signing.JobFilter{}, own + ")"},
		{signing.JobFilter{After: "x"}, own + " AND id<?)"},
		{signing.JobFilter{RequestedBy: "r", Platform: "p", Revoked: &no, ExpiresAfter: now, ExpiresBefore: now, After: "x", Invoker: "111122223333"}, own + " AND id>? AND id<?)"},
		{signing.JobFilter{Revoked: &yes, After: "x"}, "SEARCH j USING INDEX jobs_revoked (account=? AND id<?)"},
		{signing.JobFilter{Revoked: &yes, Invoker: "444455556666"}, "SEARCH j USING INDEX jobs_revoked (account=? AND id>?)"},
		{signing.JobFilter{Invoker: "444455556666", After: "x"}, "SEARCH j USING INDEX jobs_invoked_by_others (account=? AND invoker=? AND id<?)"},
	} {
		f := tt.f
		f.Account, f.Limit = "111122223333", 25
		w, hint := jobsWalk(f)
		if filterJobs(w, f) {
			w.and(`j.id >= ?`, "floor")
		}
		steps := strings.Join(plan(t, db, indexHint.ReplaceAllString(selectJobs+hint+joinLeaf+w.clause()+` ORDER BY j.id DESC `+w.limit(25), "$1")), "\n")
		if !strings.HasPrefix(steps, tt.want) || strings.Contains(steps, "TEMP B-TREE") || strings.Contains(steps, "SCAN") {
			t.Errorf("%+v\n\tgoes about %q, want %s", tt.f, steps, tt.want)
		}
	}
	for text, index := range map[string]string{
		anyEnded:     "jobs_by_version (account=? AND profile_name=? AND profile_version=? AND expires_at<?)",
		removeJobs:   "jobs_by_version (account=? AND profile_name=? AND profile_version=? AND expires_at<?)",
		anyJob:       "jobs_by_version (account=? AND profile_name=?)",
		keptProfiles: "SEARCH p USING PRIMARY KEY ((account,name,version)>(?,?,?))",
	} {
		steps := strings.Join(plan(t, db, text), "\n")
		if !strings.Contains(steps, index) || strings.Contains(steps, "SCAN") || strings.Contains(steps, "TEMP B-TREE") {
			t.Errorf("%s\n\tgoes about %q, want %s", text, steps, index)
		}
	}
}
