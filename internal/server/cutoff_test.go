package server

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/peertest"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// farSoon is how long another replica may take to hear of a change.
const farSoon = time.Second

// replicas starts two servers on one PostgreSQL database.
func replicas(t *testing.T) (near, far *Server) {
	t.Helper()
	c := settings(t)
	c.Database, c.Blobs, c.OIDCLoopback = pgtest.URL(t), filepath.Join(t.TempDir(), "blobs"), true
	near, _ = run(t, c)
	other := settings(t)
	other.OIDCLoopback, other.Database, other.Blobs, other.KeyFile = true, c.Database, c.Blobs, filepath.Join(c.Data, "wrapping.key")
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
		HTTPClient:  peertest.SDKClient(),
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
	switch status := b.get(t, s, "/v2/"); status {
	case http.StatusOK:
		open += "/v2 "
	case http.StatusUnauthorized:
	default:
		t.Errorf("/v2/: %d", status)
	}
	return open
}

// get reads a path of /v2 with b's token.
func (b bearer) get(t *testing.T, s *Server, path string) (status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Basic "+b.token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// await asks until the answer is yes, and fails if it is no to a question put later
// than within: how long the questions take on a busy machine does not count.
func await(t *testing.T, what string, within time.Duration, done func() bool) {
	t.Helper()
	begun, took := time.Now(), time.Duration(0)
	for ; !done(); time.Sleep(10 * time.Millisecond) {
		if took > within {
			t.Errorf("%s: not after %v", what, took)
			return
		}
		took = time.Since(begun)
	}
}

// TestCutOffIsSoonEverywhere: what ends credentials ends them with the next
// request on the replica that did it, and within a second on another one, registry
// tokens included.
func TestCutOffIsSoonEverywhere(t *testing.T) {
	near, far := replicas(t)
	deleteKey := func(ctx context.Context, c aws.Credentials) error {
		return near.access.DeleteAccessKey(ctx, ours, "ada", c.AccessKeyID)
	}
	for _, cut := range []struct {
		name string
		who  func() aws.Credentials
		end  func(context.Context, aws.Credentials) error
	}{
		{"a rotated root key", func() aws.Credentials { return rootOf(t, near) }, func(ctx context.Context, _ aws.Credentials) error {
			_, err := near.access.RotateRootKey(ctx)
			return err
		}},
		{"an inactive key", func() aws.Credentials { return newUser(t, near, "ida") }, func(ctx context.Context, c aws.Credentials) error {
			return near.access.SetAccessKeyActive(ctx, ours, "ida", c.AccessKeyID, false)
		}},
		{"a deleted key", func() aws.Credentials { return newUser(t, near, "ada") }, deleteKey},
		{"a user made again", func() aws.Credentials { return newUser(t, near, "eva") }, func(ctx context.Context, c aws.Credentials) error {
			return errors.Join(near.access.DeleteAccessKey(ctx, ours, "eva", c.AccessKeyID), remade(ctx, near, user("eva")))
		}},
		{"a session of a role made again", func() aws.Credentials { return newSession(t, near, "eve") }, func(ctx context.Context, _ aws.Credentials) error {
			return remade(ctx, near, role("eve"))
		}},
		{"a session of a user without the key", func() aws.Credentials { return newUserSession(t, near, "uma") }, func(ctx context.Context, _ aws.Credentials) error {
			uma, err := near.access.Identity(ctx, user("uma"))
			return errors.Join(err, near.access.SetAccessKeyActive(ctx, ours, "uma", uma.Keys[0].ID, false))
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

const (
	allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	denyApp  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"arn:aws:ecr:*:*:repository/app"}]}`
)

func user(name string) access.IdentityKey {
	return access.IdentityKey{Account: ours, Kind: access.User, Name: name}
}

func role(name string) access.IdentityKey {
	return access.IdentityKey{Account: ours, Kind: access.Role, Name: name}
}

// remade deletes a user or a role, which has the policy "all", and makes another
// one of its name that may do as much.
func remade(ctx context.Context, s *Server, key access.IdentityKey) error {
	was, err := s.access.Identity(ctx, key)
	if err != nil {
		return err
	}
	err = errors.Join(s.access.DeleteInlinePolicy(ctx, key, "all"), s.access.DeleteIdentity(ctx, key))
	_, made := s.access.CreateIdentity(ctx, access.Identity{IdentityKey: key, Trust: was.Trust})
	return errors.Join(err, made, s.access.PutInlinePolicy(ctx, key, "all", allowAll))
}

const trustOurs = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}]}`

// newSession makes a role that may do everything, and begins a session of it.
func newSession(t testing.TB, s *Server, name string) aws.Credentials {
	t.Helper()
	_, err := s.access.CreateIdentity(t.Context(), access.Identity{IdentityKey: role(name), Trust: trustOurs})
	must(t, err)
	must(t, s.access.PutInlinePolicy(t.Context(), role(name), "all", allowAll))
	opener := bearer{credentials: newUser(t, s, name)}
	out, err := sts.NewFromConfig(opener.config(s)).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/" + name), RoleSessionName: aws.String("job")})
	must(t, err)
	return aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
}

// newUserSession makes a user and begins a session with GetSessionToken.
func newUserSession(t testing.TB, s *Server, name string) aws.Credentials {
	t.Helper()
	b := bearer{credentials: newUser(t, s, name)}
	out, err := sts.NewFromConfig(b.config(s)).GetSessionToken(t.Context(), nil)
	must(t, err)
	return aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newUser makes a user who may do everything, with an access key.
func newUser(t testing.TB, s *Server, name string) aws.Credentials {
	t.Helper()
	_, err := s.access.CreateIdentity(t.Context(), access.Identity{IdentityKey: user(name)})
	must(t, err)
	must(t, s.access.PutInlinePolicy(t.Context(), user(name), "all", allowAll))
	key, secret, err := s.access.CreateAccessKey(t.Context(), ours, name)
	must(t, err)
	return aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: secret}
}

// reads says through which doors b reads the repository app.
func (b bearer) reads(t *testing.T, s *Server) (open string) {
	t.Helper()
	_, err := ecr.NewFromConfig(b.config(s)).DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"app"}})
	if err == nil {
		open += "signed "
	} else if !strings.Contains(err.Error(), "AccessDeniedException") {
		t.Errorf("a signed request: %v", err)
	}
	switch status := b.get(t, s, "/v2/app/tags/list"); status {
	case http.StatusOK:
		open += "/v2 "
	case http.StatusForbidden:
	default:
		t.Errorf("/v2: %d", status)
	}
	return open
}

// TestChangedPolicyIsSoonEverywhere: what narrows a user's rights holds for the
// next request on the replica that did it, and within a second on another one, for
// registry tokens from before, too.
func TestChangedPolicyIsSoonEverywhere(t *testing.T) {
	near, far := replicas(t)
	_, err := ecr.NewFromConfig(awsConfig(t, near)).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
	must(t, err)
	narrow, err := near.access.CreatePolicy(t.Context(), access.ManagedPolicy{Account: ours, Name: "narrow"}, denyApp)
	must(t, err)
	nothing, err := near.access.CreatePolicy(t.Context(), access.ManagedPolicy{Account: ours, Name: "boundary"},
		strings.Replace(allowAll, `"Action":"*"`, `"Action":"signer:*"`, 1))
	must(t, err)
	group := access.IdentityKey{Account: ours, Kind: access.Group, Name: "denied"}
	_, err = near.access.CreateIdentity(t.Context(), access.Identity{IdentityKey: group})
	must(t, err)
	must(t, near.access.PutInlinePolicy(t.Context(), group, "no", denyApp))
	refused := func(u access.IdentityKey) string {
		return `{"Version":"2012-10-17","Statement":[{"Sid":"no","Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111122223333:user/` + u.Name + `"},"Action":"ecr:*"}]}`
	}
	for name, change := range map[string]func(context.Context, access.IdentityKey) error{
		"another-document": func(ctx context.Context, u access.IdentityKey) error {
			return near.access.PutInlinePolicy(ctx, u, "all", denyApp)
		},
		"one-document-more": func(ctx context.Context, u access.IdentityKey) error {
			return near.access.PutInlinePolicy(ctx, u, "no", denyApp)
		},
		"no-document": func(ctx context.Context, u access.IdentityKey) error {
			return near.access.DeleteInlinePolicy(ctx, u, "all")
		},
		"attached": func(ctx context.Context, u access.IdentityKey) error {
			return near.access.Attach(ctx, u, narrow.ARN().String())
		},
		"bounded": func(ctx context.Context, u access.IdentityKey) error {
			return near.access.SetBoundary(ctx, u, nothing.ARN().String())
		},
		"grouped": func(ctx context.Context, u access.IdentityKey) error {
			return near.access.AddToGroup(ctx, ours, u.Name, group.Name)
		},
		"refused-by-the-repository": func(ctx context.Context, u access.IdentityKey) error {
			return near.registry.SetRepositoryPolicy(ctx, registry.Key{Account: ours, Name: "app"}, refused(u))
		},
		"refused-by-the-registry": func(ctx context.Context, u access.IdentityKey) error {
			return near.registry.PutRegistryPolicy(ctx, ours, strings.Replace(refused(u), `"Action":`, `"Resource":"*","Action":`, 1))
		},
	} {
		b := newBearer(t, near, newUser(t, near, name))
		for where, s := range map[string]*Server{"near": near, "far": far} {
			await(t, name+" may read before, "+where, farSoon, func() bool { return b.reads(t, s) == "signed /v2 " })
		}
		must(t, change(t.Context(), user(name)))
		if open := b.reads(t, near); open != "" {
			t.Errorf("%s: %sare open where it was done", name, open)
		}
		await(t, name+" on the other replica", farSoon, func() bool { return b.reads(t, far) == "" })
	}
}

// TestCutOffSessionIsSoonEverywhere: by the policy that AWS's console writes to end
// the older sessions of a role, on both replicas.
func TestCutOffSessionIsSoonEverywhere(t *testing.T) {
	near, far := replicas(t)
	_, err := near.registry.CreateRepository(t.Context(), registry.NewRepository{Key: registry.Key{Account: ours, Name: "app"}})
	must(t, err)
	b := newBearer(t, near, newSession(t, near, "ci"))
	await(t, "may read before", farSoon, func() bool { return b.reads(t, far) == "signed /v2 " })
	must(t, near.access.PutInlinePolicy(t.Context(), role("ci"), "AWSRevokeOlderSessions", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],
		"Condition":{"DateLessThan":{"aws:TokenIssueTime":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}}}]}`))
	if open := b.reads(t, near); open != "" {
		t.Errorf("%sopen where it was done", open)
	}
	await(t, "cut off on the other replica", farSoon, func() bool { return b.reads(t, far) == "" })
}

func rootOf(t *testing.T, s *Server) aws.Credentials {
	t.Helper()
	root, err := s.RootCredentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: root.Secret}
}
