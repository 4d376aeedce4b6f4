package sqlstore

import (
	"context"
	"strings"
	"testing"
	"time"
)

// RetentionPlans is how PostgreSQL goes about what retention asks, with the tables
// as they are.
func (db *DB) RetentionPlans(t testing.TB, account, name, version string, before time.Time) (plans map[string]string) {
	t.Helper()
	plans = map[string]string{}
	args := []any{account, name, version, micros(before), 200}
	for text, n := range map[string]int{anyEnded: 4, removeJobs: 5, anyJob: 2} {
		err := db.read(context.Background(), func(q querier) error {
			steps, err := collect(q, scanText, "EXPLAIN "+text, args[:n]...)
			plans[text] = strings.Join(steps, "\n")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return plans
}
