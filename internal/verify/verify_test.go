package verify_test

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/notaryproject/notation-core-go/testhelper"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/plugin"
	notationregistry "github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/signer"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"

	"github.com/sealwright/sealwright/internal/verify"
)

const scope = "registry.example.com/app"

// trusted is a trust store with one certificate.
type trusted struct {
	certificate *x509.Certificate
	err         error
}

func (t trusted) GetCertificates(context.Context, truststore.Type, string) ([]*x509.Certificate, error) {
	return []*x509.Certificate{t.certificate}, t.err
}

// world is a repository with an artifact, and keys to sign it with.
type world struct {
	repository notationregistry.Repository
	artifact   ocispec.Descriptor
	signed     []digest.Digest
}

func newWorld(t *testing.T) *world {
	t.Helper()
	content := memory.New()
	artifact, err := oras.PackManifest(context.Background(), content, oras.PackManifestVersion1_1, "application/x", oras.PackManifestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := content.Tag(context.Background(), artifact, artifact.Digest.String()); err != nil {
		t.Fatal(err)
	}
	return &world{repository: notationregistry.NewRepository(content), artifact: artifact}
}

// sign signs the artifact with the key of a certificate chain.
func (w *world) sign(t *testing.T, metadata map[string]string, leaf testhelper.RSACertTuple, chain ...*x509.Certificate) {
	t.Helper()
	s, err := signer.NewGenericSigner(leaf.PrivateKey, append([]*x509.Certificate{leaf.Cert}, chain...))
	if err != nil {
		t.Fatal(err)
	}
	_, signature, err := notation.SignOCI(context.Background(), s, w.repository, notation.SignOptions{
		SignerSignOptions: notation.SignerSignOptions{SignatureMediaType: "application/jose+json"},
		ArtifactReference: w.artifact.Digest.String(),
		UserMetadata:      metadata,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.signed = append(w.signed, signature.Digest)
}

// signWell and signBadly sign with a key that is trusted and one that is not.
func (w *world) signWell(t *testing.T) {
	w.sign(t, map[string]string{"buildId": "101"}, testhelper.GetRSALeafCertificate(), testhelper.GetRSARootCertificate().Cert)
}

func (w *world) signBadly(t *testing.T) {
	w.sign(t, nil, testhelper.GetRSASelfSignedSigningCertTuple("Mallory"))
}

func verifier(t *testing.T, level string, store trusted) *verify.Verifier {
	t.Helper()
	statement := trustpolicy.OCITrustPolicy{
		Name: "test", RegistryScopes: []string{scope}, TrustStores: []string{"ca:test"}, TrustedIdentities: []string{"*"},
		SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: level},
	}
	switch level {
	case "skip":
		statement.TrustStores, statement.TrustedIdentities = nil, nil
	default:
		statement.SignatureVerification.Override = map[trustpolicy.ValidationType]trustpolicy.ValidationAction{trustpolicy.TypeRevocation: trustpolicy.ActionSkip}
	}
	v, err := verify.New(verify.Options{
		Policy:     policy(statement),
		TrustStore: store,
		Plugins:    plugin.NewCLIManager(dir.NewSysFS(t.TempDir())),
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func root() trusted { return trusted{certificate: testhelper.GetRSARootCertificate().Cert} }

func (w *world) request() verify.Request {
	return verify.Request{Reference: scope + "@" + w.artifact.Digest.String(), Artifact: w.artifact, MaxSignatures: 100}
}

func TestOneGoodSignatureIsEnough(t *testing.T) {
	w := newWorld(t)
	w.signBadly(t)
	w.signWell(t)
	outcome, err := verifier(t, "strict", root()).Verify(context.Background(), w.repository, w.request())
	if err != nil {
		t.Fatal(err)
	}
	passed := outcome.Passed()
	if passed == nil || passed.Digest != w.signed[1] || outcome.Err() != nil || outcome.Unknown() {
		t.Fatalf("outcome %+v", outcome)
	}
	if metadata, err := passed.Notation.UserMetadata(); err != nil || metadata["buildId"] != "101" {
		t.Errorf("metadata %v, %v", metadata, err)
	}
}

func TestEverySignatureSaysWhyItFailed(t *testing.T) {
	w := newWorld(t)
	w.signBadly(t)
	w.signBadly(t)
	outcome, err := verifier(t, "strict", root()).Verify(context.Background(), w.repository, w.request())
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Passed() != nil || len(outcome.Signatures) != len(w.signed) || outcome.Unknown() {
		t.Fatalf("outcome %+v", outcome)
	}
	for _, s := range outcome.Signatures {
		if s.Err == nil || len(s.Checks) != 1 || s.Checks[0].Type != "authenticity" || s.Checks[0].Action != "enforce" {
			t.Errorf("signature %s: %v, %+v", s.Digest, s.Err, s.Checks)
		}
	}
	if err := outcome.Err(); err == nil || !strings.Contains(err.Error(), "does not contain any trusted certificate") {
		t.Errorf("error %v", err)
	}
}

func TestWarningsOfAPassedSignatureAreKept(t *testing.T) {
	w := newWorld(t)
	w.signBadly(t)
	outcome, err := verifier(t, "audit", root()).Verify(context.Background(), w.repository, w.request())
	if err != nil {
		t.Fatal(err)
	}
	passed := outcome.Passed()
	if passed == nil || len(passed.Checks) == 0 || passed.Checks[0].Action != "log" {
		t.Errorf("outcome %+v", outcome)
	}
}

func TestATrustStoreThatCannotBeReadIsUnknown(t *testing.T) {
	w := newWorld(t)
	w.signWell(t)
	broken := trusted{err: truststore.TrustStoreError{Msg: "unreadable", InnerError: errors.New("disk")}}
	outcome, err := verifier(t, "strict", broken).Verify(context.Background(), w.repository, w.request())
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Passed() != nil || !outcome.Unknown() {
		t.Errorf("outcome %+v: %v", outcome, outcome.Err())
	}
}

func TestTheLimitStopsTheSearch(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.signBadly(t)
	}
	req := w.request()
	for limit, stopped := range map[int]bool{1: true, 2: true, 3: false, 100: false} {
		req.MaxSignatures = limit
		outcome, err := verifier(t, "strict", root()).Verify(context.Background(), w.repository, req)
		if err != nil {
			t.Fatal(err)
		}
		if outcome.Stopped != stopped || len(outcome.Signatures) != min(limit, 3) {
			t.Errorf("limit %d: stopped %v after %d", limit, outcome.Stopped, len(outcome.Signatures))
		}
	}
}

func TestWhatCannotBeVerifiedAtAllIsAnError(t *testing.T) {
	w := newWorld(t)
	v := verifier(t, "strict", root())
	_, err := v.Verify(context.Background(), w.repository, w.request())
	var unsigned notation.SignatureRetrievalFailedError
	if !errors.As(err, &unsigned) || !strings.Contains(err.Error(), "no signature is associated with") {
		t.Errorf("unsigned: %v", err)
	}
	req := w.request()
	req.Reference = "registry.example.com/other@" + w.artifact.Digest.String()
	_, err = v.Verify(context.Background(), w.repository, req)
	var none notation.NoApplicableTrustPolicyError
	if !errors.As(err, &none) {
		t.Errorf("other scope: %v", err)
	}
}

func TestSkipVerifiesNothing(t *testing.T) {
	w := newWorld(t)
	outcome, err := verifier(t, "skip", root()).Verify(context.Background(), w.repository, w.request())
	if err != nil || !outcome.Skipped || outcome.Err() != nil || len(outcome.Signatures) != 0 {
		t.Errorf("outcome %+v, %v", outcome, err)
	}
}

func TestMetadataMustMatch(t *testing.T) {
	w := newWorld(t)
	w.signWell(t)
	for id, want := range map[string]bool{"101": true, "102": false} {
		req := w.request()
		req.UserMetadata = map[string]string{"buildId": id}
		outcome, err := verifier(t, "strict", root()).Verify(context.Background(), w.repository, req)
		if err != nil || (outcome.Passed() != nil) != want {
			t.Errorf("%s: %+v, %v", id, outcome, err)
		}
	}
}
