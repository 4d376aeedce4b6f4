package cli

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// packedImage is an OCI image of one layer, ready to push.
type packedImage struct {
	layer     ocispec.Descriptor
	layerFile string
	config    []byte
	manifest  []byte
}

// packProgram packs a program as an image whose one layer is written to file.
func packProgram(program, file string) (packedImage, error) {
	layer, err := packLayer(program, file)
	if err != nil {
		return packedImage{}, err
	}
	config, err := json.Marshal(ocispec.Image{
		Platform: ocispec.Platform{Architecture: runtime.GOARCH, OS: "linux"},
		Config:   ocispec.ImageConfig{Entrypoint: []string{"/sealwright"}, Cmd: []string{"serve"}},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	})
	if err != nil {
		return packedImage{}, err
	}
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    content.NewDescriptorFromBytes(ocispec.MediaTypeImageConfig, config),
		Layers:    []ocispec.Descriptor{layer},
	})
	return packedImage{layer, file, config, manifest}, err
}

// packLayer writes a tar with the program in it and describes it.
func packLayer(program, file string) (_ ocispec.Descriptor, err error) {
	in, err := os.Open(program)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	out, err := os.Create(file)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	hash := digest.Canonical.Digester()
	archive := tar.NewWriter(io.MultiWriter(out, hash.Hash()))
	err = archive.WriteHeader(&tar.Header{Name: "sealwright", Mode: 0o755, Size: info.Size()})
	if err == nil {
		_, err = io.Copy(archive, in)
	}
	if err = errors.Join(err, archive.Close()); err != nil {
		return ocispec.Descriptor{}, err
	}
	size, err := out.Seek(0, io.SeekEnd)
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: hash.Digest(), Size: size}, err
}

// tourRepository is the repository of the tour, reached as any client would.
type tourRepository struct{ *orasremote.Repository }

func (t *tour) repository() tourRepository {
	r, err := orasremote.NewRepository(t.registry + "/" + quickstartRepository)
	if err != nil {
		panic(err) // both parts are ours
	}
	r.PlainHTTP = true
	r.Client = &auth.Client{Credential: auth.StaticCredential(t.registry, auth.Credential{Username: "AWS", Password: t.password})}
	return tourRepository{r}
}

// push sends layer, config and manifest, and returns the manifest's digest.
func (r tourRepository) push(ctx context.Context, image packedImage, tag string) (string, error) {
	layer, err := os.Open(image.layerFile)
	if err != nil {
		return "", err
	}
	defer layer.Close()
	if err := r.Push(ctx, image.layer, layer); err != nil {
		return "", err
	}
	if err := r.pushBytes(ctx, ocispec.MediaTypeImageConfig, image.config); err != nil {
		return "", err
	}
	d := content.NewDescriptorFromBytes(ocispec.MediaTypeImageManifest, image.manifest)
	return d.Digest.String(), r.PushReference(ctx, d, bytes.NewReader(image.manifest), tag)
}

func (r tourRepository) pushBytes(ctx context.Context, mediaType string, b []byte) error {
	return r.Push(ctx, content.NewDescriptorFromBytes(mediaType, b), bytes.NewReader(b))
}

// pushTampered pushes a changed copy of an image together with a copy of its
// signature that claims to be the copy's, and returns the copy's digest.
func (r tourRepository) pushTampered(ctx context.Context, image string) (string, error) {
	original, err := r.Resolve(ctx, image)
	if err != nil {
		return "", err
	}
	var manifest ocispec.Manifest
	if err := r.fetchJSON(ctx, original, &manifest); err != nil {
		return "", err
	}
	manifest.Annotations = map[string]string{"tampered": "true"}
	changed, err := r.pushManifest(ctx, manifest)
	if err != nil {
		return "", err
	}
	return changed.Digest.String(), r.copySignatures(ctx, original, changed)
}

func (r tourRepository) copySignatures(ctx context.Context, from, to ocispec.Descriptor) error {
	return r.Referrers(ctx, from, "", func(referrers []ocispec.Descriptor) error {
		for _, d := range referrers {
			d.ArtifactType, d.Annotations = "", nil
			var signature ocispec.Manifest
			if err := r.fetchJSON(ctx, d, &signature); err != nil {
				return err
			}
			signature.Subject = &to
			if _, err := r.pushManifest(ctx, signature); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r tourRepository) pushManifest(ctx context.Context, m ocispec.Manifest) (ocispec.Descriptor, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return content.NewDescriptorFromBytes(m.MediaType, b), r.pushBytes(ctx, m.MediaType, b)
}

func (r tourRepository) fetchJSON(ctx context.Context, d ocispec.Descriptor, v any) error {
	b, err := content.FetchAll(ctx, r, d)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", d.Digest, err)
	}
	return json.Unmarshal(b, v)
}
