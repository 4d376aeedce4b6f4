package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

func jobRecord(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	j := newJob(p, leaf, d.tick())
	d.must(d.recordIf(j, func(s signing.Standing) error {
		if got, want := fmt.Sprintf("%+v", s), fmt.Sprintf("%+v", signing.Standing{Status: signing.Active, Newest: true, Leaf: leaf}); got != want {
			return fmt.Errorf("check got  %s\nwant %s", got, want)
		}
		return nil
	}))
	got, err := d.Jobs.Job(ctx, j.JobKey)
	d.must(err)
	equal(d, got, j)

	void := d.void(d.job(p, leaf))
	got, err = d.Jobs.Job(ctx, void.JobKey)
	d.must(err)
	equal(d, got, void)
}

func jobRefusals(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	there := d.job(p, leaf)
	before := d.events()

	try := func(change func(j *signing.Job)) error {
		j := newJob(p, leaf, d.tick())
		change(&j)
		err := d.record(j)
		if j.JobKey != there.JobKey {
			_, missing := d.Jobs.Job(ctx, j.JobKey)
			d.want(missing, signing.ErrJobNotFound)
		}
		return err
	}
	d.want(try(func(j *signing.Job) { j.ProfileName = "none" }), signing.ErrProfileNotFound)
	d.want(try(func(j *signing.Job) { j.ProfileVersion = "0123456789" }), signing.ErrProfileNotFound)
	d.want(try(func(j *signing.Job) { j.Account = otherAccount }), signing.ErrProfileNotFound)
	d.want(try(func(j *signing.Job) { j.CertificateID = "00" }), authority.ErrNoCertificate)
	d.want(try(func(j *signing.Job) { j.ProfileName, j.CertificateID = "none", "00" }), signing.ErrProfileNotFound)
	d.wantFailure(try(func(j *signing.Job) { j.CertificateHash = strings.Repeat("0", 192) }))
	d.wantFailure(try(func(j *signing.Job) { j.Revocation = &signing.JobRevocation{RevokedAt: d.tick()} }))
	d.wantFailure(try(func(j *signing.Job) { j.JobKey = there.JobKey }))
	failed := about("SignPayload", p.ProfileKey, nil)
	failed.Outcome.ErrorCode = "AccessDeniedException"
	d.wantFailure(d.Jobs.RecordJob(ctx, newJob(p, leaf, d.tick()), rule, failed)) // no signature that did not happen
	d.want(d.recordIf(newJob(p, leaf, d.tick()), func(signing.Standing) error { return errRefused }), errRefused)
	d.must(d.revokeCertificate(leaf.ID))
	before = append(before, "RevokeCertificate")
	d.want(d.record(newJob(p, leaf, d.tick())), authority.ErrCertificateBad)

	got, err := d.Jobs.Job(ctx, there.JobKey)
	d.must(err)
	equal(d, got, there)
	for _, key := range []signing.JobKey{{Account: otherAccount, ID: there.ID}, {Account: testAccount, ID: "none"}} {
		_, err = d.Jobs.Job(ctx, key)
		d.want(err, signing.ErrJobNotFound)
	}
	equal(d, d.events(), before)
}

// list lists the jobs that a filter selects, page by page.
func (d *desk) list(f signing.JobFilter) []signing.Job {
	d.Helper()
	var all []signing.Job
	for {
		page, next, err := d.Jobs.Jobs(ctx, f)
		d.must(err)
		if len(page) > f.Limit || next != "" && len(page) == f.Limit && next != page[f.Limit-1].ID {
			d.Fatalf("got %d jobs and then %q, asked for %d", len(page), next, f.Limit)
		}
		if all = append(all, page...); next == "" {
			return all
		}
		f.After = next
	}
}

func jobList(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	var wanted []signing.Job
	for i := range 11 {
		j := newJob(p, leaf, d.now.Add(time.Duration(i/4)*time.Microsecond)) // several at one moment
		d.must(d.record(j))
		wanted = append(wanted, j)
	}
	slices.SortFunc(wanted, func(a, b signing.Job) int { return strings.Compare(b.ID, a.ID) })
	for _, limit := range []int{1, 4, 25} {
		equal(d, d.list(signing.JobFilter{Account: testAccount, Limit: limit}), wanted)
	}
	equal(d, len(d.list(signing.JobFilter{Account: otherAccount, Limit: 5})), 0)
}

func jobFilters(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	lambda := d.newProfile(testAccount, "lambda")
	lambda.Platform, lambda.Validity = otherPlatform, signing.ValidityPeriod{Value: 1, Unit: signing.Days}
	d.must(d.put(lambda))
	other := newJob(p, leaf, d.tick())
	other.RequestedBy, other.Invoker = "arn:aws:iam::444455556666:root", otherAccount
	d.must(d.record(other))
	short, plain, void := d.job(lambda, leaf), d.job(p, leaf), d.job(p, leaf)
	void = d.void(void)

	yes, no := true, false
	for i, tc := range []struct {
		f      signing.JobFilter
		wanted []signing.Job // newest first
	}{
		{signing.JobFilter{}, []signing.Job{void, plain, short, other}},
		{signing.JobFilter{Platform: otherPlatform}, []signing.Job{short}},
		{signing.JobFilter{RequestedBy: other.RequestedBy}, []signing.Job{other}},
		{signing.JobFilter{Invoker: testAccount}, []signing.Job{void, plain, short}},
		{signing.JobFilter{Revoked: &yes}, []signing.Job{void}},
		{signing.JobFilter{Revoked: &no}, []signing.Job{plain, short, other}},
		{signing.JobFilter{ExpiresBefore: short.ExpiresAt}, nil},
		{signing.JobFilter{ExpiresBefore: short.ExpiresAt.Add(time.Microsecond)}, []signing.Job{short}},
		{signing.JobFilter{ExpiresAfter: short.ExpiresAt}, []signing.Job{void, plain, other}},
		{signing.JobFilter{ExpiresAfter: short.ExpiresAt.Add(-time.Microsecond), Platform: otherPlatform, Revoked: &no, Invoker: testAccount,
			RequestedBy: short.RequestedBy, ExpiresBefore: plain.ExpiresAt}, []signing.Job{short}},
		{signing.JobFilter{Platform: otherPlatform, Revoked: &yes}, nil},
		{signing.JobFilter{Invoker: otherAccount}, []signing.Job{other}},
		{signing.JobFilter{Invoker: otherAccount, RequestedBy: short.RequestedBy}, nil},
		{signing.JobFilter{Invoker: otherAccount, Revoked: &yes}, nil},
		{signing.JobFilter{Invoker: testAccount, Revoked: &yes}, []signing.Job{void}},
	} {
		tc.f.Account, tc.f.Limit = testAccount, 1
		if got := d.list(tc.f); fmt.Sprint(ids(got)) != fmt.Sprint(ids(tc.wanted)) {
			d.Errorf("%d: %+v: got %v, want %v", i, tc.f, ids(got), ids(tc.wanted))
		}
	}
}

func ids(jobs []signing.Job) (ids []string) {
	for _, j := range jobs {
		ids = append(ids, j.ID)
	}
	return ids
}

// void revokes a job.
func (d *desk) void(j signing.Job) signing.Job {
	d.Helper()
	r := &signing.JobRevocation{Reason: "leaked", RevokedAt: d.tick(), RevokedBy: "arn:aws:iam::111122223333:root"}
	stands, err := d.Jobs.ChangeJob(ctx, j.JobKey, func(current signing.Job) (*signing.Job, journal.Event, error) {
		current.Revocation = r
		return &current, event("RevokeSignature"), nil
	})
	d.must(err)
	j.Revocation = r
	equal(d, stands, j)
	return j
}

func jobChange(d *desk) {
	p, leaf := d.profile("app"), d.leaf()
	j, bystander := d.job(p, leaf), d.job(p, leaf)
	j = d.void(j)
	before := d.events()
	stands, err := d.Jobs.ChangeJob(ctx, j.JobKey, func(current signing.Job) (*signing.Job, journal.Event, error) {
		if fmt.Sprint(*current.Revocation) != fmt.Sprint(*j.Revocation) {
			return nil, journal.Event{}, fmt.Errorf("there is %+v", current)
		}
		return nil, journal.Event{}, nil
	})
	d.must(err)
	equal(d, stands, j)
	_, err = d.Jobs.ChangeJob(ctx, bystander.JobKey, func(current signing.Job) (*signing.Job, journal.Event, error) {
		current.Revocation = j.Revocation
		return &current, event("RevokeSignature"), errRefused
	})
	d.want(err, errRefused)
	_, err = d.Jobs.ChangeJob(ctx, signing.JobKey{Account: otherAccount, ID: j.ID}, func(current signing.Job) (*signing.Job, journal.Event, error) {
		return &current, event("RevokeSignature"), nil
	})
	d.want(err, signing.ErrJobNotFound)
	for _, wanted := range []signing.Job{j, bystander} {
		got, err := d.Jobs.Job(ctx, wanted.JobKey)
		d.must(err)
		equal(d, got, wanted)
	}
	equal(d, d.events(), before)
}

func jobFacts(d *desk) {
	p, leaf, good := d.profile("app"), d.leaf(), d.leaf()
	j := d.job(p, leaf)
	void := d.void(d.job(p, leaf))
	d.must(d.revokeCertificate(leaf.ID))
	none := signing.ProfileKey{Account: testAccount, Name: "none"}
	hashes := []string{strings.ToUpper(leaf.Hash), good.Hash, strings.Repeat("0", 192)}
	for _, tc := range []struct {
		profile signing.ProfileKey
		version string
		job     signing.JobKey
		hashes  []string
		wanted  signing.RevocationFacts
	}{
		{p.ProfileKey, p.Version, j.JobKey, hashes, signing.RevocationFacts{Profile: &p, Job: &j, Revoked: []string{leaf.Hash}}},
		{p.ProfileKey, p.Version, void.JobKey, hashes[1:], signing.RevocationFacts{Profile: &p, Job: &void}},
		{p.ProfileKey, "0123456789", j.JobKey, nil, signing.RevocationFacts{Job: &j}},
		{none, p.Version, signing.JobKey{Account: otherAccount, ID: j.ID}, slices.Repeat([]string{leaf.Hash}, 16), signing.RevocationFacts{Revoked: []string{leaf.Hash}}},
		{signing.ProfileKey{Account: otherAccount, Name: p.Name}, p.Version, signing.JobKey{}, []string{""}, signing.RevocationFacts{}},
	} {
		got, err := d.Jobs.RevocationFacts(ctx, tc.profile, tc.version, tc.job, tc.hashes)
		d.must(err)
		equal(d, got, tc.wanted)
	}
	_, err := d.Jobs.RevocationFacts(ctx, none, "", signing.JobKey{}, make([]string, 17))
	d.wantFailure(err)
}
