package server

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/discovery/issuertest"
)

// federation is a service that trusts an issuer: its role ci is for one repository
// and one profile.
type federation struct {
	*stage
	issuer *issuertest.Issuer
	arn    string // of the provider
}

const (
	audience  = "sts.amazonaws.com"
	pushesApp = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},
		{"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:us-east-1:111122223333:repository/app"},
		{"Effect":"Allow","Action":"signer:SignPayload","Resource":"arn:aws:signer:us-east-1:111122223333:/signing-profiles/ci"}]}`
	mainBranch = "refs/heads/main"
)

func newFederation(t *testing.T) *federation {
	t.Helper()
	c := settings(t)
	c.OIDCLoopback = true
	return federated(t, c)
}

func federated(t *testing.T, c config.Config) *federation {
	t.Helper()
	s, _ := run(t, c)
	f := &federation{stage: &stage{T: t, Server: s}, issuer: issuertest.New(t)}
	f.root = newBearer(t, s, rootOf(t, s))
	f.iam = iam.NewFromConfig(f.root.config(s))
	for _, repository := range []string{"app", "other"} {
		_, err := ecr.NewFromConfig(f.root.config(s)).CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &repository})
		must(t, err)
	}
	for _, profile := range []string{"ci", "release"} {
		_, err := signer.NewFromConfig(f.root.config(s)).PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{ProfileName: &profile, PlatformId: aws.String("Notation-OCI-SHA384-ECDSA")})
		must(t, err)
	}
	provider, err := f.iam.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &f.issuer.URL, ClientIDList: []string{audience, "app"}})
	must(t, err)
	f.arn = *provider.OpenIDConnectProviderArn
	f.role("ci", f.trusts(`"StringEquals":{"ISSUER:sub":"repo:octo-org/app:ref:refs/heads/main","ISSUER:aud":"`+audience+`"}`))
	f.allow("pushes", pushesApp)
	return f
}

// role makes a role with a trust policy.
func (f *federation) role(name, trust string) {
	f.Helper()
	_, err := f.iam.CreateRole(f.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	must(f, err)
}

// trusts is a trust policy for the issuer's tokens under a condition, in which
// ISSUER stands for what precedes its keys.
func (f *federation) trusts(condition string) string {
	return f.trustsHost(strings.TrimPrefix(f.issuer.URL, "http://"), condition)
}

func (f *federation) trustsHost(host, condition string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + f.arn + `"},"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"],"Condition":{` +
		strings.ReplaceAll(condition, "ISSUER", host) + `}}]}`
}

// token is that of a job on the main branch.
func (f *federation) token() string {
	return f.issuer.Token(time.Now(), issuertest.GitHub(audience, "octo-org/app", mainBranch))
}

// with begins a session of a role with a token.
func (f *federation) with(role, token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	return f.withARN("arn:aws:iam::111122223333:role/"+role, token)
}

func (f *federation) withARN(role, token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("job-1"), WebIdentityToken: &token}
	return sts.NewFromConfig(bearer{}.config(f.Server)).AssumeRoleWithWebIdentity(f.Context(), in)
}

// job is a CI job as the SDK runs in it: from AWS_WEB_IDENTITY_TOKEN_FILE.
func (f *federation) job() bearer {
	f.Helper()
	file := filepath.Join(f.TempDir(), "token")
	must(f, os.WriteFile(file, []byte(f.token()), 0o600))
	provider := stscreds.NewWebIdentityRoleProvider(sts.NewFromConfig(bearer{}.config(f.Server)), roleARN, stscreds.IdentityTokenFile(file),
		func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = "job-1" })
	c, err := provider.Retrieve(f.Context())
	must(f, err)
	return newBearer(f.T, f.Server, c)
}

// TestTheSDKsEnvironment: the SDK for Go finds role and token by itself; it wants
// the endpoint of STS by its own name.
func TestTheSDKsEnvironment(t *testing.T) {
	f := newFederation(t)
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte(f.token()), 0o600))
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_REGION": "us-east-1",
		"AWS_ENDPOINT_URL": f.URL(), "AWS_ENDPOINT_URL_STS": f.URL(), "AWS_CONFIG_FILE": file + ".none", "AWS_SHARED_CREDENTIALS_FILE": file + ".none",
		"AWS_ROLE_ARN": roleARN, "AWS_ROLE_SESSION_NAME": "job-1", "AWS_WEB_IDENTITY_TOKEN_FILE": file,
	} {
		t.Setenv(name, value)
	}
	c, err := awsconfig.LoadDefaultConfig(t.Context())
	must(t, err)
	who, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), nil)
	must(t, err)
	if *who.Arn != "arn:aws:sts::111122223333:assumed-role/ci/job-1" {
		t.Error(*who.Arn)
	}
}

// pushes tries to begin an upload through both doors.
func (f *federation) pushes(b bearer, repository string) (status int, signed error) {
	f.Helper()
	_, signed = ecr.NewFromConfig(b.config(f.Server)).InitiateLayerUpload(f.Context(), &ecr.InitiateLayerUploadInput{RepositoryName: &repository})
	r, err := http.NewRequestWithContext(f.Context(), "POST", f.URL()+"/v2/"+repository+"/blobs/uploads/", nil)
	must(f, err)
	r.Header.Set("Authorization", "Basic "+b.token)
	response, err := http.DefaultClient.Do(r)
	must(f, err)
	response.Body.Close()
	return response.StatusCode, signed
}

// signs tries to sign under a profile.
func (f *federation) signs(b bearer, profile string) error {
	payload, err := json.Marshal(map[string]any{"targetArtifact": map[string]any{
		"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + strings.Repeat("a", 64), "size": 7}})
	must(f, err)
	_, err = signer.NewFromConfig(b.config(f.Server), func(o *signer.Options) { o.BaseEndpoint = aws.String(f.URL()) }).
		SignPayload(f.Context(), &signer.SignPayloadInput{ProfileName: &profile, Payload: payload, PayloadFormat: aws.String("application/vnd.cncf.notary.payload.v1+json")})
	return err
}

// TestAJobIsFederated: a CI job begins a session of a role with its token, signs
// under one profile and pushes to one repository; nothing else works, and once the
// session is cut off nothing does.
func TestAJobIsFederated(t *testing.T) {
	f := newFederation(t)
	b := f.job()
	who, err := sts.NewFromConfig(b.config(f.Server)).GetCallerIdentity(t.Context(), nil)
	must(t, err)
	if *who.Arn != "arn:aws:sts::111122223333:assumed-role/ci/job-1" || !strings.HasPrefix(*who.UserId, "AROA") || !strings.HasSuffix(*who.UserId, ":job-1") {
		t.Errorf("%s, %s", *who.Arn, *who.UserId)
	}
	must(t, f.signs(b, "ci"))
	if status, err := f.pushes(b, "app"); err != nil || status != http.StatusAccepted {
		t.Errorf("app: %v, %d", err, status)
	}

	f.wantCode(f.signs(b, "release"), "AccessDeniedException")
	status, err := f.pushes(b, "other")
	if f.wantCode(err, "AccessDeniedException"); status != http.StatusForbidden {
		t.Errorf("other: %d", status)
	}
	_, err = f.iamOf(b).ListUsers(t.Context(), nil)
	f.wantCode(err, "AccessDenied")
	_, err = f.iamOf(b).ListOpenIDConnectProviders(t.Context(), nil)
	f.wantCode(err, "AccessDenied")
	_, err = sts.NewFromConfig(b.config(f.Server)).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(roleARN), RoleSessionName: aws.String("again")})
	f.wantCode(err, "AccessDenied")

	f.allow("AWSRevokeOlderSessions", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"`+
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}}}]}`)
	f.wantCode(f.signs(b, "ci"), "AccessDeniedException")
	status, err = f.pushes(b, "app")
	if f.wantCode(err, "AccessDeniedException"); status != http.StatusForbidden {
		t.Errorf("app after the end: %d", status)
	}
	if got := b.get(t, f.Server, "/v2/app/tags/list"); got != http.StatusForbidden {
		t.Errorf("the token at /v2 after the end: %d", got)
	}
}

func (f *federation) iamOf(b bearer) *iam.Client { return iam.NewFromConfig(b.config(f.Server)) }

// TestWhatASessionTells: the answer, the session's condition keys, its tags and
// source identity are the token's.
func TestWhatASessionTells(t *testing.T) {
	f := newFederation(t)
	claims := issuertest.GitHub(audience, "octo-org/app", mainBranch)
	claims["https://aws.amazon.com/tags"] = map[string]any{"principal_tags": map[string]any{"team": []string{"red"}}, "transitive_tag_keys": []string{"team"}}
	claims["https://aws.amazon.com/source_identity"] = "octocat"
	claims["amr"] = []string{"mfa", "pwd"}
	out, err := f.with("ci", f.issuer.Token(time.Now(), claims))
	must(t, err)
	if *out.SubjectFromWebIdentityToken != "repo:octo-org/app:ref:refs/heads/main" || *out.Audience != audience || *out.Provider != f.issuer.URL ||
		*out.SourceIdentity != "octocat" || packedIdentity(out) < 1 || *out.AssumedRoleUser.Arn != "arn:aws:sts::111122223333:assumed-role/ci/job-1" {
		t.Errorf("%+v %s", out, *out.AssumedRoleUser.Arn)
	}
	b := bearer{credentials: aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}}
	issuer := strings.TrimPrefix(f.issuer.URL, "http://")
	for condition, want := range map[string]bool{
		`"StringEquals":{"` + issuer + `:sub":"repo:octo-org/app:ref:refs/heads/main"}`:           true,
		`"StringEquals":{"` + issuer + `:sub":"repo:octo-org/app:ref:refs/heads/x"}`:              false,
		`"ForAnyValue:StringEquals":{"` + issuer + `:amr":"mfa"}`:                                 true,
		`"ForAnyValue:StringEquals":{"` + issuer + `:amr":"otp"}`:                                 false,
		`"StringEquals":{"aws:FederatedProvider":"` + f.arn + `","aws:SourceIdentity":"octocat"}`: true,
		`"StringEquals":{"aws:PrincipalTag/team":"red"}`:                                          true,
		`"StringEquals":{"aws:PrincipalTag/team":"blue"}`:                                         false,
		`"StringLike":{"aws:userid":"*:job-1"}`:                                                   true,
		`"StringEquals":{"` + issuer + `:repository":"octo-org/app"}`:                             false, // only the trust policy is told
	} {
		f.allow("pushes", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{`+condition+`}}]}`)
		if err := f.lists(b, "app"); (err == nil) != want {
			t.Errorf("%s: %v", condition, err)
		}
	}
}

// TestShapesOfTokens: jobs of GitLab and pods of Kubernetes, and claims that trust
// policies may ask for.
func TestShapesOfTokens(t *testing.T) {
	f := newFederation(t)
	for name, test := range map[string]struct {
		condition string
		claims    map[string]any
	}{
		"gitlab":       {`"StringEquals":{"ISSUER:sub":"project_path:my-group/app:ref_type:branch:ref:main","ISSUER:ref_protected":"true"}`, issuertest.GitLab("app", "my-group/app", "main")},
		"kubernetes":   {`"StringEquals":{"ISSUER:aud":"app"},"StringLike":{"ISSUER:sub":"system:serviceaccount:builds:*"}`, issuertest.Kubernetes("app", "builds", "runner")},
		"github":       {`"StringLike":{"ISSUER:sub":"repo:octo-org/*"},"StringEquals":{"ISSUER:repository_id":"74","sts:RoleSessionName":"job-1"}`, issuertest.GitHub(audience, "octo-org/lib", "refs/heads/x")},
		"a party":      {`"StringEquals":{"ISSUER:aud":"app","ISSUER:oaud":"https://elsewhere.example"}`, map[string]any{"sub": "robot", "aud": "https://elsewhere.example", "azp": "app"}},
		"the request":  {`"IpAddress":{"aws:SourceIp":["127.0.0.0/8","::1/128"]},"Bool":{"aws:SecureTransport":"false"},"StringEquals":{"aws:RequestedRegion":"us-east-1"},"DateGreaterThan":{"aws:CurrentTime":"2020-01-01"}`, map[string]any{"sub": "robot", "aud": "app"}},
		"its variable": {`"StringEquals":{"sts:RoleSessionName":"${ISSUER:sub}"}`, map[string]any{"sub": "job-1", "aud": "app"}},
		"no party":     {`"StringEquals":{"ISSUER:aud":"app","ISSUER:oaud":"app"}`, map[string]any{"sub": "robot", "aud": "app"}},
		"flat tags":    {`"StringEquals":{"aws:RequestTag/team":"red"},"ForAllValues:StringEquals":{"sts:TransitiveTagKeys":"team"}`, map[string]any{"sub": "robot", "aud": "app", "https://aws.amazon.com/tags/principal_tags/team": "red", "https://aws.amazon.com/tags/transitive_tag_keys": []string{"team"}}},
		"no condition": {``, map[string]any{"sub": "robot", "aud": "app"}},
	} {
		f.role(strings.ReplaceAll(name, " ", "-"), f.trusts(test.condition))
		_, err := f.with(strings.ReplaceAll(name, " ", "-"), f.issuer.Token(time.Now(), test.claims))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeysRotate: a key that is new is found, one that is gone is good for nothing,
// in every algorithm.
func TestKeysRotate(t *testing.T) {
	f := newFederation(t)
	_, err := f.with("ci", f.token())
	must(t, err)
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512} {
		issuer := issuertest.New(t) // the one before was asked just now
		f.issuer = issuer
		issuer.Rotate(algorithm)
		_, err := f.iam.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &issuer.URL, ClientIDList: []string{audience}})
		must(t, err)
		f.arn = "arn:aws:iam::111122223333:oidc-provider/" + strings.TrimPrefix(issuer.URL, "http://")
		f.role(string(algorithm), f.trusts(`"StringEquals":{"ISSUER:aud":"`+audience+`"}`))
		_, err = f.with(string(algorithm), f.token())
		must(t, err)
	}
}

// TestADeletedProvider begins no session; those that it began go on, as AWS has
// it.
func TestADeletedProvider(t *testing.T) {
	f := newFederation(t)
	b := f.job()
	_, err := f.iam.DeleteOpenIDConnectProvider(t.Context(), &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: &f.arn})
	must(t, err)
	_, err = f.with("ci", f.token())
	f.wantCode(err, "InvalidIdentityToken")
	must(t, f.signs(b, "ci"))
}

// TestAnUnreachableIssuer gets an error of its own, which is no verdict, and its
// keys are still good for a while.
func TestAnUnreachableIssuer(t *testing.T) {
	f := newFederation(t)
	f.issuer.Fail(true)
	token := f.token()
	for range 5 {
		_, err := f.with("ci", token)
		f.wantCode(err, "IDPCommunicationError")
	}
	if n := f.issuer.Asked(); n != 1 {
		t.Errorf("an issuer that is down was asked %d times by one token", n)
	}
}

// TestIssuersOfOneself: one that cannot be reached, whose keys are in a file, and
// one whose certificate comes from an authority of its own.
func TestIssuersOfOneself(t *testing.T) {
	dir := t.TempDir()
	cluster, own := issuertest.New(t), issuertest.NewTLS(t)
	cluster.URL = "https://kubernetes.default.svc.cluster.local"
	c := settings(t)
	c.OIDCLoopback, c.OIDCCAFile = true, filepath.Join(dir, "ca.pem")
	c.OIDCKeys = []string{cluster.URL + "=" + filepath.Join(dir, "keys.json")}
	must(t, os.WriteFile(filepath.Join(dir, "keys.json"), cluster.KeySet(), 0o600))
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "oidc-ca-file") {
		t.Errorf("without the file of authorities: %v", err)
	}
	must(t, os.WriteFile(c.OIDCCAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Server.Certificate().Raw}), 0o600))
	s, _ := run(t, c)
	f := &federation{stage: &stage{T: t, Server: s}}
	f.iam = iam.NewFromConfig(bearer{credentials: rootOf(t, s)}.config(s))
	for name, issuer := range map[string]*issuertest.Issuer{"cluster": cluster, "own": own} {
		made, err := f.iam.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &issuer.URL, ClientIDList: []string{"sealwright"}})
		must(t, err)
		f.arn = *made.OpenIDConnectProviderArn
		f.role(name, f.trustsHost(strings.TrimPrefix(issuer.URL, "https://"), `"StringEquals":{"ISSUER:sub":"system:serviceaccount:builds:runner"}`))
		_, err = f.with(name, issuer.Token(time.Now(), issuertest.Kubernetes("sealwright", "builds", "runner")))
		must(t, err)
		_, err = f.with(name, issuer.Token(time.Now(), issuertest.Kubernetes("sealwright", "builds", "other")))
		f.wantCode(err, "AccessDenied")
	}
}

// TestIssuersAreMeasured: two requests a question, and one that fails. Files are
// not asked.
func TestIssuersAreMeasured(t *testing.T) {
	c := settings(t)
	c.OIDCLoopback, c.AdminListen = true, "localhost:0"
	f := federated(t, c)
	_, err := f.with("ci", f.token())
	must(t, err)
	families := scrape(t, f.Server)
	if n := total(t, families, "issuer_requests_total", "outcome", "answered"); n != 2 {
		t.Errorf("%v answers", n)
	}
	down := issuertest.New(t)
	down.Fail(true)
	_, err = f.iam.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &down.URL, ClientIDList: []string{audience}})
	must(t, err)
	_, err = f.with("ci", down.Token(time.Now(), issuertest.GitHub(audience, "octo-org/app", mainBranch)))
	f.wantCode(err, "IDPCommunicationError")
	families = scrape(t, f.Server)
	if failed, all := total(t, families, "issuer_requests_total", "outcome", "failed"), total(t, families, "issuer_request_duration_seconds"); failed != 1 || all != 3 {
		t.Errorf("%v failures of %v requests", failed, all)
	}
}

// TestChangedProviderIsSoonEverywhere: what narrows a provider, or whom a role
// trusts, begins no session with the next token on the replica that did it, and
// within a second on another one, which has the issuer's keys in memory.
func TestChangedProviderIsSoonEverywhere(t *testing.T) {
	near, far := replicas(t)
	issuer := issuertest.New(t)
	key := access.IdentityKey{Account: ours, Kind: access.Role, Name: "ci"}
	provider := access.Provider{Account: ours, URL: issuer.URL, ClientIDs: []string{audience}}
	trust := (&federation{stage: &stage{T: t}, issuer: issuer, arn: provider.ARN().String()}).trusts(``)
	_, err := near.access.CreateIdentity(t.Context(), access.Identity{IdentityKey: key, Trust: trust})
	must(t, err)
	begins := func(s *Server) bool {
		f := &federation{stage: &stage{T: t, Server: s}, issuer: issuer}
		_, err := f.with("ci", f.token())
		if err != nil && !strings.Contains(err.Error(), "InvalidIdentityToken") && !strings.Contains(err.Error(), "AccessDenied") {
			t.Error(err)
		}
		return err == nil
	}
	for name, change := range map[string]func(context.Context) error{
		"deleted": func(ctx context.Context) error { return near.access.DeleteProvider(ctx, ours, provider.ARN().String()) },
		"another audience": func(ctx context.Context) error {
			return near.access.RemoveClientID(ctx, ours, provider.ARN().String(), audience)
		},
		"no longer trusted":   func(ctx context.Context) error { return near.access.SetTrust(ctx, key, trustOurs) },
		"the role is no more": func(ctx context.Context) error { return near.access.DeleteIdentity(ctx, key) },
	} {
		_, err := near.access.CreateProvider(t.Context(), provider)
		if err != nil {
			must(t, near.access.AddClientID(t.Context(), ours, provider.ARN().String(), audience))
		}
		if _, err := near.access.CreateIdentity(t.Context(), access.Identity{IdentityKey: key, Trust: trust}); err != nil {
			must(t, near.access.SetTrust(t.Context(), key, trust))
		}
		for where, s := range map[string]*Server{"near": near, "far": far} {
			await(t, name+": begins before, "+where, farSoon, func() bool { return begins(s) })
		}
		must(t, change(t.Context()))
		if begins(near) {
			t.Errorf("%s: a session begins where it was done", name)
		}
		await(t, name+" on the other replica", farSoon, func() bool { return !begins(far) })
	}
}

// packedIdentity is packed for a web identity's session.
func packedIdentity(out *sts.AssumeRoleWithWebIdentityOutput) int32 {
	//lint:ignore SA1019 clients of today read it
	return aws.ToInt32(out.PackedPolicySize)
}
