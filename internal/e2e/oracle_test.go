package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	notationplugin "github.com/notaryproject/notation-go/plugin"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	orasremote "oras.land/oras-go/v2/registry/remote"

	"github.com/sealwright/sealwright/internal/peertest"
	"github.com/sealwright/sealwright/internal/signerplugin"
)

// scene is a service with a signed image, seen by notation-go as its oracle: the
// verifier at level strict, with the service's root as its only trust.
type scene struct {
	*service
	t        *testing.T
	profile  *signer.PutSigningProfileOutput
	images   *orasremote.Repository
	image    ocispec.Descriptor
	jobID    string
	envelope []byte
	oracle   notation.Verifier
	roots    []byte // that its verifiers have come to trust, in PEM
}

// newScene signs an image through the service.
func newScene(t *testing.T) *scene {
	t.Helper()
	s := start(t, t.TempDir())
	for name, value := range s.env {
		t.Setenv(name, value) // the plugin in this process takes them from here
	}
	sc := &scene{service: s, t: t, profile: createProfile(t, s, "oracle"), images: s.createRepository("app")}
	sc.image = sc.push([]byte("layer"))
	sc.sign(sc.image)
	sc.oracle = sc.newOracle(profileARN("oracle"))
	return sc
}

// push pushes an image of one layer.
func (sc *scene) push(layer []byte) ocispec.Descriptor {
	sc.t.Helper()
	d := sc.pushBytes(ocispec.MediaTypeImageLayer, layer)
	return sc.pushManifest(ocispec.Manifest{Config: d, Layers: []ocispec.Descriptor{d}})
}

func (sc *scene) pushManifest(m ocispec.Manifest) ocispec.Descriptor {
	sc.t.Helper()
	m.Versioned, m.MediaType = specs.Versioned{SchemaVersion: 2}, ocispec.MediaTypeImageManifest
	text, err := json.Marshal(m)
	if err != nil {
		sc.t.Fatal(err)
	}
	return sc.pushBytes(m.MediaType, text)
}

func (sc *scene) pushBytes(mediaType string, b []byte) ocispec.Descriptor {
	sc.t.Helper()
	d := content.NewDescriptorFromBytes(mediaType, b)
	if err := sc.images.Push(sc.t.Context(), d, bytes.NewReader(b)); err != nil {
		sc.t.Fatal(err)
	}
	return d
}

// sign has the service sign a descriptor and keeps the envelope.
func (sc *scene) sign(d ocispec.Descriptor) {
	sc.t.Helper()
	payload := fmt.Sprintf(`{"targetArtifact":{"mediaType":%q,"digest":%q,"size":%d}}`, d.MediaType, d.Digest, d.Size)
	out, err := sc.signer().SignPayload(sc.t.Context(), &signer.SignPayloadInput{
		ProfileName: aws.String("oracle"), Payload: []byte(payload), PayloadFormat: aws.String(payloadFormat),
	})
	if err != nil {
		sc.t.Fatal(err)
	}
	sc.jobID, sc.envelope = *out.JobId, out.Signature
}

// newOracle makes a strict verifier that trusts some identities.
func (sc *scene) newOracle(identities ...string) notation.Verifier {
	sc.t.Helper()
	home := sc.t.TempDir()
	store := filepath.Join(home, "truststore", "x509", "signingAuthority", "aws-signer-ts")
	if err := os.MkdirAll(store, 0o700); err != nil {
		sc.t.Fatal(err)
	}
	sc.roots = append(sc.roots, sc.root()...) // as trust install does: new ones beside the old
	for _, root := range certificates(sc.t, sc.roots) {
		if err := os.WriteFile(filepath.Join(store, fingerprint(root)+".crt"), root.Raw, 0o600); err != nil {
			sc.t.Fatal(err)
		}
	}
	files := dir.NewSysFS(home)
	v, err := verifier.NewVerifierWithOptions(truststore.NewX509TrustStore(files), verifier.VerifierOptions{
		PluginManager: signerplugin.NewManager(signerplugin.New("e2e"), notationplugin.NewCLIManager(files)),
		OCITrustPolicy: &trustpolicy.OCIDocument{Version: "1.0", TrustPolicies: []trustpolicy.OCITrustPolicy{{
			Name: "oracle", RegistryScopes: []string{"*"},
			SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: "strict"},
			TrustStores:           []string{"signingAuthority:aws-signer-ts"}, TrustedIdentities: identities,
		}}},
	})
	if err != nil {
		sc.t.Fatal(err)
	}
	return v
}

// root is the root certificate as the service gives it to anyone.
func (sc *scene) root() []byte {
	sc.t.Helper()
	response, err := http.Get(sc.url + "/sealwright/root.pem")
	if err != nil {
		sc.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		sc.t.Fatalf("root.pem: %s, %v", response.Status, err)
	}
	return text
}

// ask returns the oracle's verdict on an envelope for an artifact.
func (sc *scene) ask(d ocispec.Descriptor, envelope []byte) error {
	_, err := sc.oracle.Verify(context.Background(), d, envelope, notation.VerifierVerifyOptions{
		ArtifactReference: sc.host + "/app@" + d.Digest.String(), SignatureMediaType: jws.MediaTypeEnvelope,
	})
	return err
}

func (sc *scene) refused(what string, err error, wants ...string) {
	sc.t.Helper()
	if err == nil {
		sc.t.Errorf("%s: passed", what)
		return
	}
	for _, want := range wants {
		if strings.Contains(err.Error(), want) {
			return
		}
	}
	if len(wants) > 0 {
		sc.t.Errorf("%s: refused with %q, which names none of %q", what, err, wants)
	}
}

func TestSignaturePassesStrictVerification(t *testing.T) {
	sc := newScene(t)
	if err := sc.ask(sc.image, sc.envelope); err != nil {
		t.Fatal(err)
	}
	sc.oracle = sc.newOracle(*sc.profile.ProfileVersionArn)
	if err := sc.ask(sc.image, sc.envelope); err != nil {
		t.Errorf("trusting the profile version: %v", err)
	}
	sc.oracle = sc.newOracle(profileARN("another"))
	sc.refused("another profile trusted", sc.ask(sc.image, sc.envelope), "publisher", "trusted identit")
}

// TestEveryFlippedBitIsRefused flips bits all over the envelope. What the oracle
// lets pass must carry the payload, the protected header and the chain
// unchanged, such as white space in the JSON or an unsigned header.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	sc := newScene(t)
	stride := 13
	if peertest.Required() {
		stride = 3
	}
	want := parts(t, sc.envelope)
	passed := 0
	for bit := 0; bit < 8*len(sc.envelope); bit += stride {
		mutated := bytes.Clone(sc.envelope)
		mutated[bit/8] ^= 1 << (bit % 8)
		if sc.ask(sc.image, mutated) != nil {
			continue
		}
		passed++
		if got := parts(t, mutated); !slices.Equal(got, want) {
			t.Errorf("bit %d of byte %d (%q) flipped: passed with other content", bit%8, bit/8, sc.envelope[bit/8])
		}
	}
	t.Logf("%d of %d flips passed, all with identical content", passed, 8*len(sc.envelope)/stride)
}

// parts are the payload, the signed attributes and the chain of an envelope.
func parts(t *testing.T, envelope []byte) []string {
	t.Helper()
	c := opened(t, envelope)
	var raw struct{ Payload, Protected string }
	if err := json.Unmarshal(envelope, &raw); err != nil {
		t.Fatal(err)
	}
	all := []string{raw.Payload, raw.Protected}
	for _, certificate := range c.SignerInfo.CertificateChain {
		all = append(all, string(certificate.Raw))
	}
	return all
}

func TestChangedArtifactsAreRefused(t *testing.T) {
	sc := newScene(t)
	other := sc.push([]byte("another layer"))
	sc.refused("another image", sc.ask(other, sc.envelope), "integrity", "descriptor", "artifact")
	larger := sc.image
	larger.Size++
	sc.refused("another size", sc.ask(larger, sc.envelope), "integrity", "descriptor", "artifact")
	retyped := sc.image
	retyped.MediaType = ocispec.MediaTypeImageIndex
	sc.refused("another media type", sc.ask(retyped, sc.envelope), "integrity", "descriptor", "artifact")
}

func TestRevokedSignature(t *testing.T) {
	sc := newScene(t)
	_, err := sc.signer().RevokeSignature(t.Context(), &signer.RevokeSignatureInput{JobId: &sc.jobID, Reason: aws.String("leaked")})
	if err != nil {
		t.Fatal(err)
	}
	sc.refused("a revoked job", sc.ask(sc.image, sc.envelope), sc.jobID)
	sc.sign(sc.image)
	if err := sc.ask(sc.image, sc.envelope); err != nil {
		t.Errorf("a new signature of the same image: %v", err)
	}
}

func TestProfileRevokedFromATime(t *testing.T) {
	sc := newScene(t)
	before := sc.envelope
	time.Sleep(1100 * time.Millisecond) // signing times are whole seconds
	effective := time.Now()
	time.Sleep(1100 * time.Millisecond)
	sc.sign(sc.image)
	_, err := sc.signer().RevokeSigningProfile(t.Context(), &signer.RevokeSigningProfileInput{
		ProfileName: aws.String("oracle"), ProfileVersion: sc.profile.ProfileVersion, Reason: aws.String("leaked"), EffectiveTime: &effective,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sc.ask(sc.image, before); err != nil {
		t.Errorf("signed before the effective time: %v", err)
	}
	sc.refused("signed after the effective time", sc.ask(sc.image, sc.envelope), *sc.profile.ProfileVersionArn)
	if _, err := sc.signer().SignPayload(t.Context(), signPayloadInput("oracle")); err == nil {
		t.Error("a revoked profile signs")
	}
}

func TestCanceledProfileKeepsItsSignatures(t *testing.T) {
	sc := newScene(t)
	if _, err := sc.signer().CancelSigningProfile(t.Context(), &signer.CancelSigningProfileInput{ProfileName: aws.String("oracle")}); err != nil {
		t.Fatal(err)
	}
	if err := sc.ask(sc.image, sc.envelope); err != nil {
		t.Errorf("signed before the cancel: %v", err)
	}
	if _, err := sc.signer().SignPayload(t.Context(), signPayloadInput("oracle")); err == nil {
		t.Error("a canceled profile signs")
	}
}

func TestServiceThatIsGoneFailsClosed(t *testing.T) {
	sc := newScene(t)
	sc.kill()
	sc.refused("no service to ask", sc.ask(sc.image, sc.envelope), "could not find out")
}
