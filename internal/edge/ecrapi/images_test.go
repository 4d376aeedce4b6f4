package ecrapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

const signatureType = "application/vnd.cncf.notary.signature"

var app = aws.String("team/app")

// listed lists all image ids, page by page, as digest:tag in short.
func (w *world) listed(filter *types.ListImagesFilter, size int32) (ids []types.ImageIdentifier) {
	w.Helper()
	pages := ecr.NewListImagesPaginator(w.client, &ecr.ListImagesInput{RepositoryName: app, Filter: filter, MaxResults: &size})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.ctx)
		w.must(err)
		if len(page.ImageIds) > int(size) {
			w.Fatalf("a page has %d entries, more than %d", len(page.ImageIds), size)
		}
		ids = append(ids, page.ImageIds...)
	}
	return ids
}

func TestListImages(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	same(w, len(w.listed(nil, 1000)), 0)
	a := w.image(*app, "a", "b", "c", "d", "e")
	b := w.image(*app)
	c := w.image(*app, "latest")
	tagged := []types.ImageIdentifier{byBoth(a, "a"), byBoth(a, "b"), byBoth(a, "c"), byBoth(a, "d"), byBoth(a, "e")}
	all := append(append([]types.ImageIdentifier{}, tagged...), byDigest(b), byBoth(c, "latest"))
	tagged = append(tagged, byBoth(c, "latest"))
	for size := int32(1); size <= 8; size++ {
		same(w, w.listed(nil, size), all)
		same(w, w.listed(&types.ListImagesFilter{TagStatus: types.TagStatusAny}, size), all)
		same(w, w.listed(&types.ListImagesFilter{TagStatus: types.TagStatusTagged, ImageStatus: "ANY"}, size), tagged)
		same(w, w.listed(&types.ListImagesFilter{TagStatus: types.TagStatusUntagged, ImageStatus: "ACTIVE"}, size), []types.ImageIdentifier{byDigest(b)})
		same(w, len(w.listed(&types.ListImagesFilter{ImageStatus: "ARCHIVED"}, size)), 0)
	}
	_, err := w.client.ListImages(w.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("none")})
	wantError[*types.RepositoryNotFoundException](w, err)
	_, err = w.client.ListImages(w.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("none"), Filter: &types.ListImagesFilter{ImageStatus: "ARCHIVED"}})
	wantError[*types.RepositoryNotFoundException](w, err)
}

// To delete page after page while listing sees every image once: the place in
// the list holds although what it was made from is gone.
func TestListWhileDeleting(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	for i := range 7 {
		w.image(*app, ociref.Tag(fmt.Sprint("t", i)), ociref.Tag(fmt.Sprint("u", i)))
	}
	pages := ecr.NewListImagesPaginator(w.client, &ecr.ListImagesInput{RepositoryName: app, MaxResults: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.ctx)
		w.must(err)
		out, err := w.client.BatchDeleteImage(w.ctx, &ecr.BatchDeleteImageInput{RepositoryName: app, ImageIds: page.ImageIds})
		w.must(err)
		same(w, len(out.Failures), 0)
	}
	w.present(*app)
}

// A token is a place in one list, and nothing else.
func TestTokensOfOtherLists(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	w.create("other")
	a := w.image(*app, "a", "b")
	w.image(*app, "c")
	for range 2 {
		w.signature(*app, a, signatureType)
	}
	images, err := w.client.ListImages(w.ctx, &ecr.ListImagesInput{RepositoryName: app, MaxResults: aws.Int32(1)})
	w.must(err)
	details, err := w.client.DescribeImages(w.ctx, &ecr.DescribeImagesInput{RepositoryName: app, MaxResults: aws.Int32(1)})
	w.must(err)
	subject := &types.SubjectIdentifier{ImageDigest: aws.String(string(a.Digest))}
	referrers, err := w.client.ListImageReferrers(w.ctx, &ecr.ListImageReferrersInput{RepositoryName: app, SubjectId: subject, MaxResults: aws.Int32(1)})
	w.must(err)
	for _, token := range []*string{images.NextToken, details.NextToken, referrers.NextToken, aws.String("bm9uc2Vuc2U")} {
		for name, try := range map[string]func() error{
			"list other": func() error {
				_, err := w.client.ListImages(w.ctx, &ecr.ListImagesInput{RepositoryName: aws.String("other"), NextToken: token})
				return err
			},
			"describe other": func() error {
				_, err := w.client.DescribeImages(w.ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("other"), NextToken: token})
				return err
			},
			"referrers of other": func() error {
				_, err := w.client.ListImageReferrers(w.ctx, &ecr.ListImageReferrersInput{RepositoryName: aws.String("other"), SubjectId: subject, NextToken: token})
				return err
			},
			"repositories": func() error {
				_, err := w.client.DescribeRepositories(w.ctx, &ecr.DescribeRepositoriesInput{NextToken: token})
				return err
			},
		} {
			if err := try(); err == nil {
				t.Errorf("%s took the token of another list", name)
			} else {
				wantError[*types.InvalidParameterException](w, err, "Invalid parameter at 'nextToken'")
			}
		}
	}
}

func TestDescribeImages(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	image := w.image(*app, "v1", "latest")
	sig := w.signature(*app, image, signatureType)
	index := w.index(*app, image)
	out, err := w.client.DescribeImages(w.ctx, &ecr.DescribeImagesInput{RepositoryName: app, ImageIds: []types.ImageIdentifier{byDigest(sig), byTag("v1"), byDigest(image), byBoth(image, "latest"), byDigest(index)}})
	w.must(err)
	same(w, len(out.ImageDetails), 3)
	s, i, x := out.ImageDetails[0], out.ImageDetails[1], out.ImageDetails[2]
	same(w, *i.ImagePushedAt, image.PushedAt.Truncate(1e6)) // milliseconds travel
	same(w, *i.ImageSizeInBytes, image.ImageSize)
	i.ImagePushedAt, i.ImageSizeInBytes = nil, nil
	same(w, i, types.ImageDetail{
		RegistryId: aws.String("111122223333"), RepositoryName: app, ImageDigest: aws.String(string(image.Digest)),
		ImageTags: []string{"latest", "v1"}, ImageStatus: types.ImageStatusActive,
		ImageManifestMediaType: aws.String(registry.MediaTypeImage), ArtifactMediaType: aws.String("application/vnd.oci.image.config.v1+json")})
	same(w, s.ArtifactMediaType, signatureType)
	same(w, s.SubjectManifestDigest, image.Digest)
	same(w, x.ImageManifestMediaType, registry.MediaTypeIndex)
	same(w, x.SubjectManifestDigest == nil && x.ArtifactMediaType == nil && x.ImageTags == nil, true)

	var digests []string
	pages := ecr.NewDescribeImagesPaginator(w.client, &ecr.DescribeImagesInput{RepositoryName: app, MaxResults: aws.Int32(1), Filter: &types.DescribeImagesFilter{TagStatus: "UNTAGGED"}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.ctx)
		w.must(err)
		for _, d := range page.ImageDetails {
			digests = append(digests, *d.ImageDigest)
		}
	}
	same(w, digests, []ociref.Digest{sig.Digest, index.Digest})
}

func TestDescribeImagesRefusals(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	a, b := w.image(*app, "a"), w.image(*app, "b")
	describe := func(in ecr.DescribeImagesInput) error {
		if in.RepositoryName == nil {
			in.RepositoryName = app
		}
		_, err := w.client.DescribeImages(w.ctx, &in)
		return err
	}
	ids := func(list ...types.ImageIdentifier) ecr.DescribeImagesInput {
		return ecr.DescribeImagesInput{ImageIds: list}
	}
	same(w, wantError[*types.ImageNotFoundException](w, describe(ids(byTag("a"), byTag("none")))),
		"The image with imageId {imageDigest:'null', imageTag:'none'} does not exist within the repository with name 'team/app' in the registry with id '111122223333'")
	wantError[*types.ImageNotFoundException](w, describe(ids(byBoth(b, "a"))))
	a.Digest = ociref.DigestOf(ociref.SHA256, nil)
	wantError[*types.ImageNotFoundException](w, describe(ids(byDigest(a))))
	wantError[*types.InvalidParameterException](w, describe(ids(types.ImageIdentifier{})))
	wantError[*types.InvalidParameterException](w, describe(ids(types.ImageIdentifier{ImageDigest: aws.String("sha256:1")})), "imageDigest")
	wantError[*types.InvalidParameterException](w, describe(ids(byTag("../x"))), "imageTag")
	wantError[*types.InvalidParameterException](w, describe(ids(byTag(strings.Repeat("x", 301)))), "imageTag")
	wantError[*types.InvalidParameterException](w, describe(ids(make([]types.ImageIdentifier, 101)...)), "imageIds")
	in := ids(byTag("a"))
	in.MaxResults = aws.Int32(1)
	wantError[*types.InvalidParameterException](w, describe(in), "imageIds")
	wantError[*types.InvalidParameterException](w, describe(ecr.DescribeImagesInput{MaxResults: aws.Int32(1001)}), "maxResults")
	wantError[*types.InvalidParameterException](w, describe(ecr.DescribeImagesInput{Filter: &types.DescribeImagesFilter{TagStatus: "SOME"}}), "filter.tagStatus")
	wantError[*types.RepositoryNotFoundException](w, describe(ecr.DescribeImagesInput{RepositoryName: aws.String("none")}))
}

func TestListImageReferrers(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	image := w.image(*app, "v1")
	var sigs, sboms []registry.Manifest
	for range 3 {
		sigs = append(sigs, w.signature(*app, image, signatureType))
		sboms = append(sboms, w.signature(*app, image, "application/spdx+json"))
	}
	subject := &types.SubjectIdentifier{ImageDigest: aws.String(string(image.Digest))}
	list := func(size int32, filter *types.ListImageReferrersFilter) (digests []string) {
		in := &ecr.ListImageReferrersInput{RepositoryName: app, SubjectId: subject, Filter: filter, MaxResults: &size}
		for {
			out, err := w.client.ListImageReferrers(w.ctx, in)
			w.must(err)
			for _, r := range out.Referrers {
				digests = append(digests, *r.Digest)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return digests
			}
		}
	}
	want := func(list ...registry.Manifest) (digests []ociref.Digest) {
		for _, m := range list {
			digests = append(digests, m.Digest)
		}
		return digests
	}
	all := want(sigs[0], sboms[0], sigs[1], sboms[1], sigs[2], sboms[2])
	for _, size := range []int32{1, 2, 4, 50} {
		same(w, list(size, nil), all)
		same(w, list(size, &types.ListImageReferrersFilter{ArtifactTypes: []string{signatureType}}), want(sigs...))
		same(w, list(size, &types.ListImageReferrersFilter{ArtifactTypes: []string{signatureType, "application/spdx+json", "x"}, ArtifactStatus: "ANY"}), all)
		same(w, len(list(size, &types.ListImageReferrersFilter{ArtifactStatus: "ARCHIVED"})), 0)
	}
	out, err := w.client.ListImageReferrers(w.ctx, &ecr.ListImageReferrersInput{RepositoryName: app, SubjectId: subject})
	w.must(err)
	same(w, out.Referrers[0], types.ImageReferrer{Digest: aws.String(string(sigs[0].Digest)), MediaType: &sigs[0].MediaType, ArtifactType: aws.String(signatureType),
		Size: &sigs[0].ContentSize, Annotations: sigs[0].Annotations, ArtifactStatus: types.ArtifactStatusActive})

	old := w.image(*app) // which an old client lists under the image's tag
	entry := descriptor(old)
	entry["artifactType"] = old.ArtifactType
	w.push(*app, map[string]any{"mediaType": registry.MediaTypeIndex, "manifests": []any{entry}}, ociref.Tag("sha256-"+image.Digest.Hex()))
	for _, size := range []int32{3, 50} {
		same(w, list(size, nil), append(all[:len(all):len(all)], old.Digest))
	}

	subject.ImageDigest = aws.String(string(ociref.DigestOf(ociref.SHA512, nil)))
	same(w, len(list(20, nil)), 0) // a subject that is not there has none
	refuse := func(in ecr.ListImageReferrersInput) error {
		if in.RepositoryName == nil {
			in.RepositoryName = app
		}
		if in.SubjectId == nil {
			in.SubjectId = subject
		}
		_, err := w.client.ListImageReferrers(w.ctx, &in)
		return err
	}
	wantError[*types.RepositoryNotFoundException](w, refuse(ecr.ListImageReferrersInput{RepositoryName: aws.String("none")}))
	wantError[*types.RepositoryNotFoundException](w, refuse(ecr.ListImageReferrersInput{RepositoryName: aws.String("none"), Filter: &types.ListImageReferrersFilter{ArtifactStatus: "ARCHIVED"}}))
	wantError[*types.InvalidParameterException](w, refuse(ecr.ListImageReferrersInput{MaxResults: aws.Int32(51)}), "maxResults")
	wantError[*types.InvalidParameterException](w, refuse(ecr.ListImageReferrersInput{SubjectId: &types.SubjectIdentifier{ImageDigest: aws.String("v1")}}), "subjectId.imageDigest")
	wantError[*types.InvalidParameterException](w, refuse(ecr.ListImageReferrersInput{Filter: &types.ListImageReferrersFilter{ArtifactTypes: make([]string, 6)}}), "filter.artifactTypes")
}
