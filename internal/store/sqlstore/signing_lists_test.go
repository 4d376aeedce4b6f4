package sqlstore_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

const day = 24 * time.Hour

// loaded is a signer with many jobs, of two years until now.
func loaded(t testing.TB, db *sqlstore.DB, jobs int, withJournal bool) (s *signer, now time.Time) {
	t.Helper()
	s, now = newSigner(t, db), time.Now().UTC().Truncate(time.Second)
	db.Load(t, sqlstore.Load{Account: string(account), Profile: s.key.Name, Version: "0123456789", Certificate: s.leaf.ID, Jobs: jobs,
		From: now.Add(-730 * day), To: now, Validity: 365 * day, Journal: withJournal})
	return s, now
}

// listFilters are filters by name, of which each selects something and some next
// to nothing.
func listFilters(now time.Time) map[string]signing.JobFilter {
	yes, no := true, false
	return map[string]signing.JobFilter{
		"all":              {},
		"revoked":          {Revoked: &yes},
		"not revoked":      {Revoked: &no},
		"by this account":  {Invoker: account},
		"by another":       {Invoker: "444455556666"},
		"by a stranger":    {Invoker: "777788889999"},
		"requested by one": {RequestedBy: "arn:aws:sts::111122223333:assumed-role/ci-07/session"},
		"by nobody":        {RequestedBy: "arn:aws:iam::111122223333:user/nobody"},
		"platform":         {Platform: "Notation-OCI-SHA384-ECDSA"},
		"still good":       {ExpiresAfter: now},
		"long over":        {ExpiresBefore: now.Add(-360 * day)},
		"ends this week":   {ExpiresAfter: now, ExpiresBefore: now.Add(7 * day)},
		"revoked, by one":  {Revoked: &yes, RequestedBy: "arn:aws:sts::111122223333:assumed-role/ci-99/session"},
		"another, over":    {Invoker: "444455556666", ExpiresBefore: now},
	}
}

// TestListsLookAtABoundedNumber: a page that finds little ends early, and whoever
// goes on finds each job once.
func TestListsLookAtABoundedNumber(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *sqlstore.DB) {
		const jobs = 10_500
		db := open(t)
		_, now := loaded(t, db, jobs, false)
		for name, want := range map[string]struct{ found, pages int }{
			"all": {jobs, 11}, "revoked": {10, 1}, "by another": {10, 1}, "by a stranger": {0, 1}, "requested by one": {105, 2}, "by nobody": {0, 2},
			"not revoked": {jobs - 10, 11}, "long over": {72, 2}, "revoked, by one": {10, 1}, "another, over": {5, 1},
		} {
			f := listFilters(now)[name]
			f.Account, f.Limit = account, 1000
			found, pages := 0, 0
			for more := true; more; more = f.After != "" {
				page, next, err := db.Jobs().Jobs(context.Background(), f)
				if err != nil {
					t.Fatal(err)
				}
				found, pages, f.After = found+len(page), pages+1, next
			}
			if found < want.found-1 || found > want.found+1 || pages != want.pages {
				t.Errorf("%s: %d jobs on %d pages, want %d on %d", name, found, pages, want.found, want.pages)
			}
		}
	})
}

// TestRetentionPlansOfPostgres: what is over is found by its index, though the
// planner believes that a row of it is anywhere.
func TestRetentionPlansOfPostgres(t *testing.T) {
	db := openPostgres(t)
	s, now := loaded(t, db, 20_000, false)
	for text, plan := range db.RetentionPlans(t, string(account), s.key.Name, "0123456789", now) {
		if !strings.Contains(plan, "using jobs_by_version on jobs") { // what it found may be looked up in a table of this size as it likes
			t.Errorf("%s\n%s", text, plan)
		}
	}
}

// TestProfileListsLookAtABoundedNumber is the same for profiles.
func TestProfileListsLookAtABoundedNumber(t *testing.T) {
	db := openSQLite(t)
	s := newSigner(t, db)
	var left atomic.Int64
	put := func(i int64) {
		p := signing.Profile{ProfileKey: signing.ProfileKey{Account: account, Name: fmt.Sprintf("p%04d", i)}, Region: "us-east-1", Version: "0123456789",
			Platform: "Notation-OCI-SHA384-ECDSA", Validity: signing.DefaultValidity, Status: signing.Canceled, CreatedAt: time.Now()}
		if i == 2050 {
			p.Status = signing.Active
		}
		if _, err := db.Profiles().ChangeProfile(context.Background(), p.ProfileKey, "", func(*signing.Profile) (*signing.Profile, journal.Event, error) {
			return &p, s.event("PutSigningProfile", nil), nil
		}); err != nil {
			t.Error(err)
		}
	}
	var all sync.WaitGroup
	for range 64 { // who comes at once shares a sync
		all.Go(func() {
			for i := left.Add(1); i <= 2100; i = left.Add(1) {
				put(i)
			}
		})
	}
	all.Wait()
	var found []string
	f, pages := signing.ProfileFilter{Account: account, Statuses: []signing.Status{signing.Active}, Limit: 25}, 0
	for more := true; more; more = f.After != "" {
		page, next, err := db.Profiles().Profiles(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page {
			found = append(found, p.Name)
		}
		pages, f.After = pages+1, next
	}
	if strings.Join(found, " ") != "app p2050" || pages != 3 {
		t.Errorf("found %q on %d pages", found, pages)
	}
}

// BenchmarkLists is the first page of each list, and of searches of the journal,
// among a million jobs.
func BenchmarkLists(b *testing.B) {
	for engine, open := range map[string]func(testing.TB) *sqlstore.DB{"sqlite": openSQLite, "postgres": openPostgres} {
		b.Run(engine, func(b *testing.B) {
			db := open(b)
			_, now := loaded(b, db, benchJobs(b, 1_000_000), true)
			for name, f := range listFilters(now) {
				f.Account, f.Limit = account, 25
				measure(b, "jobs/"+name, func() error {
					_, _, err := db.Jobs().Jobs(context.Background(), f)
					return err
				})
			}
			for name, f := range eventFilters(now) {
				f.Account, f.Limit = account, 50
				measure(b, "events/"+name, func() error {
					_, err := db.Search().Search(context.Background(), f)
					return err
				})
			}
		})
	}
}

func eventFilters(now time.Time) map[string]journal.Filter {
	yes := true
	return map[string]journal.Filter{
		"all":            {},
		"SignPayload":    {Name: "SignPayload"},
		"another name":   {Name: "PutSigningProfile"},
		"principal":      {Principal: "arn:aws:sts::111122223333:assumed-role/ci-07/session"},
		"resource":       {Resource: arn.SigningProfile("us-east-1", account, "app", "").String()},
		"refused":        {Failed: &yes},
		"a day":          {From: now.Add(-100 * day), To: now.Add(-99 * day)},
		"principal, day": {Principal: "arn:aws:sts::111122223333:assumed-role/ci-07/session", From: now.Add(-100 * day), To: now.Add(-99 * day)},
	}
}

func measure(b *testing.B, name string, run func() error) {
	b.Run(name, func(b *testing.B) {
		for b.Loop() {
			if err := run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
