package remote_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/internal/remote"
)

// awsHome leaves nothing of the machine's AWS configuration in force.
func awsHome(t *testing.T) (shared string) {
	t.Helper()
	dir, _ := home(t)
	for _, name := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SIGNER",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CA_BUNDLE"} {
		t.Setenv(name, "")
	}
	shared = dir + "/aws-config"
	t.Setenv("AWS_CONFIG_FILE", shared)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", dir+"/aws-credentials")
	return shared
}

func TestEndpointAndRegionFollowTheSDK(t *testing.T) {
	shared := awsHome(t)
	write(t, shared, "[default]\nregion = eu-west-1\nendpoint_url = http://shared:1\n[profile other]\nregion = eu-west-2\nendpoint_url = http://other:1\n")
	check := func(step string, o remote.SignerOptions, endpoint, region string) {
		t.Helper()
		client, err := remote.NewSigner(context.Background(), o)
		if err != nil {
			t.Fatal(step, err)
		}
		got, err := remote.Endpoint(client)
		if err != nil || got.String() != endpoint || client.Options().Region != region {
			t.Errorf("%s: %v, %s, %v; want %s, %s", step, got, client.Options().Region, err, endpoint, region)
		}
	}
	check("shared file", remote.SignerOptions{}, "http://shared:1", "eu-west-1")
	check("profile", remote.SignerOptions{Profile: "other"}, "http://other:1", "eu-west-2")
	t.Setenv("AWS_ENDPOINT_URL", "http://all:1")
	t.Setenv("AWS_REGION", "eu-west-3")
	check("environment", remote.SignerOptions{}, "http://all:1", "eu-west-3")
	t.Setenv("AWS_ENDPOINT_URL_SIGNER", "http://signer:1")
	check("environment for the service", remote.SignerOptions{}, "http://signer:1", "eu-west-3")
	check("options", remote.SignerOptions{Endpoint: "http://option:1", Region: "eu-north-1"}, "http://option:1", "eu-north-1")
}

func TestNoEndpointIsSaid(t *testing.T) {
	awsHome(t)
	client, err := remote.NewSigner(context.Background(), remote.SignerOptions{Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Endpoint(client); err != remote.ErrNoEndpoint {
		t.Errorf("error %v", err)
	}
}

// question is a complete GetRevocationStatus request.
func question() *signer.GetRevocationStatusInput {
	return &signer.GetRevocationStatusInput{
		CertificateHashes:  []string{"h"},
		JobArn:             aws.String("arn:aws:signer:us-east-1:111122223333:/signing-jobs/j"),
		PlatformId:         aws.String("Notation-OCI-SHA384-ECDSA"),
		ProfileVersionArn:  aws.String("arn:aws:signer:us-east-1:111122223333:/signing-profiles/p/0123456789"),
		SignatureTimestamp: aws.Time(time.Unix(1700000000, 0)),
	}
}

func TestNoHostPrefixAtAConfiguredEndpoint(t *testing.T) {
	awsHome(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Host
		w.Write([]byte(`{"revokedEntities":[]}`))
	}))
	defer server.Close()
	client, err := remote.NewSigner(context.Background(), remote.SignerOptions{Region: "us-east-1", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.GetRevocationStatus(context.Background(), question()); err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimPrefix(server.URL, "http://"); asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
}

func TestWithoutCredentialsNobodyIsAskedForThem(t *testing.T) {
	awsHome(t)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request without credentials was sent") }))
	defer server.Close()
	client, err := remote.NewSigner(context.Background(), remote.SignerOptions{Region: "us-east-1", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.GetRevocationStatus(context.Background(), question())
	if err == nil || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("error %v; want one that says what to set", err)
	}
}

func TestFetchRoot(t *testing.T) {
	awsHome(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("elsewhere")) }))
	defer elsewhere.Close()
	for name, tt := range map[string]struct {
		handle http.HandlerFunc
		want   string // in the error; empty for success
	}{
		"served":    {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("pem")) }, ""},
		"not there": {http.NotFound, "404"},
		"redirected": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, "redirected"},
		"without bound": {func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20)) }, "no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tt.handle)
			defer server.Close()
			client, err := remote.NewSigner(context.Background(), remote.SignerOptions{Endpoint: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			got, err := remote.FetchRoot(context.Background(), client)
			if tt.want == "" && (err != nil || string(got) != "pem") {
				t.Errorf("got %q, %v", got, err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// asked is a client that notes the hosts it is asked for, and reaches none.
type asked []string

func (a *asked) Do(r *http.Request) (*http.Response, error) {
	*a = append(*a, r.URL.Host)
	return nil, http.ErrAbortHandler
}

// TestSessionsBeginAtTheConfiguredEndpoint: what the SDK's loader does to get
// credentials follows the endpoint as every other call does.
func TestSessionsBeginAtTheConfiguredEndpoint(t *testing.T) {
	shared := awsHome(t)
	write(t, shared, `[profile deploy]
role_arn = arn:aws:iam::111122223333:role/deploy
source_profile = key
[profile token]
role_arn = arn:aws:iam::111122223333:role/deploy
web_identity_token_file = `+shared+`
[profile chain]
role_arn = arn:aws:iam::111122223333:role/chain
source_profile = deploy
[profile key]
aws_access_key_id = AKIAEXAMPLE
aws_secret_access_key = secret
`)
	for _, profile := range []string{"deploy", "token", "chain"} {
		check := func(way, want string, options ...func(*config.LoadOptions) error) {
			t.Helper()
			hosts := &asked{}
			loaded, err := remote.LoadConfig(t.Context(), append(options, config.WithSharedConfigProfile(profile), config.WithHTTPClient(hosts), config.WithRetryMaxAttempts(1))...)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := loaded.Credentials.Retrieve(t.Context()); err == nil || len(*hosts) != 1 || (*hosts)[0] != want {
				t.Errorf("%s, %s: asked %v, %v; want %s", profile, way, *hosts, err, want)
			}
		}
		check("Amazon's own", "sts.us-east-1.amazonaws.com", config.WithRegion("us-east-1"))
		check("an option", "option:1", config.WithRegion("us-east-1"), config.WithBaseEndpoint("http://option:1"))
		t.Setenv("AWS_REGION", "us-east-1")
		t.Setenv("AWS_ENDPOINT_URL", "http://all:1")
		check("the environment", "all:1")
		check("an option before the environment", "option:1", config.WithBaseEndpoint("http://option:1"))
		t.Setenv("AWS_ENDPOINT_URL_STS", "http://sts:1")
		check("the environment for STS", "sts:1")
		os.Unsetenv("AWS_ENDPOINT_URL_STS")
		os.Unsetenv("AWS_ENDPOINT_URL")
	}
}
