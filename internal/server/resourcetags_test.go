package server

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/signing"
)

// byTag allows what it allows on resources with a tag alone.
const byTag = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},
	{"Effect":"Allow","Action":["ecr:*","signer:*"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}]}`

// TestTagsDecideAtBothDoors: as the API of ECR changes them.
func TestTagsDecideAtBothDoors(t *testing.T) {
	s, _ := run(t, settings(t))
	root := ecr.NewFromConfig(newBearer(t, s, rootOf(t, s)).config(s))
	app, err := root.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
	must(t, err)
	tag := func(value string) {
		t.Helper()
		_, err := root.TagResource(t.Context(), &ecr.TagResourceInput{ResourceArn: app.Repository.RepositoryArn, Tags: []ecrtypes.Tag{{Key: aws.String("team"), Value: &value}}})
		must(t, err)
	}
	c := newUser(t, s, "red")
	for _, name := range []string{"aws:ResourceTag", "ecr:ResourceTag"} {
		must(t, s.access.PutInlinePolicy(t.Context(), user("red"), "all", strings.Replace(byTag, "aws:ResourceTag", name, 1)))
		b := newBearer(t, s, c)
		for value, want := range map[string]string{"red": "signed /v2 ", "blue": ""} {
			if tag(value); b.reads(t, s) != want {
				t.Errorf("%s, tagged %s: not %qopen", name, value, want)
			}
		}
		tag("red")
		_, err := root.UntagResource(t.Context(), &ecr.UntagResourceInput{ResourceArn: app.Repository.RepositoryArn, TagKeys: []string{"team"}})
		must(t, err)
		if open := b.reads(t, s); open != "" {
			t.Errorf("%s, untagged: %sopen", name, open)
		}
	}
	must(t, s.access.PutInlinePolicy(t.Context(), user("red"), "all", byTag))
	b := newBearer(t, s, c)
	if open := b.reads(t, s); open != "" { // and remembers that there are no tags
		t.Errorf("untagged: %sopen", open)
	}
	_, err = root.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: aws.String("app")})
	must(t, err)
	_, err = root.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app"), Tags: []ecrtypes.Tag{{Key: aws.String("team"), Value: aws.String("red")}}})
	must(t, err)
	if open := b.reads(t, s); open != "signed /v2 " {
		t.Errorf("made with the tag: %q open", open)
	}
}

// TestTagsOfProfilesDecide: who may sign.
func TestTagsOfProfilesDecide(t *testing.T) {
	s, _ := run(t, settings(t))
	root := signer.NewFromConfig(newBearer(t, s, rootOf(t, s)).config(s))
	profile, err := root.PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{ProfileName: aws.String("image"), PlatformId: aws.String(signing.NotationPlatform)})
	must(t, err)
	b := bearer{credentials: newUser(t, s, "red")}
	must(t, s.access.PutInlinePolicy(t.Context(), user("red"), "all", byTag))
	shows := func() error {
		_, err := signer.NewFromConfig(b.config(s)).GetSigningProfile(t.Context(), &signer.GetSigningProfileInput{ProfileName: aws.String("image")})
		return err
	}
	for _, step := range []struct {
		tags map[string]string
		want bool
	}{{nil, false}, {map[string]string{"team": "red"}, true}, {map[string]string{"team": "blue"}, false}} {
		if step.tags != nil {
			_, err := root.TagResource(t.Context(), &signer.TagResourceInput{ResourceArn: profile.Arn, Tags: step.tags})
			must(t, err)
		}
		if err := shows(); (err == nil) != step.want {
			t.Errorf("tagged %v: %v", step.tags, err)
		}
	}
}

// TestChangedTagIsSoonEverywhere: a tag taken away shuts out with the next request
// on the replica that did it, and within a second on another one, whoever came with
// a registry token from before.
func TestChangedTagIsSoonEverywhere(t *testing.T) {
	near, far := replicas(t)
	app := registry.Key{Account: ours, Name: "app"}
	_, err := near.registry.CreateRepository(t.Context(), registry.NewRepository{Key: app, Tags: map[string]string{"team": "red"}})
	must(t, err)
	b := newBearer(t, near, newUser(t, near, "red"))
	must(t, near.access.PutInlinePolicy(t.Context(), user("red"), "all", byTag))
	for name, change := range map[string]func(context.Context) error{
		"untagged": func(ctx context.Context) error { return near.registry.UntagResource(ctx, app, []string{"team"}) },
		"retagged": func(ctx context.Context) error {
			return near.registry.TagResource(ctx, app, map[string]string{"team": "blue"})
		},
	} {
		must(t, near.registry.TagResource(t.Context(), app, map[string]string{"team": "red"}))
		await(t, name+", may read before", farSoon, func() bool { return b.reads(t, far) == "signed /v2 " })
		must(t, change(t.Context()))
		if open := b.reads(t, near); open != "" {
			t.Errorf("%s: %sopen where it was done", name, open)
		}
		await(t, name+" on the other replica", farSoon, func() bool { return b.reads(t, far) == "" })
	}
}

// TestVersionsOfProfilesDecide: every operation that AWS lists with the key
// signer:ProfileVersion can be denied by it.
//
// Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssigner.html
func TestVersionsOfProfilesDecide(t *testing.T) {
	f := newFederation(t)
	root := signer.NewFromConfig(f.root.config(f.Server))
	shown, err := root.GetSigningProfile(t.Context(), &signer.GetSigningProfileInput{ProfileName: aws.String("ci")})
	must(t, err)
	must(t, f.signs(f.root, "ci"))
	jobs, err := root.ListSigningJobs(t.Context(), nil)
	must(t, err)
	b := newBearer(t, f.Server, newUser(t, f.Server, "versed"))
	client := signer.NewFromConfig(b.config(f.Server))
	name, version, job := aws.String("ci"), shown.ProfileVersion, jobs.Jobs[0].JobId
	for _, operation := range []struct {
		name string
		call func() error
	}{
		{"GetSigningProfile", func() error {
			_, err := client.GetSigningProfile(t.Context(), &signer.GetSigningProfileInput{ProfileName: name})
			return err
		}},
		{"SignPayload", func() error { return f.signs(b, "ci") }},
		{"AddProfilePermission", func() error {
			_, err := client.AddProfilePermission(t.Context(), &signer.AddProfilePermissionInput{ProfileName: name, ProfileVersion: version,
				Action: aws.String("signer:SignPayload"), Principal: aws.String(theirs), StatementId: aws.String("one")})
			return err
		}},
		{"RemoveProfilePermission", func() error {
			all, err := root.ListProfilePermissions(t.Context(), &signer.ListProfilePermissionsInput{ProfileName: name})
			must(t, err)
			_, err = client.RemoveProfilePermission(t.Context(), &signer.RemoveProfilePermissionInput{ProfileName: name, StatementId: aws.String("one"), RevisionId: all.RevisionId})
			return err
		}},
		{"RevokeSignature", func() error {
			_, err := client.RevokeSignature(t.Context(), &signer.RevokeSignatureInput{JobId: job, Reason: aws.String("test")})
			return err
		}},
		{"RevokeSigningProfile", func() error {
			_, err := client.RevokeSigningProfile(t.Context(), &signer.RevokeSigningProfileInput{ProfileName: name, ProfileVersion: version, Reason: aws.String("test"), EffectiveTime: aws.Time(time.Now())})
			return err
		}},
		{"CancelSigningProfile", func() error {
			_, err := client.CancelSigningProfile(t.Context(), &signer.CancelSigningProfileInput{ProfileName: aws.String("release")})
			return err
		}},
	} {
		denied := *version
		if operation.name == "CancelSigningProfile" { // of the other profile, since this one is revoked
			shown, err := root.GetSigningProfile(t.Context(), &signer.GetSigningProfileInput{ProfileName: aws.String("release")})
			must(t, err)
			denied = *shown.ProfileVersion
		}
		for _, of := range []string{denied, "AAAAAAAAAA"} {
			must(t, f.access.PutInlinePolicy(t.Context(), user("versed"), "all", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
				{"Effect":"Deny","Action":"signer:`+operation.name+`","Resource":"*","Condition":{"StringEquals":{"signer:ProfileVersion":"`+of+`"}}}]}`))
			err := operation.call()
			if of == denied {
				f.wantCode(err, "AccessDeniedException")
			} else if err != nil {
				t.Errorf("%s: %v", operation.name, err)
			}
			if t.Failed() {
				t.Fatal(operation.name)
			}
		}
	}
}
