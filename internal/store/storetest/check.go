package storetest

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// Check holds what stores keep for some accounts against the invariants: every
// certificate's issuer is there, up to a root that is its own; every job's
// profile version and certificate are there and agree with it; every job has
// exactly one SignPayload in the journal, and each of those has its job, but for
// those that the journal says were removed; each
// list shows each thing once, in order; no signature was let out under a profile
// version after it had been revoked or cancelled; the journal's positions grow.
func Check(t testing.TB, s Stores, accounts ...arn.AccountID) {
	t.Helper()
	c := &auditor{TB: t, Stores: s, entries: readJournal(t, s.Journal), jobs: map[string]signing.Job{}, gone: map[string]int{}}
	c.certificates()
	for _, account := range accounts {
		c.profiles(account)
		c.jobsOf(account)
	}
	c.journal(accounts)
}

// auditor goes through the books.
type auditor struct {
	testing.TB
	Stores
	entries []journal.Entry
	jobs    map[string]signing.Job // by account and id
	gone    map[string]int         // by profile version: SignPayloads without a job, less what the journal says was removed
}

func (c *auditor) certificates() {
	serials := map[string]string{}
	for _, role := range []authority.Role{authority.Root, authority.Issuing, authority.Leaf} {
		all, err := c.Authority.Certificates(ctx, role)
		if err != nil {
			c.Fatal(err)
		}
		for _, cert := range all {
			c.certificate(role, cert)
			serial := cert.IssuerID + " " + cert.Serial
			if other, twice := serials[serial]; twice {
				c.Errorf("certificates %s and %s have one serial number", other, cert.ID)
			}
			serials[serial] = cert.ID
		}
	}
}

func (c *auditor) certificate(role authority.Role, cert authority.Certificate) {
	issuer, err := c.Authority.Certificate(ctx, cert.IssuerID)
	if err != nil {
		c.Errorf("certificate %s: its issuer: %v", cert.ID, err)
	}
	above := map[authority.Role][]authority.Role{authority.Root: {authority.Root}, authority.Issuing: {authority.Root, authority.Issuing}, authority.Leaf: {authority.Issuing}}
	if cert.Role != role || !slices.Contains(above[role], issuer.Role) || (role == authority.Root) != (issuer.ID == cert.ID) {
		c.Errorf("%s certificate %s is issued by the %s %s", cert.Role, cert.ID, issuer.Role, issuer.ID)
	}
	if cert.RevokedAt.IsZero() && !issuer.RevokedAt.IsZero() {
		c.Errorf("%s certificate %s is not revoked, and what issued it is: %s", cert.Role, cert.ID, issuer.ID)
	}
}

func (c *auditor) profiles(account arn.AccountID) {
	var names []string
	f := signing.ProfileFilter{Account: account, Limit: 7}
	for more := true; more; more = f.After != "" {
		page, next, err := c.Profiles.Profiles(ctx, f)
		if err != nil {
			c.Fatal(err)
		}
		for _, p := range page {
			names = append(names, p.Name)
			newest, err := c.Profiles.Profile(ctx, p.ProfileKey, "")
			if err != nil || newest.Version != p.Version || newest.Account != account {
				c.Errorf("profile %s is listed as version %s and found as %+v, %v", p.Name, p.Version, newest, err)
			}
		}
		f.After = next
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		c.Errorf("profiles are not listed once each, in order: %q", names)
	}
}

func (c *auditor) jobsOf(account arn.AccountID) {
	f := signing.JobFilter{Account: account, Limit: 50}
	last := ""
	for more := true; more; more = f.After != "" {
		page, next, err := c.Jobs.Jobs(ctx, f)
		if err != nil {
			c.Fatal(err)
		}
		for _, j := range page {
			if last != "" && j.ID >= last {
				c.Errorf("job %s is listed after %s", j.ID, last)
			}
			last = j.ID
			c.job(j)
		}
		f.After = next
	}
}

func (c *auditor) job(j signing.Job) {
	p, err := c.Profiles.Profile(ctx, signing.ProfileKey{Account: j.Account, Name: j.ProfileName}, j.ProfileVersion)
	if err != nil || p.Version != j.ProfileVersion || p.Platform != j.Platform {
		c.Errorf("job %s: its profile version is %+v, %v", j.ID, p, err)
	}
	leaf, err := c.Authority.Certificate(ctx, j.CertificateID)
	if err != nil || leaf.Role != authority.Leaf || leaf.Hash != j.CertificateHash {
		c.Errorf("job %s: its certificate is %+v, %v", j.ID, leaf, err)
	}
	if again, err := c.Jobs.Job(ctx, j.JobKey); err != nil || again.ID != j.ID || again.Account != j.Account {
		c.Errorf("job %s is listed and found as %+v, %v", j.ID, again, err)
	}
	c.jobs[string(j.Account)+"/"+j.ID] = j
}

// signed is what the detail of these events has, as far as it matters here.
type signed struct {
	JobID          string `json:"jobId"`
	ProfileVersion string `json:"profileVersion"`
	Jobs           int    `json:"jobs"` // removed
}

func (c *auditor) journal(accounts []arn.AccountID) {
	recorded, stopped := map[string]bool{}, map[string]bool{}
	var last journal.Position
	for _, e := range c.entries {
		if e.Position <= last {
			c.Errorf("position %d comes after %d", e.Position, last)
		}
		last = e.Position
		if slices.Contains(accounts, e.Account) {
			c.event(e, recorded, stopped)
		}
	}
	for job := range c.jobs {
		if !recorded[job] {
			c.Errorf("job %s has no SignPayload in the journal", job)
		}
	}
	for version, n := range c.gone {
		if n != 0 {
			c.Errorf("%d jobs of %s are gone, beyond those that the journal says were removed", n, version)
		}
	}
}

// event checks one event against what came before it: the jobs that were
// recorded and the profile versions that sign no more.
func (c *auditor) event(e journal.Entry, recorded, stopped map[string]bool) {
	var detail signed
	if len(e.Detail) > 0 {
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			c.Errorf("position %d: detail: %v", e.Position, err)
		}
	}
	version, job := e.Resource+" "+detail.ProfileVersion, string(e.Account)+"/"+detail.JobID
	switch e.Name {
	case "RevokeSigningProfile", "CancelSigningProfile":
		stopped[version] = true
	case "ExpireSigningJobs":
		c.gone[version] -= detail.Jobs
	case "SignPayload":
		if _, there := c.jobs[job]; !there {
			c.gone[version]++
		}
		if recorded[job] {
			c.Errorf("position %d: SignPayload of job %s was recorded before", e.Position, job)
		}
		if stopped[version] {
			c.Errorf("position %d: job %s was signed under %s, which had been revoked or cancelled", e.Position, job, version)
		}
		recorded[job] = true
	}
}
