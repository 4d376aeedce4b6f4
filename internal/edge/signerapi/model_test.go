package signerapi_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/signer/types"
	"github.com/aws/smithy-go"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// trouble is what may go wrong around the operations of a world.
type trouble struct {
	denied, throttled bool
	broken            error // of the stores
}

// limit implements what awshttp asks of limits.
func (x *trouble) limit(string) func(arn.AccountID) time.Duration {
	return func(arn.AccountID) time.Duration {
		if x.throttled {
			return time.Second
		}
		return 0
	}
}

// strict is an authorizer that denies all, at times.
type strict struct {
	*access.Service
	trouble *trouble
}

func (s strict) Authorize(ctx context.Context, r access.Request) (access.Decision, error) {
	if s.trouble.denied {
		return access.Decision{Reason: "no policy allows it"}, nil
	}
	return s.Service.Authorize(ctx, r)
}

// brittle are the profiles of a store that breaks, at times.
type brittle struct {
	signing.ProfileStore
	trouble *trouble
}

func (s brittle) ChangeProfile(ctx context.Context, key signing.ProfileKey, version string, change func(*signing.Profile) (*signing.Profile, journal.Event, error)) (*signing.Profile, error) {
	if s.trouble.broken != nil {
		return nil, s.trouble.broken
	}
	return s.ProfileStore.ChangeProfile(ctx, key, version, change)
}

func (s brittle) Profile(ctx context.Context, key signing.ProfileKey, version string) (signing.Profile, error) {
	if s.trouble.broken != nil {
		return signing.Profile{}, s.trouble.broken
	}
	return s.ProfileStore.Profile(ctx, key, version)
}

func (s brittle) Profiles(ctx context.Context, f signing.ProfileFilter) ([]signing.Profile, string, error) {
	if s.trouble.broken != nil {
		return nil, "", s.trouble.broken
	}
	return s.ProfileStore.Profiles(ctx, f)
}

func (s brittle) Permissions(ctx context.Context, key signing.ProfileKey) (signing.Permissions, error) {
	if s.trouble.broken != nil {
		return signing.Permissions{}, s.trouble.broken
	}
	return s.ProfileStore.Permissions(ctx, key)
}

// The names of the errors that the model gives operations.
const (
	validation = "ValidationException"
	bad        = "BadRequestException"
	denied     = "AccessDeniedException"
	missing    = "ResourceNotFoundException"
	notFound   = "NotFoundException"
	conflict   = "ConflictException"
	quota      = "ServiceLimitExceededException"
	throttled  = "ThrottlingException"
	tooMany    = "TooManyRequestsException"
	internal   = "InternalServiceErrorException"
)

// modelled are the errors of each operation in the model signer 2017-08-25.
var modelled = map[string][]string{
	"AddProfilePermission":    {validation, missing, denied, quota, conflict, tooMany, internal},
	"CancelSigningProfile":    {missing, denied, tooMany, internal},
	"DescribeSigningJob":      {missing, denied, tooMany, internal},
	"GetRevocationStatus":     {validation, denied, tooMany, internal},
	"GetSigningPlatform":      {missing, denied, tooMany, internal},
	"GetSigningProfile":       {missing, denied, tooMany, internal},
	"ListProfilePermissions":  {validation, missing, denied, tooMany, internal},
	"ListSigningJobs":         {validation, denied, tooMany, internal},
	"ListSigningPlatforms":    {validation, denied, tooMany, internal},
	"ListSigningProfiles":     {denied, tooMany, internal},
	"ListTagsForResource":     {internal, bad, notFound, tooMany},
	"PutSigningProfile":       {missing, denied, validation, tooMany, internal},
	"RemoveProfilePermission": {validation, missing, denied, conflict, tooMany, internal},
	"RevokeSignature":         {validation, denied, missing, tooMany, internal},
	"RevokeSigningProfile":    {validation, denied, missing, tooMany, internal},
	"SignPayload":             {validation, missing, denied, tooMany, internal},
	"StartSigningJob":         {validation, missing, denied, throttled, tooMany, internal},
	"TagResource":             {internal, bad, notFound, tooMany},
	"UntagResource":           {internal, bad, notFound, tooMany},
}

// never are those that cannot come, as docs/divergences/signer.md explains.
var never = map[string]bool{
	"GetSigningPlatform " + internal: true, "ListSigningPlatforms " + internal: true, "StartSigningJob " + internal: true,
	"StartSigningJob " + missing: true, "StartSigningJob " + throttled: true,
}

type call = func(ctx context.Context, c *signer.Client) error

// provoke are calls of each operation: a good one, under "", and others by the
// error that they come to.
func (w *world) provoke(t *testing.T) map[string]map[string]call {
	version := *w.put(t, "image").ProfileVersion
	job := *w.sign(t, "image").JobId
	status := w.query(t, w.sign(t, "image").Signature)
	added, err := w.client.AddProfilePermission(t.Context(), &signer.AddProfilePermissionInput{ProfileName: aws.String("image"), StatementId: aws.String("s"), Action: aws.String("signer:SignPayload"), Principal: aws.String(other)})
	if err != nil {
		t.Fatal(err)
	}
	profile := func(name string) *string {
		return aws.String("arn:aws:signer:us-east-1:" + account + ":/signing-profiles/" + name)
	}
	jobARN := aws.String("arn:aws:signer:us-east-1:" + account + ":/signing-jobs/" + job)
	add := func(name, statement, principal string) call {
		return func(ctx context.Context, c *signer.Client) error {
			_, err := c.AddProfilePermission(ctx, &signer.AddProfilePermissionInput{ProfileName: &name, StatementId: &statement, Action: aws.String("signer:SignPayload"), Principal: &principal})
			return err
		}
	}
	remove := func(name, statement, revision string) call {
		return func(ctx context.Context, c *signer.Client) error {
			_, err := c.RemoveProfilePermission(ctx, &signer.RemoveProfilePermissionInput{ProfileName: &name, StatementId: &statement, RevisionId: &revision})
			return err
		}
	}
	revokeSignature := func(id, reason string) call {
		return func(ctx context.Context, c *signer.Client) error {
			_, err := c.RevokeSignature(ctx, &signer.RevokeSignatureInput{JobId: &id, Reason: &reason})
			return err
		}
	}
	tag := func(resource *string, key string) call {
		return func(ctx context.Context, c *signer.Client) error {
			_, err := c.TagResource(ctx, &signer.TagResourceInput{ResourceArn: resource, Tags: map[string]string{key: "v"}})
			return err
		}
	}
	untag := func(resource *string) call {
		return func(ctx context.Context, c *signer.Client) error {
			_, err := c.UntagResource(ctx, &signer.UntagResourceInput{ResourceArn: resource, TagKeys: []string{"k"}})
			return err
		}
	}
	tags := func(resource *string) call {
		return func(ctx context.Context, c *signer.Client) error {
			_, err := c.ListTagsForResource(ctx, &signer.ListTagsForResourceInput{ResourceArn: resource})
			return err
		}
	}
	permissions := func(name string, token *string) call {
		return func(ctx context.Context, c *signer.Client) error {
			_, err := c.ListProfilePermissions(ctx, &signer.ListProfilePermissionsInput{ProfileName: &name, NextToken: token})
			return err
		}
	}
	full := func(ctx context.Context, c *signer.Client) (err error) {
		for i := 0; err == nil && i < 1000; i++ {
			err = add("image", fmt.Sprint("n", i), other)(ctx, c)
		}
		return err
	}
	start := func(ctx context.Context, c *signer.Client) error {
		_, err := c.StartSigningJob(ctx, &signer.StartSigningJobInput{ProfileName: aws.String("image"), ClientRequestToken: aws.String("x"),
			Source:      &types.Source{S3: &types.S3Source{BucketName: aws.String("b"), Key: aws.String("k"), Version: aws.String("v")}},
			Destination: &types.Destination{S3: &types.S3Destination{BucketName: aws.String("b")}}})
		return err
	}
	described := func(id string) call {
		return func(ctx context.Context, c *signer.Client) error {
			_, err := c.DescribeSigningJob(ctx, &signer.DescribeSigningJobInput{JobId: &id})
			return err
		}
	}
	platform := func(id string) call {
		return func(ctx context.Context, c *signer.Client) error {
			_, err := c.GetSigningPlatform(ctx, &signer.GetSigningPlatformInput{PlatformId: &id})
			return err
		}
	}
	got := func(name string) call {
		return func(ctx context.Context, c *signer.Client) error {
			_, err := c.GetSigningProfile(ctx, &signer.GetSigningProfileInput{ProfileName: &name})
			return err
		}
	}
	cancel := func(name string) call {
		return func(ctx context.Context, c *signer.Client) error {
			_, err := c.CancelSigningProfile(ctx, &signer.CancelSigningProfileInput{ProfileName: &name})
			return err
		}
	}
	same := func(*signer.PutSigningProfileInput) {}
	return map[string]map[string]call{
		"AddProfilePermission":   {"": add("image", "good", other), validation: add("image", "s2", "nobody"), missing: add("none", "s", other), conflict: add("image", "s", other), quota: full},
		"CancelSigningProfile":   {"": cancel("image"), missing: cancel("none")},
		"DescribeSigningJob":     {"": described(job), missing: described("none")},
		"GetSigningPlatform":     {"": platform(platformID), missing: platform("none")},
		"GetSigningProfile":      {"": got("image"), missing: got("none")},
		"ListProfilePermissions": {"": permissions("image", nil), missing: permissions("none", nil), validation: permissions("image", aws.String("x"))},
		"GetRevocationStatus": {
			"": func(ctx context.Context, c *signer.Client) error {
				_, err := c.GetRevocationStatus(ctx, status)
				return err
			},
			validation: func(ctx context.Context, c *signer.Client) error {
				in := *status
				in.JobArn = aws.String("none")
				_, err := c.GetRevocationStatus(ctx, &in)
				return err
			},
		},
		"ListSigningJobs": {
			"": func(ctx context.Context, c *signer.Client) error { _, err := c.ListSigningJobs(ctx, nil); return err },
			validation: func(ctx context.Context, c *signer.Client) error {
				_, err := c.ListSigningJobs(ctx, &signer.ListSigningJobsInput{MaxResults: aws.Int32(26)})
				return err
			},
		},
		"ListSigningPlatforms": {
			"": func(ctx context.Context, c *signer.Client) error {
				_, err := c.ListSigningPlatforms(ctx, nil)
				return err
			},
			validation: func(ctx context.Context, c *signer.Client) error {
				_, err := c.ListSigningPlatforms(ctx, &signer.ListSigningPlatformsInput{NextToken: aws.String("x")})
				return err
			},
		},
		"ListSigningProfiles": {"": func(ctx context.Context, c *signer.Client) error {
			_, err := c.ListSigningProfiles(ctx, nil)
			return err
		}},
		"ListTagsForResource": {"": tags(profile("image")), notFound: tags(profile("none")), bad: tags(jobARN)},
		"TagResource":         {"": tag(profile("image"), "k"), notFound: tag(profile("none"), "k"), bad: tag(profile("image"), "aws:k")},
		"UntagResource":       {"": untag(profile("image")), notFound: untag(profile("none")), bad: untag(jobARN)},
		"PutSigningProfile": {"": put(same), validation: put(func(in *signer.PutSigningProfileInput) { in.ProfileName = aws.String("a") }),
			missing: put(func(in *signer.PutSigningProfileInput) { in.PlatformId = aws.String("none") })},
		"RemoveProfilePermission": {"": remove("image", "s", *added.RevisionId), validation: remove("image", "s", ""), missing: remove("image", "none", *added.RevisionId), conflict: remove("image", "s", "stale")},
		"RevokeSignature":         {"": revokeSignature(job, "x"), validation: revokeSignature(job, strings.Repeat("x", 501)), missing: revokeSignature("none", "x")},
		"RevokeSigningProfile": {"": revoke(func(in *signer.RevokeSigningProfileInput) { in.ProfileVersion = &version }), missing: revoke(func(*signer.RevokeSigningProfileInput) {}),
			validation: revoke(func(in *signer.RevokeSigningProfileInput) { in.EffectiveTime = aws.Time(time.Now().Add(time.Hour)) })},
		"SignPayload": {"": sign(func(*signer.SignPayloadInput) {}), validation: sign(func(in *signer.SignPayloadInput) { in.Payload = []byte("{}") }),
			missing: sign(func(in *signer.SignPayloadInput) { in.ProfileName = aws.String("none") })},
		"StartSigningJob": {"": start, validation: start},
	}
}

// TestEveryModelledError: each error that the model gives an operation comes to the
// AWS SDK's client as its own type, with words; those that cannot are written down.
func TestEveryModelledError(t *testing.T) {
	text, err := os.ReadFile("../../../docs/divergences/signer.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	calls := w.provoke(t)
	w.trouble.broken = errors.New("the disk is gone")
	w.jobs.broken = w.trouble.broken
	w.mustCome(t, calls, internal)
	*w.trouble, w.jobs.broken = trouble{throttled: true}, nil
	w.mustCome(t, calls, tooMany)
	*w.trouble = trouble{denied: true}
	w.mustCome(t, calls, denied)
	*w.trouble = trouble{}
	for _, code := range []string{validation, bad, missing, notFound, conflict, quota, throttled} {
		w.mustCome(t, calls, code)
	}
	for pair := range never {
		operation, code, _ := strings.Cut(pair, " ")
		if !strings.Contains(string(text), "| "+operation+" | "+code) {
			t.Errorf("the divergences do not say why %s never answers %s", operation, code)
		}
	}
}

// mustCome wants the error from each operation that the model gives it to.
func (w *world) mustCome(t *testing.T, calls map[string]map[string]call, code string) {
	t.Helper()
	for operation, errs := range modelled {
		if never[operation+" "+code] {
			continue
		}
		for _, e := range errs {
			if e != code {
				continue
			}
			run := calls[operation][code]
			if run == nil {
				run = calls[operation][""]
			}
			err := run(t.Context(), w.client)
			var api smithy.APIError
			var generic *smithy.GenericAPIError
			if !errors.As(err, &api) || api.ErrorCode() != code || errors.As(err, &generic) || api.ErrorMessage() == "" {
				t.Errorf("%s: got %v, want the SDK's %s with a message", operation, err, code)
			}
		}
	}
}
