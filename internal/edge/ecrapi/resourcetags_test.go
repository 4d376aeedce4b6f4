package ecrapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/sealwright/sealwright/internal/arn"
)

func tag(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }

func (w *world) tag(client *ecr.Client, resource string, tags ...types.Tag) error {
	_, err := client.TagResource(w.ctx, &ecr.TagResourceInput{ResourceArn: &resource, Tags: tags})
	return err
}

func (w *world) untag(client *ecr.Client, resource string, keys ...string) error {
	_, err := client.UntagResource(w.ctx, &ecr.UntagResourceInput{ResourceArn: &resource, TagKeys: keys})
	return err
}

// tags are those of a repository, as "a=1 b=2".
func (w *world) tags(resource string) string {
	w.Helper()
	out, err := w.client.ListTagsForResource(w.ctx, &ecr.ListTagsForResourceInput{ResourceArn: &resource})
	w.must(err)
	var all []string
	for _, t := range out.Tags {
		all = append(all, *t.Key+"="+*t.Value)
	}
	return strings.Join(all, " ")
}

func TestResourceTags(t *testing.T) {
	w := newWorld(t)
	created, err := w.client.CreateRepository(w.ctx, &ecr.CreateRepositoryInput{RepositoryName: app, Tags: []types.Tag{tag("team", "a")}})
	w.must(err)
	resource := *created.Repository.RepositoryArn
	same(w, w.tags(resource), "team=a")
	w.must(w.tag(w.client, resource, tag("team", "b"), tag("cost centre", "")))
	same(w, w.tags(resource), "cost centre= team=b")
	w.must(w.untag(w.client, resource, "cost centre", "never"))
	same(w, w.tags(resource), "team=b")
	w.must(w.untag(w.client, resource, "team"))
	same(w, w.tags(resource), "")
}

func TestResourceTagErrors(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	resource := arn.Repository(region, account, *app).String()
	absent := arn.Repository(region, account, "absent").String()
	wantError[*types.RepositoryNotFoundException](w, w.tag(w.client, absent, tag("a", "b")), "absent")
	wantError[*types.RepositoryNotFoundException](w, w.untag(w.client, absent, "a"), "absent")
	_, err := w.client.ListTagsForResource(w.ctx, &ecr.ListTagsForResourceInput{ResourceArn: &absent})
	wantError[*types.RepositoryNotFoundException](w, err, "absent")
	for _, wrong := range []string{*app, "arn:aws:ecr:us-east-1:111122223333:registry/x", strings.Replace(resource, region, "eu-west-1", 1),
		strings.Replace(resource, "arn:aws:", "arn:aws-cn:", 1), resource + "/", resource + "//x", strings.Replace(resource, string(account), "", 1)} {
		if err := w.tag(w.client, wrong, tag("a", "b")); err == nil {
			t.Errorf("%s is tagged", wrong)
		}
	}
	wantError[*types.InvalidParameterException](w, w.tag(w.client, resource+"//x", tag("a", "b")), "resourceArn")
	for _, tags := range [][]types.Tag{{tag("aws:a", "b")}, {tag("", "b")}, {tag("a", strings.Repeat("v", 257))}, {tag("a", "1"), tag("a", "2")}, {tag("team", "1"), tag("Team", "2")}} {
		wantError[*types.InvalidTagParameterException](w, w.tag(w.client, resource, tags...))
	}
	var many []types.Tag
	for i := range 50 {
		many = append(many, tag(fmt.Sprint("k", i), ""))
	}
	w.must(w.tag(w.client, resource, many...))
	w.must(w.tag(w.client, resource, many[0]))
	wantError[*types.TooManyTagsException](w, w.tag(w.client, resource, tag("one-more", "")))
}

// TestRequestTags: conditions know the tags that a request gives or takes; tags at
// creation need two permissions.
func TestRequestTags(t *testing.T) {
	w := newWorld(t)
	create := func(tags ...types.Tag) error {
		_, err := w.guest.CreateRepository(w.ctx, &ecr.CreateRepositoryInput{RepositoryName: app, RegistryId: aws.String(string(account)), Tags: tags})
		return err
	}
	const onTeam = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":[%s],
		"Condition":{"StringEqualsIfExists":{"aws:RequestTag/team":"a"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]},"Null":{"aws:TagKeys":"false"}}}}`
	w.permit(true, fmt.Sprintf(onTeam, `"ecr:CreateRepository"`))
	w.denied(create(tag("team", "a")))
	w.permit(true, fmt.Sprintf(onTeam, `"ecr:CreateRepository","ecr:TagResource","ecr:UntagResource"`))
	w.denied(create())
	w.denied(create(tag("team", "b")))
	w.denied(create(tag("team", "a"), tag("cost", "1")))
	w.must(create(tag("team", "a")))
	resource := arn.Repository(region, account, *app).String()
	w.denied(w.tag(w.guest, resource, tag("team", "b")))
	w.denied(w.tag(w.guest, resource, tag("cost", "b")))
	w.must(w.tag(w.guest, resource, tag("team", "a")))
	w.denied(w.untag(w.guest, resource, "cost"))
	w.denied(w.untag(w.guest, resource, "team", "cost"))
	w.must(w.untag(w.guest, resource, "team"))
}
