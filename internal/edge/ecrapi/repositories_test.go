package ecrapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
)

// recorder keeps the last answer's body.
type recorder struct{ body []byte }

func (r *recorder) Do(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	r.body, err = io.ReadAll(response.Body)
	response.Body = io.NopCloser(bytes.NewReader(r.body))
	return response, err
}

// TestImageCounts: signatures count as images, and once more on their own.
func TestImageCounts(t *testing.T) {
	w := newWorld(t)
	w.create("a/empty")
	w.create(*app)
	w.signature(*app, w.image(*app, "v1"), "application/vnd.cncf.notary.signature")
	seen := &recorder{}
	for _, names := range [][]string{nil, {*app, "a/empty"}} {
		_, err := w.client.DescribeRepositories(w.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: names}, func(o *ecr.Options) { o.HTTPClient = seen })
		w.must(err)
		var out struct {
			Repositories []struct {
				Name       string `json:"repositoryName"`
				Images     *int   `json:"imageCount"`
				Signatures *int   `json:"signatureCount"`
			}
		}
		w.must(json.Unmarshal(seen.body, &out))
		same(w, len(out.Repositories), 2)
		for _, r := range out.Repositories {
			want := map[string][2]int{*app: {2, 1}, "a/empty": {0, 0}}[r.Name]
			same(w, [2]int{*r.Images, *r.Signatures}, want)
		}
	}
}

func TestCreateRepository(t *testing.T) {
	w := newWorld(t)
	before := time.Now().Add(-time.Second)
	out, err := w.client.CreateRepository(w.ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("team/app")})
	w.must(err)
	r := out.Repository
	if r.CreatedAt.Before(before) || r.CreatedAt.After(time.Now().Add(time.Second)) {
		t.Errorf("createdAt is %v", r.CreatedAt)
	}
	r.CreatedAt = nil
	same(w, r, types.Repository{
		RepositoryArn:              aws.String("arn:aws:ecr:us-east-1:111122223333:repository/team/app"),
		RegistryId:                 aws.String("111122223333"),
		RepositoryName:             aws.String("team/app"),
		RepositoryUri:              aws.String("registry.example.org:8443/team/app"),
		ImageTagMutability:         types.ImageTagMutabilityMutable,
		ImageScanningConfiguration: &types.ImageScanningConfiguration{},
		EncryptionConfiguration:    &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256},
	})

	out, err = w.client.CreateRepository(w.ctx, &ecr.CreateRepositoryInput{
		RepositoryName:             aws.String("full"),
		RegistryId:                 aws.String("111122223333"),
		ImageTagMutability:         types.ImageTagMutabilityImmutableWithExclusion,
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true},
		EncryptionConfiguration:    &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256},
		Tags:                       []types.Tag{{Key: aws.String("team"), Value: aws.String("")}},
		ImageTagMutabilityExclusionFilters: []types.ImageTagMutabilityExclusionFilter{
			{FilterType: types.ImageTagMutabilityExclusionFilterTypeWildcard, Filter: aws.String("dev-*")}},
	})
	w.must(err)
	same(w, out.Repository.ImageTagMutability, "IMMUTABLE_WITH_EXCLUSION")
	same(w, aws.ToString(out.Repository.ImageTagMutabilityExclusionFilters[0].Filter), "dev-*")
	same(w, out.Repository.ImageScanningConfiguration.ScanOnPush, true)
}

func TestCreateRepositoryRefusals(t *testing.T) {
	w := newWorld(t)
	create := func(change func(in *ecr.CreateRepositoryInput)) error {
		in := &ecr.CreateRepositoryInput{RepositoryName: aws.String("team/app")}
		change(in)
		_, err := w.client.CreateRepository(w.ctx, in)
		return err
	}
	for _, name := range []string{"A", "a", "Team/app", "team//app", "../etc", "a b", "-a", "a/", strings.Repeat("a", 257), "a\x00b"} {
		err := create(func(in *ecr.CreateRepositoryInput) { in.RepositoryName = &name })
		wantError[*types.InvalidParameterException](w, err, "Invalid parameter at 'repositoryName' failed to satisfy constraint: '")
	}
	filter := func(f string) types.ImageTagMutabilityExclusionFilter {
		return types.ImageTagMutabilityExclusionFilter{FilterType: "WILDCARD", Filter: &f}
	}
	for parameter, change := range map[string]func(in *ecr.CreateRepositoryInput){
		"imageTagMutability":                 func(in *ecr.CreateRepositoryInput) { in.ImageTagMutability = "SOMETIMES" },
		"imageTagMutabilityExclusionFilters": func(in *ecr.CreateRepositoryInput) { in.ImageTagMutability = "MUTABLE_WITH_EXCLUSION" },
		"imageTagMutabilityExclusionFilters' failed": func(in *ecr.CreateRepositoryInput) {
			in.ImageTagMutabilityExclusionFilters = []types.ImageTagMutabilityExclusionFilter{filter("a")}
		},
		"imageTagMutabilityExclusionFilters.1.member": func(in *ecr.CreateRepositoryInput) {
			in.ImageTagMutabilityExclusionFilters = []types.ImageTagMutabilityExclusionFilter{filter("a b")}
		},
		"encryptionConfiguration.kmsKey": func(in *ecr.CreateRepositoryInput) {
			in.EncryptionConfiguration = &types.EncryptionConfiguration{EncryptionType: "AES256", KmsKey: aws.String("k")}
		},
		"registryId": func(in *ecr.CreateRepositoryInput) { in.RegistryId = aws.String("1") },
	} {
		wantError[*types.InvalidParameterException](w, create(change), "Invalid parameter at '"+parameter)
	}
	six := func(in *ecr.CreateRepositoryInput) {
		in.ImageTagMutability = "MUTABLE_WITH_EXCLUSION"
		for i := range 6 {
			in.ImageTagMutabilityExclusionFilters = append(in.ImageTagMutabilityExclusionFilters, filter(fmt.Sprint("f", i)))
		}
	}
	wantError[*types.InvalidParameterException](w, create(six), "imageTagMutabilityExclusionFilters")

	wantError[*types.KmsException](w, create(func(in *ecr.CreateRepositoryInput) {
		in.EncryptionConfiguration = &types.EncryptionConfiguration{EncryptionType: "KMS"}
	}), "AES256")
	tags := func(keys ...string) error {
		return create(func(in *ecr.CreateRepositoryInput) {
			for _, k := range keys {
				in.Tags = append(in.Tags, types.Tag{Key: &k, Value: aws.String("v")})
			}
		})
	}
	wantError[*types.InvalidTagParameterException](w, tags(strings.Repeat("k", 129)))
	wantError[*types.InvalidTagParameterException](w, tags("twice", "twice"), "twice")
	wantError[*types.InvalidTagParameterException](w, tags("aws:mine"), "aws:")
	wantError[*types.InvalidTagParameterException](w, tags(""))
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprint("k", i))
	}
	wantError[*types.TooManyTagsException](w, tags(many...), "50")
	w.must(tags(many[:50]...))
	message := wantError[*types.RepositoryAlreadyExistsException](w, tags())
	same(w, message, "The repository with name 'team/app' already exists in the registry with id '111122223333'")

	err := create(func(in *ecr.CreateRepositoryInput) { in.RegistryId = aws.String("444455556666") })
	wantError[smithy.APIError](w, err, "is not authorized to perform: ecr:CreateRepository on resource: arn:aws:ecr:us-east-1:444455556666:repository/team/app")
}

func TestDescribeRepositories(t *testing.T) {
	w := newWorld(t)
	var all []string
	for i := range 5 {
		all = append(all, fmt.Sprintf("repo-%d", i))
		w.create(all[i])
	}
	var got []string
	pages := ecr.NewDescribeRepositoriesPaginator(w.client, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(2)})
	for n := 1; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(w.ctx)
		w.must(err)
		if len(page.Repositories) > 2 || n > 3 {
			t.Fatalf("page %d has %d", n, len(page.Repositories))
		}
		for _, r := range page.Repositories {
			got = append(got, *r.RepositoryName)
		}
	}
	same(w, got, all)

	out, err := w.client.DescribeRepositories(w.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"repo-3", "repo-1", "repo-3"}})
	w.must(err)
	same(w, len(out.Repositories), 2)
	same(w, out.Repositories[0].RepositoryName, "repo-3")

	_, err = w.client.DescribeRepositories(w.ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"repo-1", "none"}})
	same(w, wantError[*types.RepositoryNotFoundException](w, err), "The repository with name 'none' does not exist in the registry with id '111122223333'")
	for _, in := range []*ecr.DescribeRepositoriesInput{
		{MaxResults: aws.Int32(1001)}, {MaxResults: aws.Int32(-1)}, {RepositoryNames: []string{"../x"}}, {RepositoryNames: make([]string, 101)},
		{RepositoryNames: []string{"repo-1"}, MaxResults: aws.Int32(5)}, {RepositoryNames: []string{"repo-1"}, NextToken: aws.String("x")},
		{NextToken: aws.String("!")}, {NextToken: aws.String(strings.Repeat("A", 10_000))},
	} {
		_, err := w.client.DescribeRepositories(w.ctx, in)
		wantError[*types.InvalidParameterException](w, err, "Invalid parameter at '")
	}
	_, err = w.client.DescribeRepositories(w.ctx, &ecr.DescribeRepositoriesInput{RegistryId: aws.String("444455556666")})
	wantError[smithy.APIError](w, err, "not authorized")
}

func TestDeleteRepository(t *testing.T) {
	w := newWorld(t)
	w.create("team/app")
	w.image("team/app", "v1")
	del := func(force bool) error {
		_, err := w.client.DeleteRepository(w.ctx, &ecr.DeleteRepositoryInput{RepositoryName: aws.String("team/app"), Force: force})
		return err
	}
	same(w, wantError[*types.RepositoryNotEmptyException](w, del(false)),
		"The repository with name 'team/app' in registry with id '111122223333' cannot be deleted because it still contains images")
	w.must(del(true))
	wantError[*types.RepositoryNotFoundException](w, del(true))
	_, err := w.client.DeleteRepository(w.ctx, &ecr.DeleteRepositoryInput{RepositoryName: aws.String("X")})
	wantError[*types.InvalidParameterException](w, err)
}

func TestGetAuthorizationToken(t *testing.T) {
	w := newWorld(t)
	out, err := w.client.GetAuthorizationToken(w.ctx, registryIDs(string(account)))
	w.must(err)
	same(w, len(out.AuthorizationData), 1)
	data := out.AuthorizationData[0]
	same(w, data.ProxyEndpoint, public)
	raw, err := base64.StdEncoding.DecodeString(*data.AuthorizationToken)
	w.must(err)
	user, password, _ := strings.Cut(string(raw), ":")
	same(w, user, "AWS")
	p, id, err := w.access.VerifyToken(w.ctx, password)
	w.must(err)
	same(w, p.Account, account)
	same(w, id, w.key.AccessKeyID)
	if left := time.Until(*data.ExpiresAt); left < 11*time.Hour || left > 12*time.Hour {
		t.Errorf("the token ends in %v", left)
	}
	out, err = w.client.GetAuthorizationToken(w.ctx, registryIDs(string(account), "444455556666"))
	w.must(err)
	same(w, len(out.AuthorizationData), 2) // one for each: the token is good for what policies say
	for _, ids := range [][]string{{"1"}, make([]string, 11)} {
		_, err = w.client.GetAuthorizationToken(w.ctx, registryIDs(ids...))
		wantError[*types.InvalidParameterException](w, err, "Invalid parameter at 'registryIds'")
	}
}

// registryIDs is what Amazon's credential helper still sends.
func registryIDs(ids ...string) *ecr.GetAuthorizationTokenInput {
	return &ecr.GetAuthorizationTokenInput{RegistryIds: ids} //lint:ignore SA1019 clients in use send it
}
