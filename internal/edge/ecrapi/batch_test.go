package ecrapi_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

func TestBatchGetImage(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	a, b := w.image(*app, "a", "z"), w.image(*app, "b")
	out, err := w.client.BatchGetImage(w.ctx, &ecr.BatchGetImageInput{RepositoryName: app,
		AcceptedMediaTypes: []string{registry.MediaTypeDockerImage},
		ImageIds:           []types.ImageIdentifier{byTag("a"), byDigest(b), byBoth(a, "z"), byTag("a")}})
	w.must(err)
	image := func(m registry.Manifest, id types.ImageIdentifier) types.Image {
		return types.Image{RegistryId: aws.String("111122223333"), RepositoryName: app, ImageId: &id,
			ImageManifest: aws.String(string(m.Content)), ImageManifestMediaType: aws.String(registry.MediaTypeImage)}
	}
	same(w, out.Images, []types.Image{image(a, byBoth(a, "a")), image(b, byDigest(b)), image(a, byBoth(a, "z"))})
	same(w, len(out.Failures), 0)
}

// codes are the failures' codes by identifier; each must say why.
func (w *world) codes(failures []types.ImageFailure) (codes []types.ImageFailureCode) {
	w.Helper()
	for _, f := range failures {
		if aws.ToString(f.FailureReason) == "" || f.ImageId == nil {
			w.Fatalf("failure %s has reason %q, id %v", f.FailureCode, aws.ToString(f.FailureReason), f.ImageId)
		}
		codes = append(codes, f.FailureCode)
	}
	return codes
}

// badIDs are identifiers that lead nowhere, and their codes.
func (w *world) badIDs(a, b registry.Manifest) ([]types.ImageIdentifier, []types.ImageFailureCode) {
	absent := registry.Manifest{Digest: ociref.DigestOf(ociref.SHA256, []byte("absent"))}
	return []types.ImageIdentifier{{}, {ImageDigest: aws.String("sha256:xyz")}, byTag("../x"), byBoth(b, string(a.Tags[0])), byTag("none"), byDigest(absent), byBoth(absent, "none")},
		[]types.ImageFailureCode{"MissingDigestAndTag", "InvalidImageDigest", "InvalidImageTag", "ImageTagDoesNotMatchDigest", "ImageNotFound", "ImageNotFound", "ImageNotFound"}
}

func TestBatchGetImageRefusals(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	a, b := w.image(*app, "a"), w.image(*app, "b")
	a.Tags = []ociref.Tag{"a"}
	ids, codes := w.badIDs(a, b)
	out, err := w.client.BatchGetImage(w.ctx, &ecr.BatchGetImageInput{RepositoryName: app, ImageIds: append(ids, byDigest(a))})
	w.must(err)
	same(w, len(out.Images), 1)
	same(w, w.codes(out.Failures), codes)

	get := func(in ecr.BatchGetImageInput) error {
		if in.RepositoryName == nil {
			in.RepositoryName = app
		}
		_, err := w.client.BatchGetImage(w.ctx, &in)
		return err
	}
	none := aws.String("none")
	wantError[*types.RepositoryNotFoundException](w, get(ecr.BatchGetImageInput{RepositoryName: none, ImageIds: ids[4:5]}))
	wantError[*types.RepositoryNotFoundException](w, get(ecr.BatchGetImageInput{RepositoryName: none, ImageIds: ids[:1]}))
	wantError[*types.InvalidParameterException](w, get(ecr.BatchGetImageInput{ImageIds: make([]types.ImageIdentifier, 101)}), "imageIds")
	wantError[*types.InvalidParameterException](w, get(ecr.BatchGetImageInput{ImageIds: []types.ImageIdentifier{}}), "imageIds")
	wantError[*types.InvalidParameterException](w, get(ecr.BatchGetImageInput{ImageIds: ids, AcceptedMediaTypes: make([]string, 101)}), "acceptedMediaTypes")

	var large []types.ImageIdentifier
	for range 5 { // more than one answer holds
		m := w.imageManifest(*app)
		m["padding"] = strings.Repeat("x", 4_000_000)
		large = append(large, byDigest(w.push(*app, m)))
	}
	w.must(get(ecr.BatchGetImageInput{ImageIds: large[:4]}))
	wantError[*types.LimitExceededException](w, get(ecr.BatchGetImageInput{ImageIds: large}), "fewer")
}

func (w *world) delete(ids ...types.ImageIdentifier) *ecr.BatchDeleteImageOutput {
	w.Helper()
	out, err := w.client.BatchDeleteImage(w.ctx, &ecr.BatchDeleteImageInput{RepositoryName: app, ImageIds: ids})
	w.must(err)
	return out
}

func TestBatchDeleteImage(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	a, b := w.image(*app, "a1", "a2", "a3"), w.image(*app, "b1", "b2")
	sig := w.signature(*app, a, signatureType)

	out := w.delete(byTag("a1"), byBoth(a, "a2"))
	same(w, out.ImageIds, []types.ImageIdentifier{byBoth(a, "a1"), byBoth(a, "a2")})
	w.present(*app, a, b, sig)
	out = w.delete(byTag("a3")) // the last tag takes the image along, and its signature
	same(w, out.ImageIds, []types.ImageIdentifier{byBoth(a, "a3")})
	w.present(*app, b)
	out = w.delete(byDigest(b)) // by digest all tags go
	same(w, out.ImageIds, []types.ImageIdentifier{byBoth(b, "b1"), byBoth(b, "b2")})
	same(w, len(out.Failures), 0)
	w.present(*app)
}

// What goes with something else of the same request, or is named twice, is no
// failure; and an index may come after what it lists.
func TestBatchDeleteImageTogether(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	a, b := w.image(*app, "a"), w.image(*app)
	sig := w.signature(*app, a, signatureType)
	index := w.index(*app, a, b)
	outer := w.index(*app, index)
	out := w.delete(byDigest(b), byDigest(a), byDigest(sig), byDigest(b))
	same(w, w.codes(out.Failures), []types.ImageFailureCode{"ImageReferencedByManifestList", "ImageReferencedByManifestList", "ImageReferencedByManifestList"})
	same(w, out.ImageIds, []types.ImageIdentifier{byDigest(sig)})
	w.present(*app, a, b, index, outer)

	sig = w.signature(*app, a, signatureType)
	out = w.delete(byTag("a"), byDigest(index), byDigest(a), byDigest(sig), byDigest(b), byDigest(outer), byDigest(outer), byTag("a"))
	same(w, w.codes(out.Failures), nil)
	w.present(*app)

	a = w.image(*app, "a")
	sig = w.signature(*app, a, signatureType, "s1", "s2")
	out = w.delete(byDigest(a), byTag("s1"), byBoth(sig, "s2"), byBoth(a, "s1"), byTag("absent"))
	same(w, out.ImageIds, []types.ImageIdentifier{byBoth(a, "a"), byBoth(sig, "s1"), byBoth(sig, "s2")})
	same(w, w.codes(out.Failures), []types.ImageFailureCode{"ImageNotFound", "ImageNotFound"})
	w.present(*app)
}

func TestBatchDeleteImageRefusals(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	a, b := w.image(*app, "a"), w.image(*app, "b")
	a.Tags = []ociref.Tag{"a"}
	ids, codes := w.badIDs(a, b)
	out := w.delete(ids...)
	same(w, w.codes(out.Failures), codes)
	same(w, len(out.ImageIds), 0)
	w.present(*app, a, b)

	del := func(repository *string, ids []types.ImageIdentifier) error {
		_, err := w.client.BatchDeleteImage(w.ctx, &ecr.BatchDeleteImageInput{RepositoryName: repository, ImageIds: ids})
		return err
	}
	wantError[*types.RepositoryNotFoundException](w, del(aws.String("none"), ids[:1]))
	wantError[*types.InvalidParameterException](w, del(app, make([]types.ImageIdentifier, 101)), "imageIds")
	wantError[*types.InvalidParameterException](w, del(app, []types.ImageIdentifier{}), "imageIds")
}
