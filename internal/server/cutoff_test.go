package server

import (
	"context"
	"encoding/base64"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// farSoon is how long another replica may take to hear of a change.
const farSoon = time.Second

// replicas starts two servers on one PostgreSQL database.
func replicas(t *testing.T) (near, far *Server) {
	t.Helper()
	c := settings(t)
	c.Database = pgtest.URL(t)
	near, _ = run(t, c)
	other := settings(t)
	other.Database, other.KeyFile = c.Database, filepath.Join(c.Data, "wrapping.key")
	far, _ = run(t, other)
	return near, far
}

// bearer is somebody with credentials, and with a registry token made from them.
type bearer struct {
	credentials aws.Credentials
	token       string // as Basic authentication has it
}

func (b bearer) config(s *Server) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(s.URL()),
		Credentials: credentials.StaticCredentialsProvider{Value: b.credentials},
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func newBearer(t *testing.T, s *Server, c aws.Credentials) bearer {
	t.Helper()
	b := bearer{credentials: c}
	out, err := ecr.NewFromConfig(b.config(s)).GetAuthorizationToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.token = *out.AuthorizationData[0].AuthorizationToken
	if _, err := base64.StdEncoding.DecodeString(b.token); err != nil {
		t.Fatal(err)
	}
	return b
}

// doors says which doors are open to b: signed requests, and /v2.
func (b bearer) doors(t *testing.T, s *Server) (open string) {
	t.Helper()
	if _, err := sts.NewFromConfig(b.config(s)).GetCallerIdentity(t.Context(), nil); err == nil {
		open += "signed "
	} else if !strings.Contains(err.Error(), "InvalidClientTokenId") {
		t.Errorf("a signed request: %v", err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL()+"/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Basic "+b.token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		open += "/v2 "
	case http.StatusUnauthorized:
	default:
		t.Errorf("/v2/: %s", response.Status)
	}
	return open
}

// await waits for what says yes, or fails.
func await(t *testing.T, what string, within time.Duration, done func() bool) {
	t.Helper()
	for begun := time.Now(); !done(); time.Sleep(10 * time.Millisecond) {
		if took := time.Since(begun); took > within {
			t.Errorf("%s: not after %v", what, took)
			return
		}
	}
}

// TestCutOffIsSoonEverywhere: what ends credentials ends them with the next
// request on the replica that did it, and within a second on another one, registry
// tokens included.
func TestCutOffIsSoonEverywhere(t *testing.T) {
	near, far := replicas(t)
	for _, cut := range []struct {
		name string
		who  func() aws.Credentials
		end  func(context.Context, aws.Credentials) error
	}{
		{"a rotated root key", func() aws.Credentials { return rootOf(t, near) }, func(ctx context.Context, _ aws.Credentials) error {
			_, err := near.access.RotateRootKey(ctx)
			return err
		}},
	} {
		b := newBearer(t, near, cut.who())
		for name, s := range map[string]*Server{"near": near, "far": far} {
			if open := b.doors(t, s); open != "signed /v2 " {
				t.Fatalf("%s, %s: only %qis open before the end", cut.name, name, open)
			}
		}
		if err := cut.end(t.Context(), b.credentials); err != nil {
			t.Fatal(err)
		}
		if open := b.doors(t, near); open != "" {
			t.Errorf("%s: %sare open where it was done", cut.name, open)
		}
		await(t, cut.name+" on the other replica", farSoon, func() bool { return b.doors(t, far) == "" })
	}
}

func rootOf(t *testing.T, s *Server) aws.Credentials {
	t.Helper()
	root, err := s.RootCredentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: root.Secret}
}
