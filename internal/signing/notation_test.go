package signing_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/plugin"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	framework "github.com/notaryproject/notation-plugin-framework-go/plugin"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/sealwright/sealwright/internal/envelope"
	"github.com/sealwright/sealwright/internal/signing"
)

var artifact = ocispec.Descriptor{
	MediaType: "application/vnd.oci.image.manifest.v1+json",
	Digest:    digest.Digest("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
	Size:      942,
}

// TestNotationAtStrict has notation-go verify at level strict, with a trust
// policy as AWS documents it and the plugin's part done as AWS's plugin does it.
func TestNotationAtStrict(t *testing.T) {
	w := newWorldAt(t, time.Now().Add(-1000*time.Hour)) // notation compares with the real time
	p := w.put(t, image)
	old := w.sign(t, image)
	w.clock.advance(1000 * time.Hour) // leaves come and go
	recent := w.sign(t, image)
	for _, signature := range []signing.Signature{old, recent} {
		if err := w.verify(t, signature, artifact); err != nil {
			t.Fatal(err)
		}
	}
	other := artifact
	other.Size++
	w.mustRefuse(t, old, other, "")
	if err := w.RevokeSignature(t.Context(), signing.RevokeSignatureRequest{Caller: caller, Job: old.Job.JobKey, Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	w.mustRefuse(t, old, artifact, old.Job.ID)
	if err := w.verify(t, recent, artifact); err != nil {
		t.Error(err)
	}
	if err := w.RevokeProfile(t.Context(), revocation(w, p)); err != nil {
		t.Fatal(err)
	}
	w.mustRefuse(t, recent, artifact, p.VersionARN().String())
}

func TestNotationRefuses(t *testing.T) {
	w := newWorldAt(t, time.Now().Add(-1000*time.Hour))
	other := signing.ProfileKey{Account: account, Name: "image2"}
	w.put(t, other)
	w.mustRefuse(t, w.sign(t, other), artifact, "publisher")

	if _, err := w.PutProfile(t.Context(), signing.ProfileSpec{
		ProfileKey: image, Platform: signing.NotationPlatform, Validity: signing.ValidityPeriod{Value: 1, Unit: signing.Days},
	}); err != nil {
		t.Fatal(err)
	}
	w.mustRefuse(t, w.sign(t, image), artifact, "expired")

	good := w.sign(t, image)
	w.authority = newWorld(t).authority // another installation's root
	w.mustRefuse(t, good, artifact, "trusted certificate")
}

// TestStolenLeaf makes an envelope with the real leaf for a job that never was.
func TestStolenLeaf(t *testing.T) {
	w := newWorldAt(t, time.Now())
	w.put(t, image)
	genuine := w.sign(t, image)
	if err := w.verify(t, genuine, artifact); err != nil {
		t.Fatal(err)
	}
	e := open(t, genuine)
	leaf, err := w.authority.Leaf(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	chain, err := envelope.NewChain(leaf.Chain())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*envelope.Attributes){
		"another job":    func(a *envelope.Attributes) { a.JobARN = strings.Replace(a.JobARN, genuine.Job.ID, "forged", 1) },
		"another second": func(a *envelope.Attributes) { a.SigningTime = a.SigningTime.Add(time.Second) },
	} {
		a := e.Attributes
		change(&a)
		forged, err := envelope.Sign(a, chain, []byte(payload), leaf.Sign)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { w.mustRefuse(t, signing.Signature{Envelope: forged}, artifact, "signing-jobs") })
	}
}

// mustRefuse wants notation-go to refuse, and to name why.
func (w *world) mustRefuse(t *testing.T, s signing.Signature, of ocispec.Descriptor, why string) {
	t.Helper()
	if err := w.verify(t, s, of); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("verification said %v, want something about %q", err, why)
	}
}

// verify asks notation-go.
func (w *world) verify(t *testing.T, s signing.Signature, of ocispec.Descriptor) error {
	t.Helper()
	policy := &trustpolicy.OCIDocument{Version: "1.0", TrustPolicies: []trustpolicy.OCITrustPolicy{{
		Name:                  "test",
		RegistryScopes:        []string{"*"},
		SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: "strict"},
		TrustStores:           []string{"signingAuthority:aws-signer-ts"},
		TrustedIdentities:     []string{"arn:aws:signer:us-east-1:111122223333:/signing-profiles/image"},
	}}}
	roots, err := w.authority.RootsPEM(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.NewVerifierWithOptions(rootStore(roots), verifier.VerifierOptions{OCITrustPolicy: policy, PluginManager: manager{w}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(t.Context(), of, s.Envelope, notation.VerifierVerifyOptions{
		ArtifactReference:  "localhost:5000/curl@" + of.Digest.String(),
		SignatureMediaType: envelope.MediaType,
	})
	return err
}

// rootStore is a trust store with one certificate, PEM.
type rootStore []byte

func (s rootStore) GetCertificates(_ context.Context, kind truststore.Type, name string) ([]*x509.Certificate, error) {
	if kind != truststore.TypeSigningAuthority || name != "aws-signer-ts" {
		return nil, fmt.Errorf("no trust store %s:%s", kind, name)
	}
	block, _ := pem.Decode(s)
	root, err := x509.ParseCertificate(block.Bytes)
	return []*x509.Certificate{root}, err
}

// manager knows one plugin, which asks the world.
type manager struct{ w *world }

func (m manager) List(context.Context) ([]string, error) {
	return []string{envelope.VerificationPlugin}, nil
}

func (m manager) Get(_ context.Context, name string) (framework.Plugin, error) {
	if name != envelope.VerificationPlugin {
		return nil, os.ErrNotExist
	}
	return signerPlugin{w: m.w}, nil
}

var _ plugin.Manager = manager{}

// signerPlugin verifies what notation leaves to the plugin: the identity, by the
// profile in the signature, and revocation, by asking the service.
type signerPlugin struct {
	framework.SignPlugin // never called
	w                    *world
}

func (p signerPlugin) GetMetadata(context.Context, *framework.GetMetadataRequest) (*framework.GetMetadataResponse, error) {
	return &framework.GetMetadataResponse{
		Name: envelope.VerificationPlugin, Description: "test", Version: "1.0.0", URL: "https://example.com", SupportedContractVersions: []string{"1.0"},
		Capabilities: []framework.Capability{framework.CapabilityTrustedIdentityVerifier, framework.CapabilityRevocationCheckVerifier},
	}, nil
}

func (p signerPlugin) VerifySignature(ctx context.Context, r *framework.VerifySignatureRequest) (*framework.VerifySignatureResponse, error) {
	const profileName, jobName = "com.amazonaws.signer.signingProfileVersion", "com.amazonaws.signer.signingJob"
	critical := r.Signature.CriticalAttributes
	version, _ := critical.ExtendedAttributes[profileName].(string)
	job, _ := critical.ExtendedAttributes[jobName].(string)
	trusted := framework.VerificationResult{Reason: "publisher doesn't match"}
	for _, identity := range r.TrustPolicy.TrustedIdentities {
		trusted.Success = trusted.Success || version == identity || strings.HasPrefix(version, identity+"/")
	}
	revoked, err := p.w.RevocationStatus(ctx, signing.RevocationQuery{
		Caller: caller, Platform: signing.NotationPlatform, ProfileVersionARN: version, JobARN: job,
		SignedAt: *critical.AuthenticSigningTime, CertificateHashes: hashesOf(r.Signature.CertificateChain),
	})
	checked := framework.VerificationResult{Success: err == nil && len(revoked) == 0, Reason: fmt.Sprint(revoked, err)}
	return &framework.VerifySignatureResponse{
		VerificationResults: map[framework.Capability]*framework.VerificationResult{
			framework.CapabilityTrustedIdentityVerifier: &trusted,
			framework.CapabilityRevocationCheckVerifier: &checked,
		},
		ProcessedAttributes: []any{profileName, jobName},
	}, nil
}
