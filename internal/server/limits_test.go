package server

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	signertypes "github.com/aws/aws-sdk-go-v2/service/signer/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/sealwright/sealwright/internal/config"
)

// limited is a server with limits, and a clock that stands still unless moved.
type limited struct {
	*Server
	web    *httptest.Server
	offset atomic.Int64
}

func newLimited(t *testing.T, limits ...string) *limited {
	t.Helper()
	l, begun := &limited{}, time.Now()
	c := settings(t)
	c.RateLimit = limits
	var err error
	l.Server, err = Open(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return begun.Add(time.Duration(l.offset.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	l.web = httptest.NewServer(l.Handler())
	t.Cleanup(l.web.Close)
	return l
}

// patient is a transport of a client that waits: a second passes when it is told
// to come later.
type patient struct {
	*limited
	throttled int
}

func (p *patient) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && answer.Header.Get("Retry-After") != "" {
		p.throttled++
		p.offset.Add(int64(time.Second))
	}
	return answer, err
}

// client is what an SDK's client is made from: impatient, or with the SDK's own
// retryer.
func (l *limited) client(t *testing.T, p *patient) aws.Config {
	c := awsConfig(t, l.Server)
	c.BaseEndpoint = &l.web.URL
	if p != nil {
		c.Retryer, c.HTTPClient = nil, &http.Client{Transport: p}
	}
	return c
}

// TestSDKsWaitWhenThrottled: the second call within a second is refused, in the
// words of each service, and goes through if the SDK's own retryer may wait.
func TestSDKsWaitWhenThrottled(t *testing.T) {
	for operation, tt := range map[string]struct {
		code   string
		status int
		call   func(ctx context.Context, c aws.Config) error
	}{
		"signer:ListSigningPlatforms": {"TooManyRequestsException", 429, func(ctx context.Context, c aws.Config) error {
			_, err := signer.NewFromConfig(c).ListSigningPlatforms(ctx, nil)
			return err
		}},
		"signer:ListTagsForResource": {"TooManyRequestsException", 429, func(ctx context.Context, c aws.Config) error {
			_, err := signer.NewFromConfig(c).ListTagsForResource(ctx, &signer.ListTagsForResourceInput{ResourceArn: aws.String("arn:aws:signer:us-east-1:111122223333:/signing-profiles/none")})
			var none *signertypes.NotFoundException
			if errors.As(err, &none) {
				return nil // it was let through
			}
			return err
		}},
		"ecr:DescribeRepositories": {"ThrottlingException", 400, func(ctx context.Context, c aws.Config) error {
			_, err := ecr.NewFromConfig(c).DescribeRepositories(ctx, nil)
			return err
		}},
		"iam:ListUsers": {"Throttling", 400, func(ctx context.Context, c aws.Config) error {
			_, err := iam.NewFromConfig(c).ListUsers(ctx, nil)
			return err
		}},
		"sts:GetCallerIdentity": {"Throttling", 400, func(ctx context.Context, c aws.Config) error {
			_, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
			return err
		}},
		"cloudtrail:LookupEvents": {"ThrottlingException", 400, func(ctx context.Context, c aws.Config) error {
			_, err := cloudtrail.NewFromConfig(c).LookupEvents(ctx, nil)
			return err
		}},
	} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			l := newLimited(t, operation+"=1")
			hasty := l.client(t, nil)
			if err := tt.call(t.Context(), hasty); err != nil {
				t.Fatal(err)
			}
			err := tt.call(t.Context(), hasty)
			var api smithy.APIError
			var answer *smithyhttp.ResponseError
			if !errors.As(err, &api) || api.ErrorCode() != tt.code || !strings.Contains(api.ErrorMessage(), operation) ||
				!errors.As(err, &answer) || answer.HTTPStatusCode() != tt.status || answer.Response.Header.Get("Retry-After") != "1" {
				t.Fatalf("got %v", err)
			}
			if typed := new(signertypes.TooManyRequestsException); strings.HasPrefix(operation, "signer:") && !errors.As(err, &typed) {
				t.Errorf("not the SDK's type: %v", err)
			}
			p := &patient{limited: l}
			if err := tt.call(t.Context(), l.client(t, p)); err != nil || p.throttled != 1 {
				t.Errorf("a patient client: throttled %d times, then %v", p.throttled, err)
			}
			if n := l.limits.Classes()[0].Refused(); n != 2 {
				t.Errorf("counted %d", n)
			}
		})
	}
}

// TestRegistryClientsWaitWhenThrottled is the same for /v2.
func TestRegistryClientsWaitWhenThrottled(t *testing.T) {
	l := newLimited(t, "oci:*=1")
	out, err := ecr.NewFromConfig(l.client(t, nil)).GetAuthorizationToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	token := *out.AuthorizationData[0].AuthorizationToken
	ask := func() (int, string, string) {
		request, err := http.NewRequestWithContext(t.Context(), "GET", l.web.URL+"/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Basic "+token)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body), answer.Header.Get("Retry-After")
	}
	if status, body, _ := ask(); status != 200 {
		t.Fatal(status, body)
	}
	if status, body, after := ask(); status != 429 || after != "1" || !strings.Contains(body, `"code":"TOOMANYREQUESTS"`) || !strings.Contains(body, "oci:ping") {
		t.Error(status, body, after)
	}
	p := &patient{limited: l}
	registry, err := orasremote.NewRegistry(strings.TrimPrefix(l.web.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	registry.PlainHTTP = true
	registry.Client = &auth.Client{Client: &http.Client{Transport: retry.NewTransport(p)}, Header: http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString(decoded)}}}
	if err := registry.Ping(t.Context()); err != nil || p.throttled != 1 {
		t.Errorf("throttled %d times, then %v", p.throttled, err)
	}
}

// TestThrottledCallsAreToldOf: they show in the metrics, and not in the journal,
// which whoever sends them would fill.
func TestThrottledCallsAreToldOf(t *testing.T) {
	l := newLimited(t, "signer:Get*=1")
	before, err := l.records.NewestEntry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := signer.NewFromConfig(l.client(t, nil))
	for range 5 {
		c.GetSigningPlatform(t.Context(), &signer.GetSigningPlatformInput{PlatformId: aws.String("Notation-OCI-SHA384-ECDSA")})
	}
	if err := l.recorder.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := l.records.NewestEntry(t.Context())
	if err != nil || after != before+1 {
		t.Errorf("%d rows for the one call that was let through, %v", after-before, err)
	}
	w := httptest.NewRecorder()
	l.metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if want := `sealwright_throttled_requests_total{limit="signer:Get*"} 4`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("no %s in the metrics", want)
	}
}

func TestLimitsAreOfOperations(t *testing.T) {
	for _, limits := range [][]string{{"signer:SignPayloads=1"}, {"signer:SignPayload=1", "signer:SignPayload=2"}, {"SignPayload=1"}} {
		c := settings(t)
		c.RateLimit = limits
		if s, err := open(t, c); err == nil || !strings.Contains(err.Error(), "rate-limit: ") {
			t.Errorf("%q: %v", limits, err)
			if s != nil {
				s.Close()
			}
		}
	}
}

// TestLimitsOfTheGuide: what docs/operations/limits.md says AWS allows can be
// pasted into a configuration.
func TestLimitsOfTheGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	c := settings(t)
	for _, line := range regexp.MustCompile(`(?m)^  - (\S+=\d+)$`).FindAllStringSubmatch(string(text), -1) {
		c.RateLimit = append(c.RateLimit, line[1])
	}
	if len(c.RateLimit) < 19 {
		t.Fatalf("found only %q", c.RateLimit)
	}
	s, err := open(t, c)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if len(config.Default().RateLimit) != 0 {
		t.Error("limits that nobody asked for")
	}
}
