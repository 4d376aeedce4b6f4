package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/signer/types"
)

// The escalation suite: requests that try to get what they may not have, over
// real sockets. Each is refused, with the error that is right for it, and leaves
// everything as it was.

const (
	ours   = "111122223333"
	theirs = "444455556666"
)

// fort is a service with something in it worth attacking, and a clock that tests
// set.
type fort struct {
	*Server
	owner aws.Credentials
	shift atomic.Int64 // added to the service's clock, in nanoseconds
}

func newFort(t testing.TB) *fort {
	t.Helper()
	f := &fort{}
	now := func() time.Time { return time.Now().Add(time.Duration(f.shift.Load())) }
	s, err := Open(t.Context(), settings(t), Options{Logger: slog.New(slog.DiscardHandler), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	f.Server = s
	config := awsConfig(t, s)
	if f.owner, err = config.Credentials.Retrieve(ctx); err != nil {
		t.Fatal(err)
	}
	platform := "Notation-OCI-SHA384-ECDSA"
	if _, err := signer.NewFromConfig(config).PutSigningProfile(ctx, &signer.PutSigningProfileInput{ProfileName: aws.String("prod"), PlatformId: &platform}); err != nil {
		t.Fatal(err)
	}
	if _, err := ecr.NewFromConfig(config).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	return f
}

// plunder says what an attacker gained; "" is nothing.
func (f *fort) plunder(t testing.TB) string {
	t.Helper()
	config := awsConfig(t, f.Server)
	jobs, err := signer.NewFromConfig(config).ListSigningJobs(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	profiles, err := signer.NewFromConfig(config).ListSigningProfiles(t.Context(), &signer.ListSigningProfilesInput{IncludeCanceled: true})
	if err != nil {
		t.Fatal(err)
	}
	repositories, err := ecr.NewFromConfig(config).DescribeRepositories(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs.Jobs) != 0 || len(profiles.Profiles) != 1 || profiles.Profiles[0].Status != types.SigningProfileStatusActive || len(repositories.Repositories) != 1 {
		return fmt.Sprintf("%d jobs, %d profiles, %d repositories", len(jobs.Jobs), len(profiles.Profiles), len(repositories.Repositories))
	}
	return ""
}

// attack is a request before it is signed, and what is done to it afterwards.
type attack struct {
	method, path, body string
	header             [][2]string
	service            string          // of the scope; "" is signer
	region             string          // of the scope; "" is ours
	by                 aws.Credentials // none is the owner's
	at                 time.Duration   // from now
	presigned          bool
	unsigned           bool
	tamper             func(*http.Request)
	raw                func(text string) string // edits the bytes on the wire
}

// request signs the attack with the SDK's signer.
func (f *fort) request(t testing.TB, a attack) *http.Request {
	t.Helper()
	r, err := http.NewRequest(a.method, f.URL()+a.path, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range a.header {
		r.Header.Add(h[0], h[1])
	}
	if a.by.AccessKeyID == "" {
		a.by = f.owner
	}
	sum := sha256.Sum256([]byte(a.body))
	hash, service, region, at := hex.EncodeToString(sum[:]), or(a.service, "signer"), or(a.region, "us-east-1"), f.options.Now().Add(a.at)
	switch {
	case a.unsigned:
	case a.presigned:
		var uri string
		if uri, _, err = v4.NewSigner().PresignHTTP(t.Context(), a.by, r, hash, service, region, at); err == nil {
			r.URL, err = url.Parse(uri)
		}
	default:
		err = v4.NewSigner().SignHTTP(t.Context(), a.by, r, hash, service, region, at)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// send puts the attack on a connection of its own, byte by byte as it says.
func (f *fort) send(t testing.TB, a attack) (*http.Response, string) {
	t.Helper()
	r := f.request(t, a)
	if a.tamper != nil {
		a.tamper(r)
	}
	r.Close = true
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if a.raw != nil {
		text = a.raw(text)
	}
	conn, err := net.Dial("tcp", f.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	go io.WriteString(conn, text) // an early refusal may come before all of it is written
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

var xmlCode = regexp.MustCompile(`<Code>(\w+)</Code>`)

// codeOf is the error's name in whatever protocol; "" for none.
func codeOf(r *http.Response, body string) string {
	if found := xmlCode.FindStringSubmatch(body); found != nil {
		return found[1]
	}
	return r.Header.Get("X-Amzn-Errortype")
}

// row is an attack and how it must end.
type row struct {
	name   string
	attack attack
	status int
	code   string
	says   string
}

func (f *fort) repel(t *testing.T, rows []row) {
	t.Helper()
	for _, row := range rows {
		response, body := f.send(t, row.attack)
		if got := codeOf(response, body); response.StatusCode != row.status || got != row.code || !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), row.says) {
			t.Errorf("%s: %d %s %.600s, want %d %s with %q", row.name, response.StatusCode, got, body, row.status, row.code, row.says)
		}
		if gained := f.plunder(t); gained != "" {
			t.Fatalf("%s: left %s", row.name, gained)
		}
	}
}
