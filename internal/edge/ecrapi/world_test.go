package ecrapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/edge/ecrapi"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/blobstore"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

const (
	account = arn.AccountID("111122223333")
	region  = "us-east-1"
	public  = "https://registry.example.org:8443"
)

// world is the surface on real stores behind a real listener, with the SDK's
// own client in front.
type world struct {
	*testing.T
	ctx      context.Context
	client   *ecr.Client
	guest    *ecr.Client // the root user of another account
	registry *registry.Service
	access   *access.Service
	key      access.Credentials
	url      string
	serial   int
	options  registry.Options
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, ctx: t.Context()}
	db, err := sqlstore.OpenSQLite(w.ctx, filepath.Join(t.TempDir(), "records.db"))
	w.must(err)
	t.Cleanup(func() { w.must(db.Close()) })
	blobs, err := blobstore.Open(filepath.Join(t.TempDir(), "blobs"))
	w.must(err)
	sealer, err := seal.New(seal.NewKey())
	w.must(err)
	w.access, err = access.New(access.Options{Store: db.Access(), Sealer: sealer,
		ResourcePolicies: map[string]access.ResourcePolicies{"ecr": attached{w}}})
	w.must(err)
	_, _, err = w.access.Bootstrap(w.ctx, account, region)
	w.must(err)
	w.key, err = w.access.RootCredentials(w.ctx)
	w.must(err)
	w.options = registry.Options{Repositories: db.Repositories(), Manifests: db.Manifests(), Links: db.Links(),
		Blobs: blobs, Principals: w.access, Region: region, Now: time.Now}
	w.registry, err = registry.New(w.options)
	w.must(err)
	w.serve()
	return w
}

func (w *world) serve() {
	w.Helper()
	handler, err := awshttp.New(awshttp.Options{Logger: slog.New(slog.DiscardHandler), Authenticator: guests{w.access}, Authorizer: w.access, Region: region,
		PublicURL: func(*http.Request) string { return public }}, ecrapi.Service(ecrapi.Options{Registry: w.registry, Tokens: w.access, Judge: w.access}))
	w.must(err)
	server := httptest.NewServer(handler)
	w.Cleanup(server.Close)
	w.url = server.URL
	w.client = w.as(w.key.AccessKeyID, w.key.Secret)
	w.guest = w.as(guestKey, "secret")
}

func (w *world) as(accessKeyID, secret string) *ecr.Client {
	return ecr.New(ecr.Options{Region: region, BaseEndpoint: aws.String(w.url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, secret, "")})
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// wantError ends the test unless err is the SDK's type E, with a message that
// has each of the parts. It returns the message.
func wantError[E error](w *world, err error, parts ...string) string {
	w.Helper()
	var typed E
	if !errors.As(err, &typed) {
		w.Fatalf("got %T %v, want %T", err, err, typed)
	}
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorMessage() == "" {
		w.Fatalf("%v has no message", err)
	}
	for _, part := range parts {
		if !strings.Contains(api.ErrorMessage(), part) {
			w.Fatalf("message %q lacks %q", api.ErrorMessage(), part)
		}
	}
	return api.ErrorMessage()
}

// same ends the test unless got is wanted, as JSON shows them.
func same(w *world, got, wanted any) {
	w.Helper()
	g, err := json.Marshal(got)
	w.must(err)
	x, err := json.Marshal(wanted)
	w.must(err)
	if string(g) != string(x) {
		w.Fatalf("got  %s\nwant %s", g, x)
	}
}

func repo(name string) registry.Key {
	return registry.Key{Account: account, Name: ociref.Name(name)}
}

// create makes a repository through the client.
func (w *world) create(name string) {
	w.Helper()
	_, err := w.client.CreateRepository(w.ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
	w.must(err)
}

// blob brings new content into a repository.
func (w *world) blob(name string) (ociref.Digest, int) {
	w.Helper()
	w.serial++
	content := fmt.Sprintf("content %d", w.serial)
	u, err := w.registry.StartUpload(w.ctx, repo(name))
	w.must(err)
	_, err = w.registry.AppendUpload(w.ctx, u, 0, strings.NewReader(content))
	w.must(err)
	d := ociref.DigestOf(ociref.SHA256, []byte(content))
	_, err = w.registry.CommitUpload(w.ctx, u, d)
	w.must(err)
	return d, len(content)
}

// push puts a manifest, whatever it holds.
func (w *world) push(name string, manifest map[string]any, tags ...ociref.Tag) registry.Manifest {
	w.Helper()
	w.serial++
	manifest["schemaVersion"] = 2
	manifest["annotations"] = map[string]string{"serial": fmt.Sprint(w.serial)}
	content, err := json.Marshal(manifest)
	w.must(err)
	m, _, err := w.registry.Put(w.ctx, registry.Push{Key: repo(name), Content: content, Tags: tags})
	w.must(err)
	return m
}

// image pushes an image of a config and a layer.
func (w *world) image(name string, tags ...ociref.Tag) registry.Manifest {
	w.Helper()
	return w.push(name, w.imageManifest(name), tags...)
}

func (w *world) imageManifest(name string) map[string]any {
	w.Helper()
	config, n := w.blob(name)
	layer, size := w.blob(name)
	return map[string]any{
		"mediaType": registry.MediaTypeImage,
		"config":    map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": n},
		"layers":    []any{map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer, "size": size}},
	}
}

// signature pushes an artifact about a subject.
func (w *world) signature(name string, subject registry.Manifest, artifactType string, tags ...ociref.Tag) registry.Manifest {
	w.Helper()
	m := w.imageManifest(name)
	m["artifactType"] = artifactType
	m["subject"] = descriptor(subject)
	return w.push(name, m, tags...)
}

// index pushes an index over manifests.
func (w *world) index(name string, children ...registry.Manifest) registry.Manifest {
	w.Helper()
	var list []any
	for _, c := range children {
		list = append(list, descriptor(c))
	}
	return w.push(name, map[string]any{"mediaType": registry.MediaTypeIndex, "manifests": list})
}

func descriptor(m registry.Manifest) map[string]any {
	return map[string]any{"mediaType": m.MediaType, "digest": m.Digest, "size": m.ContentSize}
}

func byDigest(m registry.Manifest) types.ImageIdentifier {
	return types.ImageIdentifier{ImageDigest: aws.String(string(m.Digest))}
}

func byTag(tag string) types.ImageIdentifier {
	return types.ImageIdentifier{ImageTag: &tag}
}

func byBoth(m registry.Manifest, tag string) types.ImageIdentifier {
	return types.ImageIdentifier{ImageDigest: aws.String(string(m.Digest)), ImageTag: &tag}
}

// present ends the test unless exactly these images are in the repository, in
// the order they were pushed.
func (w *world) present(name string, images ...registry.Manifest) {
	w.Helper()
	list, err := w.registry.Manifests(w.ctx, repo(name), registry.ManifestFilter{Limit: 100})
	w.must(err)
	var got, want []ociref.Digest
	for _, m := range list {
		got = append(got, m.Digest)
	}
	for _, m := range images {
		want = append(want, m.Digest)
	}
	if !slices.Equal(got, want) {
		w.Fatalf("present are %v, want %v", got, want)
	}
}
