package signerapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/signer/types"
	"github.com/aws/smithy-go"
)

// failing is an error that must come back as its type, with words.
type failing struct {
	name string
	call func(context.Context, *signer.Client) error
	says string
}

// mustBe wants a call to fail with the SDK's typed error T.
func mustBe[T error](t *testing.T, w *world, calls []failing) {
	t.Helper()
	for _, c := range calls {
		err := c.call(t.Context(), w.client)
		var typed T
		if !errors.As(err, &typed) {
			t.Errorf("%s: %v is not a %T", c.name, err, typed)
			continue
		}
		var api smithy.APIError
		if errors.As(err, &api); api.ErrorMessage() == "" || !strings.Contains(api.ErrorMessage(), c.says) {
			t.Errorf("%s: message %q, want something about %q", c.name, api.ErrorMessage(), c.says)
		}
	}
}

func put(change func(*signer.PutSigningProfileInput)) func(context.Context, *signer.Client) error {
	return func(ctx context.Context, c *signer.Client) error {
		in := &signer.PutSigningProfileInput{ProfileName: aws.String("image"), PlatformId: aws.String(platformID)}
		change(in)
		_, err := c.PutSigningProfile(ctx, in)
		return err
	}
}

func sign(change func(*signer.SignPayloadInput)) func(context.Context, *signer.Client) error {
	return func(ctx context.Context, c *signer.Client) error {
		in := signInput("image")
		change(in)
		_, err := c.SignPayload(ctx, in)
		return err
	}
}

func revoke(change func(*signer.RevokeSigningProfileInput)) func(context.Context, *signer.Client) error {
	return func(ctx context.Context, c *signer.Client) error {
		in := &signer.RevokeSigningProfileInput{
			ProfileName: aws.String("image"), ProfileVersion: aws.String("AAAAAAAAAA"), Reason: aws.String("x"), EffectiveTime: aws.Time(time.Now().Add(-time.Minute)),
		}
		change(in)
		_, err := c.RevokeSigningProfile(ctx, in)
		return err
	}
}

func TestValidationException(t *testing.T) {
	w := newWorld(t)
	version := w.put(t, "image").ProfileVersion
	w.put(t, "ended")
	if _, err := w.client.CancelSigningProfile(t.Context(), &signer.CancelSigningProfileInput{ProfileName: aws.String("ended")}); err != nil {
		t.Fatal(err)
	}
	mustBe[*types.ValidationException](t, w, []failing{
		{"short name", put(func(in *signer.PutSigningProfileInput) { in.ProfileName = aws.String("a") }), "profileName"},
		{"hyphen", put(func(in *signer.PutSigningProfileInput) { in.ProfileName = aws.String("a-b") }), "profileName"},
		{"other validity", put(func(in *signer.PutSigningProfileInput) {
			in.SignatureValidityPeriod = &types.SignatureValidityPeriod{Type: types.ValidityTypeDays, Value: 1}
		}), "exists with another signatureValidityPeriod"},
		{"empty validity", put(func(in *signer.PutSigningProfileInput) {
			in.SignatureValidityPeriod = &types.SignatureValidityPeriod{}
		}), "signatureValidityPeriod"},
		{"too long", put(func(in *signer.PutSigningProfileInput) {
			in.SignatureValidityPeriod = &types.SignatureValidityPeriod{Type: types.ValidityTypeMonths, Value: 136}
		}), "135"},
		{"unit", put(func(in *signer.PutSigningProfileInput) {
			in.SignatureValidityPeriod = &types.SignatureValidityPeriod{Type: "WEEKS", Value: 1}
		}), "DAYS"},
		{"material", put(func(in *signer.PutSigningProfileInput) {
			in.SigningMaterial = &types.SigningMaterial{CertificateArn: aws.String("arn:aws:acm:us-east-1:111122223333:certificate/x")}
		}), "signingMaterial"},
		{"overrides", put(func(in *signer.PutSigningProfileInput) {
			in.Overrides = &types.SigningPlatformOverrides{SigningImageFormat: types.ImageFormatJson}
		}), "overrides"},
		{"aws: tag", put(func(in *signer.PutSigningProfileInput) { in.Tags = map[string]string{"aws:x": "y"} }), "aws:"},
		{"tag key", put(func(in *signer.PutSigningProfileInput) { in.Tags = map[string]string{"a b": "y"} }), "tags"},
		{"ended name", put(func(in *signer.PutSigningProfileInput) { in.ProfileName = aws.String("ended") }), "Canceled"},

		{"ended profile", sign(func(in *signer.SignPayloadInput) { in.ProfileName = aws.String("ended") }), "Canceled"},
		{"payload of 4097", sign(func(in *signer.SignPayloadInput) { in.Payload = make([]byte, 4097) }), "payload"},
		{"format", sign(func(in *signer.SignPayloadInput) { in.PayloadFormat = aws.String("text/plain") }), "payloadFormat"},
		{"no payload of Notary", sign(func(in *signer.SignPayloadInput) { in.Payload = []byte("{}") }), "targetArtifact"},
		{"owner", sign(func(in *signer.SignPayloadInput) { in.ProfileOwner = aws.String("1") }), "profileOwner"},

		{"future", revoke(func(in *signer.RevokeSigningProfileInput) {
			in.ProfileVersion, in.EffectiveTime = version, aws.Time(time.Now().Add(time.Hour))
		}), "future"},
		{"long reason", revoke(func(in *signer.RevokeSigningProfileInput) { in.Reason = aws.String(strings.Repeat("x", 501)) }), "reason"},
		{"version", revoke(func(in *signer.RevokeSigningProfileInput) { in.ProfileVersion = aws.String("short") }), "profileVersion"},

		{"page size", func(ctx context.Context, c *signer.Client) error {
			_, err := c.ListSigningJobs(ctx, &signer.ListSigningJobsInput{MaxResults: aws.Int32(26)})
			return err
		}, "maxResults"},
		{"start a job", func(ctx context.Context, c *signer.Client) error {
			_, err := c.StartSigningJob(ctx, &signer.StartSigningJobInput{
				ClientRequestToken: aws.String("x"), ProfileName: aws.String("image"),
				Source:      &types.Source{S3: &types.S3Source{BucketName: aws.String("b"), Key: aws.String("k"), Version: aws.String("v")}},
				Destination: &types.Destination{S3: &types.S3Destination{BucketName: aws.String("b")}},
			})
			return err
		}, "SignPayload"},
		{"permission for another action", permit("signer:StartSigningJob", "444455556666", "s"), "Action must be one of [signer:SignPayload, signer:GetSigningProfile, signer:RevokeSignature]"},
		{"permission for everyone", permit("signer:SignPayload", "*", "s"), "Principal is not a valid AWS account id or IAM Role Arn"},
		{"permission for a user", permit("signer:SignPayload", "arn:aws:iam::444455556666:user/u", "s"), "Principal"},
		{"permission for a role that is not", permit("signer:SignPayload", "arn:aws:iam::444455556666:role/none", "s"), "Principal does not exist"},
		{"permission for all roles", permit("signer:SignPayload", "arn:aws:iam::444455556666:role/*", "s"), "Principal"},
		{"permission without a path", permit("signer:SignPayload", "444455556666", "a/b"), "statement id"},
		{"permission that no URL names", permit("signer:SignPayload", "444455556666", ".."), "statement id"},
	})
}

func TestValidationOfStatus(t *testing.T) {
	w := newWorld(t)
	w.put(t, "image")
	signature := w.sign(t, "image").Signature
	status := func(change func(*signer.GetRevocationStatusInput)) func(context.Context, *signer.Client) error {
		return func(ctx context.Context, c *signer.Client) error {
			in := w.query(t, signature)
			change(in)
			_, err := c.GetRevocationStatus(ctx, in)
			return err
		}
	}
	mustBe[*types.ValidationException](t, w, []failing{
		{"platform", status(func(in *signer.GetRevocationStatusInput) { in.PlatformId = aws.String("x") }), "platform"},
		{"account", status(func(in *signer.GetRevocationStatusInput) {
			in.JobArn = aws.String(strings.Replace(*in.JobArn, account, "444455556666", 1))
		}), "444455556666"},
		{"region", status(func(in *signer.GetRevocationStatusInput) {
			in.ProfileVersionArn = aws.String(strings.Replace(*in.ProfileVersionArn, region, "eu-west-1", 1))
		}), "this service is us-east-1"},
		{"short ARN", status(func(in *signer.GetRevocationStatusInput) { in.JobArn = aws.String("arn:aws:signer") }), "jobArn"},
		{"hash", status(func(in *signer.GetRevocationStatusInput) { in.CertificateHashes = []string{"00"} }), "certificateHashes"},
	})
}

func TestInvalidTokens(t *testing.T) {
	w := newWorld(t)
	for i := range 2 {
		w.put(t, "image"+string(rune('a'+i)))
	}
	w.sign(t, "imagea")
	w.sign(t, "imagea")
	page, err := w.client.ListSigningProfiles(t.Context(), &signer.ListSigningProfilesInput{MaxResults: aws.Int32(1)})
	if err != nil || page.NextToken == nil {
		t.Fatalf("%+v, %v", page, err)
	}
	for _, token := range []string{"x", *page.NextToken, strings.Repeat("A", 5000), "TGlzdFNpZ25pbmdKb2JzOg", "TGlzdFNpZ25pbmdKb2JzOngveQ"} {
		mustBe[*types.ValidationException](t, w, []failing{{token[:1], func(ctx context.Context, c *signer.Client) error {
			_, err := c.ListSigningJobs(ctx, &signer.ListSigningJobsInput{NextToken: &token})
			return err
		}, "nextToken"}})
	}
	mustBe[*types.ValidationException](t, w, []failing{
		{"platforms", func(ctx context.Context, c *signer.Client) error {
			_, err := c.ListSigningPlatforms(ctx, &signer.ListSigningPlatformsInput{NextToken: aws.String("x")})
			return err
		}, "nextToken"},
	})
	// The model gives ListSigningProfiles no ValidationException, so the SDK has no
	// type for it there.
	_, err = w.client.ListSigningProfiles(t.Context(), &signer.ListSigningProfilesInput{NextToken: aws.String("x")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationException" || !strings.Contains(api.ErrorMessage(), "nextToken") {
		t.Errorf("profiles: %v", err)
	}
}

func TestResourceNotFoundException(t *testing.T) {
	w := newWorld(t)
	w.put(t, "image")
	mustBe[*types.ResourceNotFoundException](t, w, []failing{
		{"platform of profile", put(func(in *signer.PutSigningProfileInput) { in.PlatformId = aws.String("AWSLambda-SHA384-ECDSA") }), platformID},
		{"profile to sign", sign(func(in *signer.SignPayloadInput) { in.ProfileName = aws.String("unknown") }), "unknown"},
		{"version to revoke", revoke(func(in *signer.RevokeSigningProfileInput) {}), "AAAAAAAAAA"},
		{"profile", func(ctx context.Context, c *signer.Client) error {
			_, err := c.GetSigningProfile(ctx, &signer.GetSigningProfileInput{ProfileName: aws.String("unknown")})
			return err
		}, "unknown"},
		{"profile to cancel", func(ctx context.Context, c *signer.Client) error {
			_, err := c.CancelSigningProfile(ctx, &signer.CancelSigningProfileInput{ProfileName: aws.String("unknown")})
			return err
		}, "unknown"},
		{"job", func(ctx context.Context, c *signer.Client) error {
			_, err := c.DescribeSigningJob(ctx, &signer.DescribeSigningJobInput{JobId: aws.String("unknown")})
			return err
		}, "unknown"},
		{"job to revoke", func(ctx context.Context, c *signer.Client) error {
			_, err := c.RevokeSignature(ctx, &signer.RevokeSignatureInput{JobId: aws.String("unknown"), Reason: aws.String("x")})
			return err
		}, "unknown"},
		{"platform", func(ctx context.Context, c *signer.Client) error {
			_, err := c.GetSigningPlatform(ctx, &signer.GetSigningPlatformInput{PlatformId: aws.String("unknown")})
			return err
		}, "unknown"},
	})
}

func TestOtherExceptions(t *testing.T) {
	w := newWorld(t)
	w.put(t, "image")
	mustBe[*types.AccessDeniedException](t, w, []failing{
		{"sign", sign(func(in *signer.SignPayloadInput) { in.ProfileOwner = aws.String("444455556666") }),
			"signer:SignPayload on resource: arn:aws:signer:us-east-1:444455556666:/signing-profiles/image"},
		{"revoke", func(ctx context.Context, c *signer.Client) error {
			_, err := c.RevokeSignature(ctx, &signer.RevokeSignatureInput{JobId: aws.String("x"), JobOwner: aws.String("444455556666"), Reason: aws.String("x")})
			return err
		}, "arn:aws:signer:us-east-1:444455556666:/signing-jobs/x"},
	})
	w.jobs.broken = errors.New("disk secret-7 is full")
	describe := func(ctx context.Context, c *signer.Client) error {
		_, err := c.DescribeSigningJob(ctx, &signer.DescribeSigningJobInput{JobId: aws.String("x")})
		return err
	}
	mustBe[*types.InternalServiceErrorException](t, w, []failing{{"a broken store", describe, "log"}})
	if err := describe(t.Context(), w.client); strings.Contains(err.Error(), "secret-7") {
		t.Errorf("an internal error reached the client: %v", err)
	}
}

// TestHostPrefixes signs a status request for each host that clients use, as
// SDKs of the two eras do.
func TestHostPrefixes(t *testing.T) {
	w := newWorld(t)
	w.put(t, "image")
	in := w.query(t, w.sign(t, "image").Signature)
	for _, prefix := range []string{"", "verification.", "data-"} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", strings.Replace(w.URL, "127.0.0.1", prefix+"signer.test", 1)+"/revocations", nil)
		if err != nil {
			t.Fatal(err)
		}
		query := request.URL.Query()
		query["certificateHashes"] = in.CertificateHashes
		query.Set("jobArn", *in.JobArn)
		query.Set("platformId", *in.PlatformId)
		query.Set("profileVersionArn", *in.ProfileVersionArn)
		query.Set("signatureTimestamp", in.SignatureTimestamp.Format("2006-01-02T15:04:05.000Z"))
		request.URL.RawQuery = query.Encode()
		credentials, err := w.client.Options().Credentials.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		if err := v4.NewSigner().SignHTTP(t.Context(), credentials, request, empty, "signer", region, time.Now()); err != nil {
			t.Fatal(err)
		}
		answer, err := (&http.Client{Transport: w.transport()}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != 200 || strings.TrimSpace(string(body)) != `{"revokedEntities":[]}` {
			t.Errorf("%q: %d %s, %v", prefix, answer.StatusCode, body, err)
		}
	}
}
