package sqlstore

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sealwright/sealwright/internal/journal"
)

// TestSearchPlans: however many rows there are, a search reads those that its
// narrowest index names, in the order of the answer.
func TestSearchPlans(t *testing.T) {
	ctx := context.Background()
	db, err := OpenSQLite(ctx, filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now, yes := time.Now(), true
	id := uuid.Must(uuid.NewV7()).String()
	for _, tt := range []struct {
		index string
		f     journal.Filter
	}{
		{"journal_by_time", journal.Filter{}},
		{"journal_by_time", journal.Filter{Name: "SignPayload", From: now, To: now}},
		{"journal_by_time", journal.Filter{ID: id}},
		{"journal_by_time", journal.Filter{RequestID: id}},
		{"journal_by_name", journal.Filter{Name: "PutImage", Before: journal.Cursor{Time: now, Position: 1}}},
		{"journal_by_principal", journal.Filter{Principal: "p", From: now}},
		{"journal_by_resource", journal.Filter{Resource: "r", To: now}},
		{"journal_refused", journal.Filter{Failed: &yes, From: now}},
		{"journal_refused", journal.Filter{ErrorCode: "AccessDenied"}},
	} {
		f := tt.f
		f.Account, f.Limit = "111122223333", 50
		w, _ := eventsWhere(f)
		text := selectEntry + w.clause() + ` ORDER BY time DESC, position DESC ` + w.limit(f.Limit)
		steps := plan(t, db, text)
		if len(steps) != 1 || !strings.HasPrefix(steps[0], "SEARCH journal USING INDEX "+tt.index+" ") {
			t.Errorf("%s\n\tgoes about %q, want %s", text, steps, tt.index)
		}
	}
	for text, index := range map[string]string{trimPassing: "journal_passing (time<?)", trimAccount: "journal_by_time (account=? AND time<?)"} {
		if steps := strings.Join(plan(t, db, text), "\n"); !strings.Contains(steps, index) || strings.Contains(steps, "SCAN") || strings.Contains(steps, "TEMP B-TREE") {
			t.Errorf("%s\n\tgoes about %q, want %s", text, steps, index)
		}
	}
}
