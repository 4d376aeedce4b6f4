package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/signer/types"
	"golang.org/x/sync/errgroup"

	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/peertest"
	"github.com/sealwright/sealwright/internal/server"
	"github.com/sealwright/sealwright/internal/signing"
)

// past is an installation that signed long ago, and what must come of that. It was
// served by this process, with a clock of then: the program has no other than the
// machine's.
type past struct {
	*testing.T
	dir, database string
	flags         []string
	records       *sql.DB
	before        map[string]int // rows of each table, before anything was removed

	mu         sync.Mutex
	signatures []*oldSignature
	versions   map[string][]string // of all profiles, by name
	permitted  map[string]bool     // those with permissions
	remain     map[string]bool     // those that stay
}

// oldSignature is one that somebody may still ask about.
type oldSignature struct {
	job, profile, version string
	envelope              []byte
	stays, revoked        bool // its job
}

// longAgo is when what was signed for a day is over by now for more than six months.
func longAgo() time.Time { return time.Now().AddDate(0, -8, 0) }

// lately is when what was signed for a day will be over for six months in an hour.
func lately() time.Time { return signing.GoneBefore(time.Now()).Add(-23 * time.Hour) }

// newPast makes an installation, and in it many of the lives that leave nothing
// behind.
func newPast(t *testing.T, database string, many int) *past {
	t.Helper()
	p := &past{T: t, dir: t.TempDir(), database: database, versions: map[string][]string{}, permitted: map[string]bool{}, remain: map[string]bool{}}
	driver, source := "sqlite", filepath.Join(p.dir, "records.db")+"?_pragma=busy_timeout(10000)"
	if database != "" {
		p.flags = []string{"--database", database, "--blobs", p.dir}
		driver, source = "pgx", database
	}
	var err error
	if p.records, err = sql.Open(driver, source); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.records.Close() })
	p.serveAt(longAgo(), many, func(l life) func(*era, string) { return l.longAgo })
	p.serveAt(lately(), many, func(l life) func(*era, string) { return l.lately })
	p.before = p.rows()
	return p
}

// life is what happens to a profile. Most of those that stay lose jobs.
type life struct {
	name            string
	stays           bool
	longAgo, lately func(e *era, name string)
}

const goes, stays = false, true

var lives = []life{
	{name: "canceled", longAgo: func(e *era, name string) {
		e.put(name, 1)
		e.permit(name)
		e.sign(name, 2, goes)
		e.cancel(name)
	}},
	{name: "revoked", longAgo: func(e *era, name string) {
		e.put(name, 1)
		e.revokeSignature(e.sign(name, 1, goes))
		e.revoke(name)
	}},
	{name: "renewed", longAgo: func(e *era, name string) {
		for range 2 {
			e.put(name, 1)
			e.sign(name, 1, goes)
			e.cancel(name)
		}
	}},
	{name: "active", stays: true, longAgo: func(e *era, name string) {
		e.put(name, 1)
		e.permit(name)
		e.sign(name, 500, goes) // in more than one step
	}, lately: func(e *era, name string) { e.sign(name, 20, stays) }},
	{name: "long", stays: true, longAgo: func(e *era, name string) {
		e.put(name, 365)
		e.permit(name)
		e.sign(name, 2, stays)
		e.revokeSignature(e.sign(name, 1, stays))
		e.cancel(name)
	}},
	{name: "ended", stays: true, longAgo: func(e *era, name string) {
		e.put(name, 1)
		e.permit(name)
		e.sign(name, 2, goes)
	}, lately: func(e *era, name string) {
		e.sign(name, 1, stays)
		e.cancel(name)
	}},
	{name: "voided", stays: true, longAgo: func(e *era, name string) {
		e.put(name, 1)
		e.sign(name, 2, goes)
	}, lately: func(e *era, name string) { e.revoke(name) }},
	{name: "again", stays: true, longAgo: func(e *era, name string) {
		e.put(name, 1)
		e.sign(name, 2, goes)
		e.cancel(name)
		e.put(name, 365)
		e.sign(name, 1, stays)
		e.cancel(name)
	}},
}

// serveAt serves at a time, and lets happen then what should.
func (p *past) serveAt(when time.Time, many int, part func(life) func(*era, string)) {
	p.Helper()
	c := config.Default()
	c.Data, c.Listen, c.Database, c.ReuseEndedProfileNames = p.dir, "localhost:0", p.database, true
	c.AuditMaxLag = 365 * 24 * time.Hour // what is left of an era goes to the log in the next
	if p.database != "" {
		c.Blobs = p.dir
	}
	shift := time.Until(when)
	s, err := server.Open(p.Context(), c, server.Options{Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Now().Add(shift) }})
	if err != nil {
		p.Fatal(err)
	}
	ctx, cancel := context.WithCancel(p.Context())
	served := make(chan error, 1)
	go func() { served <- s.Run(ctx) }()
	root, err := s.RootCredentials(ctx)
	if err == nil {
		e := era{past: p, shift: shift}
		e.client = signer.New(signer.Options{Region: region, BaseEndpoint: aws.String(s.URL()), HTTPClient: peertest.SDKClient(), HTTPSignerV4: e,
			Credentials: credentials.NewStaticCredentialsProvider(root.AccessKeyID, root.Secret, ""), Retryer: aws.NopRetryer{}})
		err = e.live(many, part)
	}
	cancel()
	if ended := <-served; err != nil || ended != nil {
		p.Fatal(err, ended)
	}
}

// era is a client of a service at a time. After an error it does nothing.
type era struct {
	*past
	client *signer.Client
	shift  time.Duration
	err    error
}

// SignHTTP implements [signer.HTTPSignerV4].
func (e era) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, at time.Time, o ...func(*v4.SignerOptions)) error {
	return v4.NewSigner().SignHTTP(ctx, c, r, hash, service, region, at.Add(e.shift), o...)
}

// live has each life lived, many times those after which nothing stays.
func (e era) live(many int, part func(life) func(*era, string)) error {
	var all errgroup.Group
	all.SetLimit(16)
	for _, l := range lives {
		n := many
		if l.stays {
			n = 3
		}
		for i := range n {
			if part(l) == nil {
				continue
			}
			own, name := e, fmt.Sprintf("%s_%d", l.name, i)
			all.Go(func() error {
				part(l)(&own, name)
				return own.err
			})
			e.remain[name] = l.stays
		}
	}
	return all.Wait()
}

// do does something unless something before has failed, and remembers what came
// of it, alone.
func do[In, Out any](e *era, call func(context.Context, *In, ...func(*signer.Options)) (*Out, error), in *In, then func(*Out)) {
	if e.err != nil {
		return
	}
	out, err := call(e.Context(), in)
	if e.err = err; err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	then(out)
}

func (e *era) put(name string, days int32) {
	do(e, e.client.PutSigningProfile, &signer.PutSigningProfileInput{ProfileName: &name, PlatformId: aws.String(platform), Tags: map[string]string{"of": name},
		SignatureValidityPeriod: &types.SignatureValidityPeriod{Type: types.ValidityTypeDays, Value: days}},
		func(out *signer.PutSigningProfileOutput) {
			e.versions[name] = append(e.versions[name], *out.ProfileVersion)
		})
}

func (e *era) permit(name string) {
	do(e, e.client.AddProfilePermission, &signer.AddProfilePermissionInput{ProfileName: &name, Action: aws.String("signer:SignPayload"),
		Principal: aws.String(account), StatementId: aws.String("own")},
		func(*signer.AddProfilePermissionOutput) { e.permitted[name] = true })
}

// sign signs n times, and returns the last one.
func (e *era) sign(name string, n int, stays bool) (last *oldSignature) {
	for range n {
		do(e, e.client.SignPayload, signPayloadInput(name), func(out *signer.SignPayloadOutput) {
			versions := e.versions[name]
			last = &oldSignature{job: *out.JobId, profile: name, version: versions[len(versions)-1], envelope: out.Signature, stays: stays}
			e.signatures = append(e.signatures, last)
		})
	}
	return last
}

func (e *era) cancel(name string) {
	do(e, e.client.CancelSigningProfile, &signer.CancelSigningProfileInput{ProfileName: &name}, func(*signer.CancelSigningProfileOutput) {})
}

// revoke voids all that a profile's version has ever signed.
func (e *era) revoke(name string) {
	e.mu.Lock()
	version := e.versions[name][0]
	e.mu.Unlock()
	do(e, e.client.RevokeSigningProfile, &signer.RevokeSigningProfileInput{ProfileName: &name, ProfileVersion: &version, Reason: aws.String("leaked"), EffectiveTime: aws.Time(time.Unix(1, 0))},
		func(*signer.RevokeSigningProfileOutput) {})
}

func (e *era) revokeSignature(s *oldSignature) {
	if e.err != nil {
		return
	}
	do(e, e.client.RevokeSignature, &signer.RevokeSignatureInput{JobId: &s.job, Reason: aws.String("leaked")}, func(*signer.RevokeSignatureOutput) { s.revoked = true })
}
