package awshttp_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/signer/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

var ctx = context.Background()

func signerClient(w *world) *signer.Client { return signer.NewFromConfig(w.awsConfig()) }

func payload(profile string) *signer.SignPayloadInput {
	return &signer.SignPayloadInput{ProfileName: &profile, Payload: []byte("{}"), PayloadFormat: aws.String("f")}
}

func TestSDKSignsAndIsKnown(t *testing.T) {
	y := &toy{}
	w := newWorld(t, y.signer())
	out, err := signerClient(w).SignPayload(ctx, payload("good"))
	if err != nil {
		t.Fatal(err)
	}
	if *out.JobOwner != account || string(out.Signature) != "{}" {
		t.Errorf("answer %+v", out)
	}
	if y.call.Principal.ARN != "arn:aws:iam::111122223333:root" || y.call.Account != account || y.call.Region != region ||
		y.call.PublicURL() != w.URL || "http://"+y.call.Host != w.URL {
		t.Errorf("call %+v", y.call)
	}
	if y.actor.Principal != y.call.Principal.ARN || y.actor.AccessKeyID != w.Root.AccessKeyID || y.actor.SourceIP != "127.0.0.1" ||
		!strings.HasPrefix(y.actor.UserAgent, "aws-sdk-go-v2/") || len(y.actor.UserAgent) > 256 || y.actor.RequestID != y.call.RequestID {
		t.Errorf("actor %+v", y.actor)
	}
	if id, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata); id != y.call.RequestID {
		t.Errorf("the client read request id %q, the handler had %q", id, y.call.RequestID)
	}
}

func TestSDKInputs(t *testing.T) {
	y := &toy{}
	c := signerClient(newWorld(t, y.signer()))
	_, err := c.PutSigningProfile(ctx, &signer.PutSigningProfileInput{
		ProfileName: aws.String("my_profile"), PlatformId: aws.String("Notation-OCI-SHA384-ECDSA"),
		SignatureValidityPeriod: &types.SignatureValidityPeriod{Value: 3, Type: types.ValidityTypeYears},
		Tags:                    map[string]string{"a": "b"},
	})
	if err != nil || y.put.ProfileName != "my_profile" || y.put.Validity.Value != 3 || y.put.Validity.Type != "YEARS" || y.put.Tags["a"] != "b" {
		t.Errorf("PutSigningProfile: %+v, %v", y.put, err)
	}
	at := time.Date(2026, 8, 1, 0, 0, 0, 123e6, time.UTC)
	_, err = c.ListSigningJobs(ctx, &signer.ListSigningJobsInput{Status: types.SigningStatusSucceeded, MaxResults: aws.Int32(7), IsRevoked: true, SignatureExpiresBefore: &at})
	if err != nil || y.list.Status != "Succeeded" || *y.list.MaxResults != 7 || !*y.list.IsRevoked || !y.list.Before.Equal(at) {
		t.Errorf("ListSigningJobs: %+v, %v", y.list, err)
	}
	arn := "arn:aws:signer:us-east-1:111122223333:/signing-profiles/p"
	_, err = c.UntagResource(ctx, &signer.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"b c", "a:", "a1", "a", "ü&="}})
	if err != nil || y.untag.ResourceARN != arn || len(y.untag.Keys) != 5 {
		t.Errorf("UntagResource: %+v, %v", y.untag, err)
	}
	effective := at.Add(time.Hour)
	_, err = c.RevokeSigningProfile(ctx, &signer.RevokeSigningProfileInput{ProfileName: aws.String("my_profile"),
		ProfileVersion: aws.String("0123456789"), Reason: aws.String("r"), EffectiveTime: &effective})
	if err != nil || !y.revoked.EffectiveTime.Equal(effective) {
		t.Errorf("RevokeSigningProfile: %+v, %v", y.revoked, err)
	}
}

// The SDK puts data- before the host; the client dials where its endpoint
// resolver says, so this goes without it, as our own plugin does.
func TestSDKRevocationStatus(t *testing.T) {
	y := &toy{}
	w := newWorld(t, y.signer())
	at := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	in := &signer.GetRevocationStatusInput{SignatureTimestamp: &at, CertificateHashes: []string{"bb", "aa", "bb"},
		JobArn: aws.String("arn:aws:signer:us-east-1:111122223333:/signing-jobs/x"), PlatformId: aws.String("p"), ProfileVersionArn: aws.String("v")}
	noPrefix := func(o *signer.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			return s.Initialize.Add(middleware.InitializeMiddlewareFunc("noPrefix", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
			}), middleware.Before)
		})
	}
	out, err := signerClient(w).GetRevocationStatus(ctx, in, noPrefix)
	if err != nil || out.RevokedEntities == nil || len(out.RevokedEntities) != 0 {
		t.Fatalf("answer %+v, %v", out, err)
	}
	if strings.Join(y.status.Hashes, ",") != "aa,bb,bb" || // the SDK sorts what it signs
		!y.status.SignatureTimestamp.Equal(at) {
		t.Errorf("input %+v", y.status)
	}
}

func TestSDKOutputs(t *testing.T) {
	y := &toy{}
	c := signerClient(newWorld(t, y.signer()))
	at := time.Date(2026, 8, 1, 0, 0, 0, 123e6, time.UTC)
	out, err := c.ListSigningJobs(ctx, &signer.ListSigningJobsInput{SignatureExpiresBefore: &at})
	if err != nil || len(out.Jobs) != 1 || *out.Jobs[0].JobId != "a&<b>" || !out.Jobs[0].CreatedAt.Equal(at) {
		t.Errorf("%+v, %v", out, err)
	}
	empty, err := c.ListSigningJobs(ctx, &signer.ListSigningJobsInput{})
	if err != nil || empty.Jobs == nil {
		t.Errorf("a list of none is %v, want an empty list; %v", empty.Jobs, err)
	}
}

func TestSDKErrorsAreTyped(t *testing.T) {
	y := &toy{}
	w := newWorld(t, y.signer())
	c := signerClient(w)
	tests := []struct {
		profile string
		is      func(error) bool
		says    string
	}{
		{"missing", as[*types.ResourceNotFoundException], "there is no profile missing"},
		{"panics", as[*types.InternalServiceErrorException], "inside the service"},
		{"internal", as[*types.InternalServiceErrorException], "inside the service"},
		{"throttled", as[*types.TooManyRequestsException], "wait a second"},
		{"limited", code("ServiceLimitExceededException"), "no more"},
		{"own_error", code("BadRequestException"), "StatusCode: 400"},
		{"-", as[*types.ValidationException], "2 validation errors detected: Value '-' at 'profileName' failed to satisfy constraint: " +
			"Member must have length greater than or equal to 2; Value '-' at 'profileName' failed to satisfy constraint: " +
			"Member must satisfy regular expression pattern: ^[a-zA-Z0-9_]{2,}"},
	}
	for _, test := range tests {
		_, err := c.SignPayload(ctx, payload(test.profile))
		if !test.is(err) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", test.profile, err)
		}
		if strings.Contains(err.Error(), "secret detail") {
			t.Errorf("%s: the internal error's text got out: %v", test.profile, err)
		}
	}
	if strings.Count(w.Log.String(), "secret detail") < 2 {
		t.Errorf("the log lacks the details of the internal errors:\n%s", w.Log)
	}
	if _, err := c.SignPayload(ctx, payload("hidden")); apiCode(err) != "ServiceUnavailableException" || !strings.Contains(w.Log.String(), `error="try again: a secret detail"`) {
		t.Errorf("a hidden cause: %v, log:\n%s", err, w.Log)
	}
}

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

func code(want string) func(error) bool {
	return func(err error) bool { return apiCode(err) == want }
}

func apiCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func TestSDKDenied(t *testing.T) {
	y := &toy{}
	w := newWorld(t, y.signer())
	in := payload("good")
	in.ProfileOwner = aws.String("444455556666")
	_, err := signerClient(w).SignPayload(ctx, in)
	const says = "User: arn:aws:iam::111122223333:root is not authorized to perform: signer:SignPayload on resource: " +
		"arn:aws:signer:us-east-1:444455556666:/signing-profiles/good because "
	if !as[*types.AccessDeniedException](err) || !strings.Contains(err.Error(), says) {
		t.Errorf("%v", err)
	}
	if y.call.RequestID != "" {
		t.Error("the handler ran though the request was denied")
	}
	if !strings.Contains(w.Log.String(), "level=WARN") || !strings.Contains(w.Log.String(), "operation=SignPayload") {
		t.Errorf("the denial is not logged:\n%s", w.Log)
	}
}

func TestSDKBadCredentials(t *testing.T) {
	y := &toy{}
	w := newWorld(t, y.signer(), ecrToy())
	good := w.Root
	for name, test := range map[string]struct {
		id, secret, code string
	}{
		"unknown key":  {"AKIAAAAAAAAAAAAAAAAA", good.Secret, "UnrecognizedClientException"},
		"wrong secret": {good.AccessKeyID, "wrong", "InvalidSignatureException"},
	} {
		w.Root.AccessKeyID, w.Root.Secret = test.id, test.secret
		if _, err := signerClient(w).SignPayload(ctx, payload("good")); apiCode(err) != test.code {
			t.Errorf("REST-JSON, %s: %v", name, err)
		}
		if _, err := ecr.NewFromConfig(w.awsConfig()).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("x1")}); apiCode(err) != test.code {
			t.Errorf("JSON 1.1, %s: %v", name, err)
		}
	}
	if strings.Contains(w.Log.String(), good.Secret) {
		t.Error("the log has the secret")
	}
}

func TestSDKOverJSON11(t *testing.T) {
	w := newWorld(t, ecrToy())
	c := ecr.NewFromConfig(w.awsConfig())
	create := func(name string) (*ecr.CreateRepositoryOutput, error) {
		return c.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name, Tags: []ecrtypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	}
	if out, err := create("curl"); err != nil || *out.Repository.RepositoryName != "curl" {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := create("taken"); !as[*ecrtypes.RepositoryAlreadyExistsException](err) {
		t.Errorf("a taken name: %v", err)
	}
	if _, err := create("x"); !as[*ecrtypes.InvalidParameterException](err) ||
		!strings.Contains(err.Error(), "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'Member must have length greater than or equal to 2'") {
		t.Errorf("a short name: %v", err)
	}
	_, err := c.PutImage(ctx, &ecr.PutImageInput{RepositoryName: aws.String("x1"), ImageManifest: aws.String("{}")})
	if apiCode(err) != "UnknownOperationException" || !strings.Contains(err.Error(), "Push with /v2.") {
		t.Errorf("an operation not offered: %v", err)
	}
	_, err = c.DescribeRegistry(ctx, nil)
	if apiCode(err) != "UnknownOperationException" {
		t.Errorf("an operation without a row: %v", err)
	}
}

func TestSDKNotOfferedREST(t *testing.T) {
	y := &toy{}
	_, err := signerClient(newWorld(t, y.signer())).DescribeSigningJob(ctx, &signer.DescribeSigningJobInput{JobId: aws.String("x")})
	if apiCode(err) != "UnknownOperationException" || !strings.Contains(err.Error(), "Use ListSigningJobs.") {
		t.Errorf("%v", err)
	}
}

func TestTimeOnTheWire(t *testing.T) {
	for text, at := range map[string]time.Time{
		"0":              time.Unix(0, 0),
		"1700000000":     time.Unix(1700000000, 0),
		"1700000000.5":   time.UnixMilli(1700000000500),
		"1700000000.123": time.UnixMilli(1700000000123),
		"253402300799":   time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		if got, err := (awshttp.Time{Time: at}).MarshalJSON(); err != nil || string(got) != text {
			t.Errorf("%v is %s, want %s; %v", at, got, text, err)
		}
	}
	if awshttp.Stamp(time.Time{}) != nil || !awshttp.Stamp(time.Unix(1, 0)).Equal(time.Unix(1, 0)) {
		t.Error("Stamp keeps a time and drops the zero one")
	}
}
