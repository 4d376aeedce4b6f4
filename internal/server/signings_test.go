package server

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/internal/metrics"
	"github.com/sealwright/sealwright/internal/signing"
)

// TestSigningMetrics: signatures by profile and principal, for as many as there is
// room; denials by principal; and no name that is only somebody's words.
func TestSigningMetrics(t *testing.T) {
	c := settings(t)
	c.AdminListen, c.MetricsNames = "localhost:0", 2
	s, _ := run(t, c)
	root := awsConfig(t, s)
	client := signer.NewFromConfig(root)
	sign := func(c *signer.Client, profile string) error {
		_, err := c.SignPayload(t.Context(), &signer.SignPayloadInput{ProfileName: &profile, PayloadFormat: aws.String("application/vnd.cncf.notary.payload.v1+json"),
			Payload: []byte(`{"targetArtifact":{"mediaType":"a/b","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1}}`)})
		return err
	}
	for i, profile := range []string{"one", "two", "three"} {
		if _, err := client.PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{ProfileName: &profile, PlatformId: aws.String("Notation-OCI-SHA384-ECDSA")}); err != nil {
			t.Fatal(err)
		}
		for range i + 1 {
			if err := sign(client, profile); err != nil {
				t.Fatal(err)
			}
		}
	}
	if sign(client, "made_up") == nil {
		t.Fatal("signed under a profile that there is not")
	}
	if _, err := client.CancelSigningProfile(t.Context(), &signer.CancelSigningProfileInput{ProfileName: aws.String("two")}); err != nil {
		t.Fatal(err)
	}
	if sign(client, "two") == nil {
		t.Fatal("signed under a canceled profile")
	}
	users := iam.NewFromConfig(root)
	if _, err := users.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("powerless")}); err != nil {
		t.Fatal(err)
	}
	key, err := users.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("powerless")})
	if err != nil {
		t.Fatal(err)
	}
	powerless := root.Copy()
	powerless.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
	if sign(signer.NewFromConfig(powerless), "one") == nil || sign(signer.NewFromConfig(powerless), "secret_project") == nil {
		t.Fatal("a user without permissions signs")
	}
	const rootARN, user = "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:user/powerless"
	now := scrape(t, s)
	until(t, "the last denial's count, which is made once its answer has left", func() bool {
		now = scrape(t, s)
		return total(t, now, "signing_requests_total", "principal", user, "outcome", "denied") >= 2
	})
	for _, want := range []struct {
		name   string
		labels []string
		n      float64
	}{
		{"signing_jobs_total", []string{"profile", "111122223333/one"}, 1},
		{"signing_jobs_total", []string{"profile", "111122223333/two"}, 2},
		{"signing_jobs_total", []string{"profile", "other"}, 3},
		{"signing_jobs_total", nil, 6},
		{"signing_duration_seconds", []string{"profile", "111122223333/two"}, 2},
		{"signing_failures_total", []string{"profile", "111122223333/two"}, 1},
		{"signing_failures_total", []string{"profile", "other"}, 1},
		{"signing_failures_total", nil, 2},
		{"signing_requests_total", []string{"principal", rootARN, "outcome", "signed"}, 6},
		{"signing_requests_total", []string{"principal", rootARN, "outcome", "failed"}, 2},
		{"signing_requests_total", []string{"principal", user, "outcome", "denied"}, 2},
	} {
		if n := total(t, now, want.name, want.labels...); n != want.n {
			t.Errorf("%s %q: %v, want %v", want.name, want.labels, n, want.n)
		}
	}
	for name, family := range now {
		for _, m := range family.Metric {
			for _, l := range m.Label {
				if v := l.GetValue(); v == "111122223333/made_up" || v == "111122223333/secret_project" || v == "111122223333/three" {
					t.Errorf("%s has the label %s", name, v)
				}
			}
		}
	}
}

// BenchmarkSigningMetrics is what the metrics cost a signature.
func BenchmarkSigningMetrics(b *testing.B) {
	s := &Server{signings: metrics.New().Signing(100)}
	r := signing.SignRequest{Caller: signing.Caller{ARN: "arn:aws:sts::111122223333:assumed-role/ci/build-4711"}, Profile: signing.ProfileKey{Account: "111122223333", Name: "ecr_signing_profile"}}
	b.ReportAllocs()
	for b.Loop() {
		s.toldOfSigning(r, time.Millisecond, nil)
	}
}

func TestSessionsCountAsTheirRole(t *testing.T) {
	for principal, want := range map[string]string{
		"arn:aws:sts::111122223333:assumed-role/ci/build-4711": "arn:aws:sts::111122223333:assumed-role/ci",
		"arn:aws:iam::111122223333:user/team/ann":              "arn:aws:iam::111122223333:user/team/ann",
		"arn:aws:iam::111122223333:root":                       "arn:aws:iam::111122223333:root",
	} {
		if got := series(principal); got != want {
			t.Errorf("%s is %s", principal, got)
		}
	}
}
