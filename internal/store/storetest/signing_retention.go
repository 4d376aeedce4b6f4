package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// kept lists all versions, page by page, as "account name status newest".
func (d *desk) kept(limit int) (list []string) {
	d.Helper()
	var after signing.VersionKey
	for {
		page, err := d.Retention.KeptProfiles(ctx, after, limit)
		d.must(err)
		if len(page) == 0 {
			return list
		}
		for _, p := range page {
			stands := d.standing(p.ProfileKey, p.Version)
			equal(d, p.Profile, stands)
			list = append(list, fmt.Sprint(p.Account, " ", p.Name, " ", p.Status, " ", p.Newest))
			after = signing.VersionKey{ProfileKey: p.ProfileKey, Version: p.Version}
		}
	}
}

func versionOf(p signing.Profile) signing.VersionKey {
	return signing.VersionKey{ProfileKey: p.ProfileKey, Version: p.Version}
}

// expire removes jobs, as signing does.
func (d *desk) expire(p signing.Profile, before time.Time, limit int) (int, error) {
	return d.Retention.RemoveJobs(ctx, versionOf(p), before, limit, func(n int) journal.Event {
		return about("ExpireSigningJobs", p.ProfileKey, map[string]any{"profileVersion": p.Version, "jobs": n})
	})
}

func removeJobs(d *desk) {
	p, other, leaf := d.profile("app"), d.profile("other"), d.leaf()
	var jobs []signing.Job
	for range 5 {
		jobs = append(jobs, d.job(p, leaf))
	}
	jobs[0] = d.void(jobs[0]) // revoked ones go as others do
	bystander := d.job(other, leaf)
	first, last := jobs[0].ExpiresAt, jobs[3].ExpiresAt
	for _, step := range []struct {
		before time.Time
		limit  int
		want   int
	}{{first, 10, 0}, {last, 2, 2}, {last, 2, 1}, {last, 2, 0}} {
		events := len(d.events())
		n, err := d.expire(p, step.before, step.limit)
		d.must(err)
		equal(d, n, step.want)
		equal(d, len(d.events())-events, min(n, 1))
	}
	equal(d, ids(d.list(signing.JobFilter{Account: testAccount, Limit: 3})), []string{bystander.ID, jobs[4].ID, jobs[3].ID})
	_, err := d.Jobs.Job(ctx, jobs[0].JobKey)
	d.want(err, signing.ErrJobNotFound)
	facts, err := d.Jobs.RevocationFacts(ctx, p.ProfileKey, p.Version, jobs[0].JobKey, nil)
	d.must(err)
	equal(d, facts.Job, nil)
	n, err := d.expire(d.newProfile(otherAccount, "app"), last, 10)
	d.must(err)
	equal(d, n, 0)
}

func removeProfile(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	d.must(d.put(d.newProfile(otherAccount, "app")))
	j := d.job(p, leaf)
	d.must(d.cancel(p))
	again := d.profile("app")
	d.must(d.Profiles.ChangePermissions(ctx, p.ProfileKey, func(signing.Profile, signing.Permissions) (signing.Permissions, journal.Event, error) {
		return signing.Permissions{Revision: "r"}, act("AddProfilePermission", again), nil
	}))
	equal(d, d.kept(1), d.kept(10))
	equal(d, len(d.kept(2)), 3)
	remove := func(due func([]signing.Profile) bool) bool {
		d.Helper()
		events := len(d.events())
		removed, err := d.Retention.RemoveProfile(ctx, p.ProfileKey, due, act("ExpireSigningProfile", again))
		d.must(err)
		equal(d, len(d.events())-events == 1, removed)
		return removed
	}
	var seen []string
	look := func(versions []signing.Profile) bool {
		seen = nil
		for _, v := range versions {
			seen = append(seen, v.Version)
		}
		return false
	}
	yes := func([]signing.Profile) bool { return true }
	equal(d, remove(look), false)
	wanted := []string{p.Version, again.Version}
	slices.Sort(wanted)
	slices.Sort(seen)
	equal(d, seen, wanted)
	equal(d, remove(yes), false) // it has a job
	n, err := d.expire(p, j.ExpiresAt.Add(time.Second), 10)
	d.must(err)
	equal(d, n, 1)
	equal(d, remove(yes), true)
	equal(d, remove(func(versions []signing.Profile) bool { return len(versions) > 0 }), false)
	equal(d, d.kept(10), []string{fmt.Sprint(otherAccount, " app Active true")})
	for _, version := range []string{"", p.Version, again.Version} {
		_, err := d.Profiles.Profile(ctx, p.ProfileKey, version)
		d.want(err, signing.ErrProfileNotFound)
	}
	_, err = d.Profiles.Permissions(ctx, p.ProfileKey)
	d.want(err, signing.ErrProfileNotFound)
	d.profile("app") // the name is free
	permissions, err := d.Profiles.Permissions(ctx, p.ProfileKey)
	d.must(err)
	equal(d, permissions, signing.Permissions{})
}

// removeAtOnce: two who remove the same, while others sign, remove each job once.
func removeAtOnce(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	var old []signing.Job
	for range 20 {
		old = append(old, d.job(p, leaf))
	}
	before := old[len(old)-1].ExpiresAt.Add(time.Millisecond)
	fresh := make([]signing.Job, 10)
	for i := range fresh {
		fresh[i] = newJob(p, leaf, d.now.Add(time.Hour))
	}
	removed := make([]int, 2)
	errs := atOnce(2+len(fresh), func(i int) error {
		if i >= len(removed) {
			return d.record(fresh[i-len(removed)])
		}
		for range 10 {
			n, err := d.expire(p, before, 7)
			if removed[i] += n; err != nil {
				return err
			}
		}
		return nil
	})
	d.must(errors.Join(errs...))
	equal(d, removed[0]+removed[1], len(old))
	equal(d, len(d.list(signing.JobFilter{Account: testAccount, Limit: 25})), len(fresh))
}
