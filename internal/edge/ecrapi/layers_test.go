package ecrapi_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// start begins an upload through the client.
func (w *world) start() *string {
	w.Helper()
	out, err := w.client.InitiateLayerUpload(w.ctx, &ecr.InitiateLayerUploadInput{RepositoryName: app})
	w.must(err)
	same(w, out.PartSize, 20<<20)
	return out.UploadId
}

func (w *world) part(upload *string, first int, content []byte) error {
	w.Helper()
	last := int64(first + len(content) - 1)
	out, err := w.client.UploadLayerPart(w.ctx, &ecr.UploadLayerPartInput{RepositoryName: app, UploadId: upload,
		PartFirstByte: aws.Int64(int64(first)), PartLastByte: &last, LayerPartBlob: content})
	if err == nil {
		same(w, []any{out.LastByteReceived, out.UploadId, out.RegistryId}, []any{last, upload, account})
	}
	return err
}

func (w *world) complete(upload *string, digests ...ociref.Digest) error {
	w.Helper()
	in := &ecr.CompleteLayerUploadInput{RepositoryName: app, UploadId: upload}
	for _, d := range digests {
		in.LayerDigests = append(in.LayerDigests, string(d))
	}
	out, err := w.client.CompleteLayerUpload(w.ctx, in)
	if err == nil {
		same(w, []any{out.LayerDigest, out.UploadId}, []any{digests[0], upload})
	}
	return err
}

// TestLayerUpload pushes a layer of two parts, the first as large as they may be,
// and an image of it.
func TestLayerUpload(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	content := bytes.Repeat([]byte("sealwright"), 2<<20+100)
	upload := w.start()
	w.must(w.part(upload, 0, content[:20<<20]))
	var wrong *types.InvalidLayerPartException
	if err := w.part(upload, 0, content[:20<<20]); !errors.As(err, &wrong) { // as a client may that lost the answer
		t.Fatal(err)
	}
	same(w, []any{wrong.LastValidByteReceived, wrong.UploadId, wrong.RepositoryName, wrong.RegistryId}, []any{20<<20 - 1, upload, app, account})
	w.must(w.part(upload, 20<<20, content[20<<20:]))
	digest := ociref.DigestOf(ociref.SHA256, content)
	w.must(w.complete(upload, digest))
	wantError[*types.UploadNotFoundException](w, w.complete(upload, digest))

	out, err := w.client.BatchCheckLayerAvailability(w.ctx, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: app,
		LayerDigests: []string{string(digest), "sha256:" + strings.Repeat("0", 64), "", "sha256:x"}})
	w.must(err)
	same(w, out.Layers, []types.Layer{{LayerDigest: aws.String(string(digest)), LayerAvailability: "AVAILABLE", LayerSize: aws.Int64(int64(len(content)))},
		{LayerDigest: aws.String("sha256:" + strings.Repeat("0", 64)), LayerAvailability: "UNAVAILABLE"}})
	same(w, []any{out.Failures[0].FailureCode, out.Failures[1].FailureCode}, []any{"MissingLayerDigest", "InvalidLayerDigest"})
}

func TestLayerUploadRefusals(t *testing.T) {
	w := newWorld(t)
	_, err := w.client.InitiateLayerUpload(w.ctx, &ecr.InitiateLayerUploadInput{RepositoryName: app})
	wantError[*types.RepositoryNotFoundException](w, err)
	w.create(*app)
	digest := ociref.DigestOf(ociref.SHA256, []byte("content"))
	none := aws.String("00000000-0000-0000-0000-000000000000")
	wantError[*types.UploadNotFoundException](w, w.part(none, 0, []byte("content")))
	wantError[*types.UploadNotFoundException](w, w.complete(none, digest))

	upload := w.start()
	wantError[*types.EmptyUploadException](w, w.complete(upload, digest))
	wantError[*types.InvalidLayerPartException](w, w.part(upload, 1, []byte("content")))
	wantError[*types.InvalidParameterException](w, w.part(upload, 0, make([]byte, 20<<20+1)), "layerPartBlob")
	w.must(w.part(upload, 0, []byte("content")))
	wantError[*types.InvalidParameterException](w, w.complete(upload, digest, "sha256:ab"), "one digest")
	wantError[*types.InvalidParameterException](w, w.complete(upload, "sha256:ab"), "layerDigests")
	wantError[*types.InvalidLayerException](w, w.complete(upload, ociref.DigestOf(ociref.SHA256, []byte("other"))))

	for _, again := range []bool{false, true} {
		upload = w.start()
		w.must(w.part(upload, 0, []byte("content")))
		err := w.complete(upload, digest)
		if again {
			wantError[*types.LayerAlreadyExistsException](w, err)
			wantError[*types.UploadNotFoundException](w, w.part(upload, 7, []byte("more")))
		} else {
			w.must(err)
		}
	}
	_, err = w.client.GetDownloadUrlForLayer(w.ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: app, LayerDigest: aws.String("sha256:" + strings.Repeat("0", 64))})
	wantError[*types.LayersNotFoundException](w, err)
	url, err := w.client.GetDownloadUrlForLayer(w.ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: app, LayerDigest: aws.String(string(digest))})
	w.must(err)
	if !strings.HasPrefix(*url.DownloadUrl, public+"/v2/team/app/blobs/"+string(digest)+"?ticket=") {
		t.Fatal(*url.DownloadUrl)
	}
}

// putImage puts a manifest through the client.
func (w *world) putImage(change func(*ecr.PutImageInput), manifest string) (*ecr.PutImageOutput, error) {
	in := &ecr.PutImageInput{RepositoryName: app, ImageManifest: &manifest}
	change(in)
	return w.client.PutImage(w.ctx, in)
}

func tagged(tag string) func(*ecr.PutImageInput) {
	return func(in *ecr.PutImageInput) { in.ImageTag = &tag }
}

func TestPutImage(t *testing.T) {
	w := newWorld(t)
	w.create(*app)
	m := w.image(*app)
	out, err := w.putImage(tagged("v1"), string(m.Content)) // only the tag is new
	w.must(err)
	same(w, out.Image.ImageId, byBoth(m, "v1"))
	same(w, []any{out.Image.ImageManifest, out.Image.ImageManifestMediaType, out.Image.RegistryId}, []any{string(m.Content), registry.MediaTypeImage, account})
	_, err = w.putImage(tagged("v1"), string(m.Content))
	wantError[*types.ImageAlreadyExistsException](w, err, string(m.Digest), "v1")
	_, err = w.putImage(func(*ecr.PutImageInput) {}, string(m.Content))
	wantError[*types.ImageAlreadyExistsException](w, err)
	large := string(m.Content) + strings.Repeat("\t", 4<<20-len(m.Content)) // as large as they may be; JSON escapes tabs
	_, err = w.putImage(tagged("large"), large)
	w.must(err)
	_, err = w.putImage(func(in *ecr.PutImageInput) { in.ImageDigest = aws.String(string(m.Digest)) }, string(m.Content)+" ")
	wantError[*types.ImageDigestDoesNotMatchException](w, err)
	_, err = w.putImage(func(in *ecr.PutImageInput) { in.ImageManifestMediaType = aws.String(registry.MediaTypeIndex) }, string(m.Content))
	wantError[*types.InvalidParameterException](w, err, "media type")
	_, err = w.putImage(tagged("../x"), string(m.Content))
	wantError[*types.InvalidParameterException](w, err, "imageTag")
}

func TestPutImageRefusals(t *testing.T) {
	w := newWorld(t)
	_, err := w.putImage(tagged("v1"), "{}")
	wantError[*types.RepositoryNotFoundException](w, err)
	_, err = w.client.CreateRepository(w.ctx, &ecr.CreateRepositoryInput{RepositoryName: app, ImageTagMutability: types.ImageTagMutabilityImmutable})
	w.must(err)
	_, err = w.putImage(tagged("v1"), "{")
	wantError[*types.InvalidParameterException](w, err)
	a, b := w.image(*app, "v1"), w.image(*app)
	_, err = w.putImage(tagged("v1"), string(b.Content))
	wantError[*types.ImageTagAlreadyExistsException](w, err)
	zero := "sha256:" + strings.Repeat("0", 64)
	_, err = w.putImage(tagged("v2"), `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"`+zero+`","size":1},"layers":[]}`)
	wantError[*types.LayersNotFoundException](w, err)
	_, err = w.putImage(tagged("v2"), `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"`+zero+`","size":1}]}`)
	wantError[*types.ReferencedImagesNotFoundException](w, err)

	w.options.MaxImages = 2
	w.registry, err = registry.New(w.options)
	w.must(err)
	w.serve()
	config, _ := w.blob(*app)
	_, err = w.putImage(tagged("v3"), `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"`+string(config)+`","size":9},"layers":[]}`)
	wantError[*types.LimitExceededException](w, err, "maximum")
	w.present(*app, a, b)
}
