package signerapi_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/signer/types"
)

func tag(arn string, tags map[string]string) func(context.Context, *signer.Client) error {
	return func(ctx context.Context, c *signer.Client) error {
		_, err := c.TagResource(ctx, &signer.TagResourceInput{ResourceArn: &arn, Tags: tags})
		return err
	}
}

func untag(arn string, keys ...string) func(context.Context, *signer.Client) error {
	return func(ctx context.Context, c *signer.Client) error {
		_, err := c.UntagResource(ctx, &signer.UntagResourceInput{ResourceArn: &arn, TagKeys: keys})
		return err
	}
}

func listTags(arn string) func(context.Context, *signer.Client) error {
	return func(ctx context.Context, c *signer.Client) error {
		_, err := c.ListTagsForResource(ctx, &signer.ListTagsForResourceInput{ResourceArn: &arn})
		return err
	}
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	w.put(t, "image")
	arn := profileARN + "image"
	for _, step := range []struct {
		call func(context.Context, *signer.Client) error
		want map[string]string
	}{
		{listTags(arn), map[string]string{}},
		{tag(arn, map[string]string{"team": "a", "a/b": "c=d"}), map[string]string{"team": "a", "a/b": "c=d"}},
		{tag(arn, map[string]string{"team": "b"}), map[string]string{"team": "b", "a/b": "c=d"}},
		{untag(arn, "a/b", "never"), map[string]string{"team": "b"}},
	} {
		if err := step.call(t.Context(), w.client); err != nil {
			t.Fatal(err)
		}
		listed, err := w.client.ListTagsForResource(t.Context(), &signer.ListTagsForResourceInput{ResourceArn: &arn})
		if err != nil || !maps.Equal(listed.Tags, step.want) {
			t.Errorf("%v, %v, want %v", listed, err, step.want)
		}
		p, err := w.client.GetSigningProfile(t.Context(), &signer.GetSigningProfileInput{ProfileName: aws.String("image")})
		if err != nil || !maps.Equal(p.Tags, step.want) {
			t.Errorf("%v, %v, want %v", p, err, step.want)
		}
	}
	_, err := w.client.SignPayload(t.Context(), signInput("image"))
	if err != nil {
		t.Error(err)
	}
}

// TestTagErrors: these operations have words of their own.
func TestTagErrors(t *testing.T) {
	w := newWorld(t)
	w.put(t, "image")
	w.put(t, "ended")
	if _, err := w.client.CancelSigningProfile(t.Context(), &signer.CancelSigningProfileInput{ProfileName: aws.String("ended")}); err != nil {
		t.Fatal(err)
	}
	one, arn := map[string]string{"a": "b"}, profileARN+"image"
	many := map[string]string{}
	for i := range 51 {
		many[strings.Repeat("k", i+1)] = ""
	}
	mustBe[*types.NotFoundException](t, w, []failing{
		{"tag", tag(profileARN+"absent", one), "absent"}, {"untag", untag(profileARN+"absent", "a"), "absent"}, {"list", listTags(profileARN + "absent"), "absent"},
	})
	mustBe[*types.BadRequestException](t, w, []failing{
		{"canceled", tag(profileARN+"ended", one), "Canceled"},
		{"canceled", untag(profileARN+"ended", "a"), "Canceled"},
		{"a version", listTags(arn + "/0123456789"), "without a version"},
		{"a job", listTags("arn:aws:signer:us-east-1:111122223333:/signing-jobs/x"), "resourceArn"},
		{"none", tag(arn, map[string]string{}), "tags"},
		{"too many", tag(arn, many), "50"},
		{"reserved", tag(arn, map[string]string{"aws:a": "b"}), "aws:"},
		{"case", tag(arn, map[string]string{"team": "a", "Team": "b"}), "case"},
		{"a long value", tag(arn, map[string]string{"a": strings.Repeat("v", 257)}), "256"},
	})
	if err := listTags("image")(t.Context(), w.client); err == nil || !strings.Contains(err.Error(), "AccessDeniedException") {
		t.Errorf("no ARN: %v", err) // it is of nobody's account
	}
	for name, call := range map[string]func(context.Context, *signer.Client) error{"tag": tag(arn, one), "untag": untag(arn, "a"), "list": listTags(arn)} {
		if err := call(t.Context(), w.guest); err == nil || !strings.Contains(err.Error(), "AccessDeniedException") {
			t.Errorf("%s, another account: %v", name, err)
		}
	}
}
