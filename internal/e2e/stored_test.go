package e2e

import (
	"database/sql"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	notationregistry "github.com/notaryproject/notation-go/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
)

// attach pushes the scene's envelope as the signature of a descriptor, as any
// Notation client does, and returns the signature's manifest and blob.
func (sc *scene) attach(subject ocispec.Descriptor) (blob, manifest ocispec.Descriptor) {
	sc.t.Helper()
	blob, manifest, err := notationregistry.NewRepository(sc.images).PushSignature(sc.t.Context(), jws.MediaTypeEnvelope, sc.envelope, subject, nil)
	if err != nil {
		sc.t.Fatal(err)
	}
	return blob, manifest
}

// verifyStored has the oracle fetch image and signatures from the registry.
func (sc *scene) verifyStored(d ocispec.Descriptor) error {
	_, _, err := notation.Verify(sc.t.Context(), sc.oracle, notationregistry.NewRepository(sc.images), notation.VerifyOptions{
		ArtifactReference: sc.host + "/app@" + d.Digest.String(), MaxSignatureAttempts: 10,
	})
	return err
}

// TestBitsFlippedOnDisk spoils what the service has stored, one bit at a time:
// verification refuses it, or a pull does.
func TestBitsFlippedOnDisk(t *testing.T) {
	sc := newScene(t)
	envelope, manifest := sc.attach(sc.image)
	if err := sc.verifyStored(sc.image); err != nil {
		t.Fatal(err)
	}
	verify := func() error { return sc.verifyStored(sc.image) }
	pull := func(d ocispec.Descriptor) func() error {
		return func() error {
			_, err := content.FetchAll(t.Context(), sc.images, d)
			return err
		}
	}
	layer := content.NewDescriptorFromBytes(ocispec.MediaTypeImageLayer, []byte("layer"))
	for _, tt := range []struct {
		name  string
		flip  func(bit int)
		check func() error
		size  int64
	}{
		{"envelope", sc.flipBlob(envelope.Digest), verify, envelope.Size},
		{"layer", sc.flipBlob(layer.Digest), pull(layer), layer.Size},
		{"manifest of the signature", sc.flipManifest(manifest.Digest), verify, manifest.Size},
		{"manifest of the image", sc.flipManifest(sc.image.Digest), pull(sc.image), sc.image.Size},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 25 {
				bit := rand.IntN(8 * int(tt.size))
				tt.flip(bit)
				if tt.check() == nil {
					t.Errorf("bit %d flipped: passed", bit)
				}
				tt.flip(bit) // back
			}
			if err := tt.check(); err != nil {
				t.Errorf("put right again: %v", err)
			}
		})
	}
}

// flipBlob flips bits of a stored blob; small ones are in the records.
func (sc *scene) flipBlob(d digest.Digest) func(bit int) { return sc.flipRecord("blob_contents", d) }

// flipManifest flips bits of a stored manifest.
func (sc *scene) flipManifest(d digest.Digest) func(bit int) {
	return sc.flipRecord("manifest_contents", d)
}

// flipRecord flips bits of content in a table, behind the service's back.
func (sc *scene) flipRecord(table string, d digest.Digest) func(bit int) {
	records, err := sql.Open("sqlite", filepath.Join(sc.dir, "records.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		sc.t.Fatal(err)
	}
	sc.t.Cleanup(func() { records.Close() })
	return func(bit int) {
		sc.t.Helper()
		var b []byte
		if err := records.QueryRow("SELECT content FROM "+table+" WHERE digest = $1", d.String()).Scan(&b); err != nil {
			sc.t.Fatal(err)
		}
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := records.Exec("UPDATE "+table+" SET content = $1 WHERE digest = $2", b, d.String()); err != nil {
			sc.t.Fatal(err)
		}
	}
}

// TestEnvelopePushedAnew attaches mutated envelopes and copies to other subjects.
func TestEnvelopePushedAnew(t *testing.T) {
	sc := newScene(t)
	other := sc.push([]byte("another layer"))
	sc.attach(other)
	sc.refused("a signature copied to another image", sc.verifyStored(other), "verification failed")
	good := sc.envelope
	sc.envelope = []byte(strings.Replace(string(good), `"signature":"`, `"signature":"A`, 1))
	sc.attach(sc.image)
	sc.refused("a spoiled signature", sc.verifyStored(sc.image), "verification failed")
	sc.envelope = good
	sc.attach(sc.image)
	if err := sc.verifyStored(sc.image); err != nil {
		t.Errorf("a good signature beside a bad one: %v", err)
	}
}
