package e2e

import (
	"bytes"
	"context"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/signer/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/jws"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/datadir"
	"github.com/sealwright/sealwright/internal/store/storetest"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// TestKilledRetention kills the service while it removes what was signed long ago,
// over and over. In the end all is gone whose time is over, and nothing else.
func TestKilledRetention(t *testing.T) {
	rounds := killRounds(t)
	p := newPast(t, "", 10+3*rounds)
	p.killed(p.dir, p.flags, rounds)
	p.aMinutePasses()
	s := start(t, p.dir, p.flags...)
	p.forgotten(s)
	s.stop()
}

// TestKilledRetentionOnReplicas is the same with two processes on one database,
// which often both believe that it is theirs to do.
func TestKilledRetentionOnReplicas(t *testing.T) {
	rounds := killRounds(t)
	p := newPast(t, pgtest.URL(t), 10+3*rounds)
	dir, flags := t.TempDir(), append(slices.Clip(p.flags), "--key-file", p.dir+"/wrapping.key")
	var both sync.WaitGroup
	both.Go(func() { p.killed(p.dir, p.flags, rounds/2+1) })
	both.Go(func() { p.killed(dir, flags, rounds/2+1) })
	both.Wait()
	p.aMinutePasses()
	one, two := start(t, p.dir, p.flags...), start(t, dir, flags...)
	p.forgotten(two)
	one.stop()
	two.stop()
}

// killed starts the service, and kills it when it has begun to remove things, some
// time between at once and as long as a good many removals take.
func (p *past) killed(dir string, flags []string, rounds int) {
	amid := 0
	for range rounds {
		p.aMinutePasses()
		c := program(p.Context(), "sealwright", append([]string{"serve", "--data", dir, "--listen", "localhost:0"}, flags...)...)
		var said bytes.Buffer
		c.Stderr = &said
		if err := c.Start(); err != nil {
			p.Error(err)
			return
		}
		led := p.await(func() bool {
			return p.count(`SELECT count(*) FROM leaders WHERE task = 'signing retention' AND beat <> 0`) == 1
		})
		time.Sleep(time.Duration(mathrand.IntN(60)) * time.Millisecond)
		c.Process.Kill()
		c.Wait()
		if !led {
			p.Errorf("it never began to remove anything: %s", &said)
			return
		}
		if p.left() > 0 {
			amid++
		}
	}
	if amid == 0 {
		p.Error("it was never killed before it was through; the test tests nothing")
	}
	p.Logf("%d of %d kills were amid the work", amid, rounds)
}

// aMinutePasses is what the leader's beat tells the others after its death.
func (p *past) aMinutePasses() {
	if _, err := p.records.Exec(`UPDATE leaders SET beat = 0 WHERE task = 'signing retention'`); err != nil {
		p.Error(err)
	}
}

// await reports whether something comes to be, sooner or later.
func (p *past) await(is func() bool) bool {
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(2 * time.Millisecond) {
		if is() {
			return true
		}
	}
	return false
}

// count runs a query that counts.
func (p *past) count(query string) (n int) {
	if err := p.records.QueryRow(query).Scan(&n); err != nil {
		p.Error(err)
	}
	return n
}

// left is how many jobs and profiles are still to go.
func (p *past) left() int {
	n := p.count(`SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM profiles)`)
	for _, s := range p.signatures {
		if s.stays {
			n--
		}
	}
	for _, stays := range p.remain {
		if stays {
			n--
		}
	}
	return n
}

// forgotten waits until all is gone that should go, and checks that it is gone as
// if nobody had been killed, and that nothing else is.
func (p *past) forgotten(s *service) {
	p.Helper()
	if !p.await(func() bool { return p.left() <= 0 }) {
		p.Fatalf("%d jobs and profiles stay whose time is over", p.left())
	}
	p.listed(s)
	p.rowsLeft()
	p.books(s)
	p.stillVoid(s)
	p.namesAreFree(s)
}

// listed pages through what the service has.
func (p *past) listed(s *service) {
	p.Helper()
	want, got := map[string]int{}, map[string]int{}
	for _, old := range p.signatures {
		if old.stays {
			want[old.job]++
		}
	}
	jobs := signer.NewListSigningJobsPaginator(s.signer(), &signer.ListSigningJobsInput{MaxResults: aws.Int32(7)})
	for jobs.HasMorePages() {
		page, err := jobs.NextPage(p.Context())
		if err != nil {
			p.Fatal(err)
		}
		for _, job := range page.Jobs {
			got[*job.JobId]++
		}
	}
	if !maps.Equal(got, want) {
		p.Errorf("%d jobs are listed, once each or not; %d should be", len(got), len(want))
	}
	var names []string
	profiles := signer.NewListSigningProfilesPaginator(s.signer(), &signer.ListSigningProfilesInput{IncludeCanceled: true, MaxResults: aws.Int32(2),
		Statuses: []types.SigningProfileStatus{types.SigningProfileStatusActive, types.SigningProfileStatusCanceled, types.SigningProfileStatusRevoked}})
	for profiles.HasMorePages() {
		page, err := profiles.NextPage(p.Context())
		if err != nil {
			p.Fatal(err)
		}
		for _, profile := range page.Profiles {
			names = append(names, *profile.ProfileName)
		}
	}
	if staying := p.names(stays); !slices.Equal(names, staying) {
		p.Errorf("listed are the profiles %q, and there should be %q", names, staying)
	}
}

// names are those of the profiles that stay, or of those that do not.
func (p *past) names(stay bool) (names []string) {
	for name, stays := range p.remain {
		if stays == stay {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// rowsLeft looks behind the service's back.
func (p *past) rowsLeft() {
	p.Helper()
	var versions, permitted []string
	for _, name := range p.names(stays) {
		versions = append(versions, p.versions[name]...)
		if p.permitted[name] {
			permitted = append(permitted, name)
		}
	}
	for query, want := range map[string][]string{
		`SELECT version FROM profile_versions`: versions,
		`SELECT name FROM profile_permissions`: permitted,
	} {
		if got := p.texts(query); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			p.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	after := p.rows()
	for table, n := range p.before {
		if after[table] < n && !slices.Contains([]string{"jobs", "profiles", "profile_versions", "profile_permissions"}, table) {
			p.Errorf("%s had %d rows and has %d", table, n, after[table])
		}
	}
}

// texts are what a query selects, in order.
func (p *past) texts(query string) (all []string) {
	p.Helper()
	rows, err := p.records.Query(query)
	if err != nil {
		p.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			p.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		p.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// rows counts those of each table.
func (p *past) rows() map[string]int {
	p.Helper()
	query := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if p.database != "" {
		query = `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`
	}
	all := map[string]int{}
	for _, table := range p.texts(query) {
		all[table] = p.count(`SELECT count(*) FROM ` + table)
	}
	return all
}

// books holds jobs, journal and transparency log against each other: the journal
// says of each job and profile that is gone that it was removed, once.
func (p *past) books(s *service) {
	p.Helper()
	dir, err := datadir.Open(datadir.Options{Path: p.dir})
	if err != nil {
		p.Fatal(err)
	}
	db, err := openDatabase(p.Context(), dir, p.database)
	if err != nil {
		p.Fatal(err)
	}
	defer db.Close()
	storetest.Check(p.T, storetest.Stores{Authority: db.Authority(), Profiles: db.Profiles(), Jobs: db.Jobs(), Journal: db.Journal()}, account)
	var removed, want []string
	for _, name := range p.names(goes) {
		want = append(want, profileARN(name))
	}
	for _, r := range s.events("ExpireSigningProfile") {
		removed = append(removed, r.Resources[0].ARN)
	}
	if slices.Sort(removed); !slices.Equal(removed, want) {
		p.Errorf("by the journal the profiles %q were removed, and %q should be", removed, want)
	}
	if !p.await(func() bool { return p.count(`SELECT size FROM log`) == len(p.signatures) }) {
		p.Errorf("the log has %d entries, of %d signatures", p.count(`SELECT size FROM log`), len(p.signatures))
	}
	s.logIsWhole(len(p.signatures))
}

// events are those of a kind, as the service tells them.
func (s *service) events(name string) (all []audit.Record) {
	s.t.Helper()
	search := program(s.t.Context(), "sealwright", "audit", "--event-name", name, "--output", "json", "--max-items", "0")
	search.Env = s.environ(s.t.TempDir())
	said, err := search.Output()
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range bytes.Lines(said) {
		r, err := audit.ParseLine(line)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// stillVoid asks about some signatures of each life. Whose job is gone is not
// vouched for any more, and what is said about its profile stands as long as that
// is there.
func (p *past) stillVoid(s *service) {
	p.Helper()
	asked := map[string]int{}
	for _, i := range mathrand.Perm(len(p.signatures)) {
		old := p.signatures[i]
		kind, _, _ := strings.Cut(old.profile, "_")
		if kind += fmt.Sprint(old.stays); asked[kind] < 5 {
			asked[kind]++
			p.asked(s, old, strings.HasPrefix(kind, "voided"))
		}
	}
}

// asked checks what the service says about a signature. Its profile may have been
// revoked and still be there.
func (p *past) asked(s *service, old *oldSignature, voided bool) {
	p.Helper()
	_, err := s.signer().DescribeSigningJob(p.Context(), &signer.DescribeSigningJobInput{JobId: &old.job})
	if missing := new(types.ResourceNotFoundException); old.stays != (err == nil) || err != nil && !errors.As(err, &missing) {
		p.Errorf("job %s of %s: %v", old.job, old.profile, err)
	}
	version, job := profileARN(old.profile)+"/"+old.version, arn.SigningJob(region, account, old.job).String()
	var want []string
	if voided {
		want = append(want, version)
	}
	if !old.stays || old.revoked {
		want = append(want, job)
	}
	e := opened(p.T, old.envelope)
	status, err := s.signer().GetRevocationStatus(p.Context(), &signer.GetRevocationStatusInput{
		PlatformId: aws.String(platform), JobArn: &job, ProfileVersionArn: &version,
		SignatureTimestamp: &e.SignerInfo.SignedAttributes.SigningTime, CertificateHashes: hashesOf(e.SignerInfo.CertificateChain)}, withoutPrefix)
	if err != nil {
		p.Fatal(err)
	}
	if !slices.Equal(status.RevokedEntities, want) {
		p.Errorf("of a signature of %s %q is void, and should be %q", old.profile, status.RevokedEntities, want)
	}
}

// opened is what an envelope says.
func opened(t *testing.T, envelope []byte) *signature.EnvelopeContent {
	t.Helper()
	e, err := signature.ParseEnvelope(jws.MediaTypeEnvelope, envelope)
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.Content()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// withoutPrefix asks the host itself, whose prefixed names no resolver knows.
func withoutPrefix(o *signer.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("withoutPrefix", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
		}), middleware.Before)
	})
}

// hashesOf are a chain's as GetRevocationStatus takes them.
func hashesOf(chain []*x509.Certificate) (hashes []string) {
	for i, c := range chain {
		own, above := sha512.Sum384(c.RawTBSCertificate), sha512.Sum384(chain[min(i+1, len(chain)-1)].RawTBSCertificate)
		hashes = append(hashes, fmt.Sprintf("%x%x", own, above))
	}
	return hashes
}

// namesAreFree makes profiles of old names: nothing of the old ones is there.
func (p *past) namesAreFree(s *service) {
	p.Helper()
	name := "canceled_0"
	createProfile(p.T, s, name)
	tags, err := s.signer().ListTagsForResource(p.Context(), &signer.ListTagsForResourceInput{ResourceArn: aws.String(profileARN(name))})
	if err != nil || len(tags.Tags) != 0 {
		p.Errorf("a new profile of an old name has tags: %v, %v", tags, err)
	}
	permissions, err := s.signer().ListProfilePermissions(p.Context(), &signer.ListProfilePermissionsInput{ProfileName: &name})
	if err == nil && len(permissions.Permissions) != 0 {
		p.Errorf("a new profile of an old name has permissions: %v", permissions)
	}
	for _, name := range []string{"ended_0", "voided_0", "again_0", "long_0"} {
		if _, err := s.signer().PutSigningProfile(p.Context(), &signer.PutSigningProfileInput{ProfileName: &name, PlatformId: aws.String(platform)}); err == nil {
			p.Errorf("%s is free, and its time is not over", name)
		}
	}
}
