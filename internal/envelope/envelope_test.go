package envelope_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/jws"

	"github.com/sealwright/sealwright/internal/envelope"
)

var signingTime = time.Date(2026, 11, 21, 20, 42, 13, 0, time.UTC)

func attributes() envelope.Attributes {
	return envelope.Attributes{
		SigningTime:       signingTime,
		Expiry:            signingTime.AddDate(0, 135, 0),
		ProfileVersionARN: "arn:aws:signer:us-east-1:111122223333:/signing-profiles/ecr_signing_profile/2oCN6RHYVI",
		JobARN:            "arn:aws:signer:us-east-1:111122223333:/signing-jobs/0199bb8e-4f51-7c7e-9d1c-6f0f6d3a2b11",
	}
}

const payload = `{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":942}}`

// signer is a chain of three with the leaf's key.
type signer struct {
	chain [][]byte
	key   *ecdsa.PrivateKey
}

func newSigner(t testing.TB) signer {
	t.Helper()
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{
			Subject: pkix.Name{CommonName: name}, NotBefore: signingTime.Add(-time.Hour), NotAfter: signingTime.Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
	}
	root, rootKey := issue(t, ca("root"), nil, nil)
	issuing, issuingKey := issue(t, ca("issuing"), root, rootKey)
	leaf, key := issue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "leaf"}, NotBefore: signingTime.Add(-time.Hour), NotAfter: signingTime.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}, issuing, issuingKey)
	return signer{[][]byte{leaf.Raw, issuing.Raw, root.Raw}, key}
}

func issue(t testing.TB, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (s signer) sign(digest []byte) ([]byte, error) {
	r, v, err := ecdsa.Sign(rand.Reader, s.key, digest)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, 96)
	r.FillBytes(raw[:48])
	v.FillBytes(raw[48:])
	return raw, nil
}

func (s signer) envelope(t testing.TB, a envelope.Attributes, payload string) []byte {
	t.Helper()
	chain, err := envelope.NewChain(s.chain)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := envelope.Sign(a, chain, []byte(payload), s.sign)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// TestNotationVerifies asks the reference whether it reads what we wrote.
func TestNotationVerifies(t *testing.T) {
	s, a := newSigner(t), attributes()
	for range 20 { // signatures whose r or s is short must be padded
		signed, err := jws.ParseEnvelope(s.envelope(t, a, payload))
		if err != nil {
			t.Fatal(err)
		}
		content, err := signed.Verify()
		if err != nil {
			t.Fatal(err)
		}
		if string(content.Payload.Content) != payload || content.Payload.ContentType != envelope.PayloadMediaType {
			t.Errorf("payload: %s, %s", content.Payload.ContentType, content.Payload.Content)
		}
		info := content.SignerInfo
		if info.SignatureAlgorithm != signature.AlgorithmES384 || info.SignedAttributes.SigningScheme != signature.SigningSchemeX509SigningAuthority ||
			!info.SignedAttributes.SigningTime.Equal(a.SigningTime) || !info.SignedAttributes.Expiry.Equal(a.Expiry) {
			t.Errorf("signer info: %+v", info)
		}
		if len(info.CertificateChain) != 3 || !bytes.Equal(info.CertificateChain[0].Raw, s.chain[0]) {
			t.Errorf("chain of %d", len(info.CertificateChain))
		}
	}
}

// TestExtendedAttributes holds the promise about the protected header: what
// notation hands to the plugin is these three and no more.
func TestExtendedAttributes(t *testing.T) {
	a := attributes()
	signed, err := jws.ParseEnvelope(newSigner(t).envelope(t, a, payload))
	if err != nil {
		t.Fatal(err)
	}
	content, err := signed.Content()
	if err != nil {
		t.Fatal(err)
	}
	got := map[any]signature.Attribute{}
	for _, attribute := range content.SignerInfo.SignedAttributes.ExtendedAttributes {
		got[attribute.Key] = attribute
	}
	want := map[any]signature.Attribute{}
	for _, w := range []signature.Attribute{
		{Key: "io.cncf.notary.verificationPlugin", Critical: true, Value: envelope.VerificationPlugin},
		{Key: "com.amazonaws.signer.signingProfileVersion", Critical: true, Value: a.ProfileVersionARN},
		{Key: "com.amazonaws.signer.signingJob", Critical: false, Value: a.JobARN},
	} {
		want[w.Key] = w
	}
	if !maps.Equal(got, want) {
		t.Errorf("extended attributes\n got %v\nwant %v", got, want)
	}
}

func TestProtectedHeaderIsExact(t *testing.T) {
	var wire struct{ Protected string }
	if err := json.Unmarshal(newSigner(t).envelope(t, attributes(), payload), &wire); err != nil {
		t.Fatal(err)
	}
	header, err := base64.RawURLEncoding.DecodeString(wire.Protected)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(header, &fields); err != nil {
		t.Fatal(err)
	}
	want := []string{"alg", "com.amazonaws.signer.signingJob", "com.amazonaws.signer.signingProfileVersion", "crit", "cty",
		"io.cncf.notary.authenticSigningTime", "io.cncf.notary.expiry", "io.cncf.notary.signingScheme", "io.cncf.notary.verificationPlugin"}
	if got := slices.Sorted(maps.Keys(fields)); !slices.Equal(got, want) {
		t.Errorf("protected header has %v, want %v", got, want)
	}
}

// TestBitFlips changes one bit, of every seventh byte and another each time:
// Parse refuses it, or the reference finds that the signature does not hold.
func TestBitFlips(t *testing.T) {
	signed := newSigner(t).envelope(t, attributes(), payload)
	for i := 0; i < len(signed); i += 7 {
		flipped := bytes.Clone(signed)
		flipped[i] ^= 1 << (i % 8)
		if _, err := envelope.Parse(flipped); err != nil {
			continue
		}
		reference, err := jws.ParseEnvelope(flipped)
		if err != nil {
			continue
		}
		if _, err := reference.Verify(); err == nil {
			t.Errorf("bit %d of byte %d: nobody noticed", i%8, i)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	s, a := newSigner(t), attributes()
	signed := s.envelope(t, a, payload)
	e, err := envelope.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	if e.Attributes != a || string(e.Payload) != payload || len(e.Chain) != 3 || len(e.Signature) != 96 {
		t.Errorf("parsed %+v", e)
	}
	again, err := e.Bytes()
	if err != nil || !bytes.Equal(again, signed) {
		t.Errorf("written again: %s, %v", again, err)
	}
}

func TestParseRefuses(t *testing.T) {
	signed := string(newSigner(t).envelope(t, attributes(), payload))
	for name, data := range map[string]string{
		"nothing":         "",
		"not JSON":        "{",
		"null":            "null",
		"trailing bytes":  signed + " ",
		"a space":         strings.Replace(signed, `,"protected"`, `, "protected"`, 1),
		"another case":    strings.Replace(signed, `"payload"`, `"Payload"`, 1),
		"a field twice":   strings.Replace(signed, `{"payload"`, `{"payload":"e30","payload"`, 1),
		"a field more":    strings.Replace(signed, `{"payload"`, `{"a":1,"payload"`, 1),
		"no certificates": `{"payload":"e30","protected":"e30","header":{"x5c":[]},"signature":""}`,
		"too large":       strings.Repeat(" ", envelope.MaxSize+1),
	} {
		if _, err := envelope.Parse([]byte(data)); !errors.Is(err, envelope.ErrEnvelope) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	s := newSigner(t)
	chain, err := envelope.NewChain(s.chain)
	if err != nil {
		t.Fatal(err)
	}
	late, nameless := attributes(), attributes()
	late.Expiry, nameless.JobARN = late.SigningTime, ""
	for name, c := range map[string]struct {
		a       envelope.Attributes
		payload string
		sign    func([]byte) ([]byte, error)
	}{
		"empty payload":   {attributes(), "", s.sign},
		"large payload":   {attributes(), strings.Repeat("x", envelope.MaxPayload+1), s.sign},
		"expired already": {late, payload, s.sign},
		"no job":          {nameless, payload, s.sign},
		"failing key":     {attributes(), payload, func([]byte) ([]byte, error) { return nil, errors.New("no key") }},
		"ASN.1 signature": {attributes(), payload, func(d []byte) ([]byte, error) { return s.key.Sign(rand.Reader, d, crypto.SHA384) }},
	} {
		if signed, err := envelope.Sign(c.a, chain, []byte(c.payload), c.sign); err == nil || signed != nil {
			t.Errorf("%s: %s, %v", name, signed, err)
		}
	}
	for _, certificates := range [][][]byte{nil, {nil}, make([][]byte, 9)} {
		if _, err := envelope.NewChain(certificates); err == nil {
			t.Errorf("chain of %d: no error", len(certificates))
		}
	}
}

// FuzzParse holds Parse to its contract: what it accepts, Bytes writes.
func FuzzParse(f *testing.F) {
	signed := newSigner(f).envelope(f, attributes(), payload)
	f.Add(signed)
	f.Add([]byte(`{"payload":"e30","protected":"e30","header":{"x5c":["AA=="]},"signature":"AA"}`))
	f.Add(bytes.Replace(signed, []byte(`"signature":"`), []byte(`"signature":"\u0041`), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := envelope.Parse(data)
		if err != nil {
			if !errors.Is(err, envelope.ErrEnvelope) {
				t.Errorf("error of another kind: %v", err)
			}
			return
		}
		again, err := e.Bytes()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("accepted %q but writes %q, %v", data, again, err)
		}
		if _, err := jws.ParseEnvelope(data); err != nil {
			t.Errorf("the reference does not parse what we accept: %v", err)
		}
	})
}

// BenchmarkSign prints how many raw signatures an envelope costs.
func BenchmarkSign(b *testing.B) {
	s, a := newSigner(b), attributes()
	chain, err := envelope.NewChain(s.chain)
	if err != nil {
		b.Fatal(err)
	}
	digest := bytes.Repeat([]byte{7}, 48)
	var raw, whole time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := s.sign(digest); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		if _, err := envelope.Sign(a, chain, []byte(payload), s.sign); err != nil {
			b.Fatal(err)
		}
		raw, whole = raw+middle.Sub(start), whole+time.Since(middle)
	}
	b.ReportMetric(float64(whole)/float64(raw), "raw-signatures/op")
}
