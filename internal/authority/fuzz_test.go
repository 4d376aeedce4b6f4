package authority_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
)

// FuzzParseChain: what is read from PEM is certificates, as they stand there, and no
// more than a chain may have.
func FuzzParseChain(f *testing.F) {
	h := &house{t: &testing.T{}, now: time.Unix(1_800_000_000, 0)}
	key := h.key(elliptic.P384())
	template := h.ca("root")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.sign(template, template, key.Public(), key).Raw})
	for _, seed := range [][]byte{nil, text, bytes.Repeat(text, 2), bytes.Repeat(text, 9), text[:len(text)/2], append([]byte("# comment\n"), text...), append(text, "rest"...), []byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		chain, err := authority.ParseChain(text)
		if (err == nil) != (len(chain) > 0) || len(chain) > 8 {
			t.Fatalf("%d certificates, %v", len(chain), err)
		}
		rest := text
		for i, cert := range chain {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil || !bytes.Equal(block.Bytes, cert.Raw) {
				t.Fatalf("certificate %d is not in the text", i)
			}
		}
	})
}

// FuzzParseKey: what is taken is a P-384 key, and an error quotes nothing of it.
func FuzzParseKey(f *testing.F) {
	h := &house{t: &testing.T{}}
	for _, curve := range []elliptic.Curve{elliptic.P384(), elliptic.P256(), elliptic.P521()} {
		key := h.key(curve)
		for _, encode := range []func() (string, []byte, error){
			func() (string, []byte, error) {
				der, err := x509.MarshalPKCS8PrivateKey(key)
				return "PRIVATE KEY", der, err
			},
			func() (string, []byte, error) {
				der, err := x509.MarshalECPrivateKey(key)
				return "EC PRIVATE KEY", der, err
			},
		} {
			kind, der, err := encode()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
			f.Add(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED " + kind, Bytes: der, Headers: map[string]string{"DEK-Info": "x"}}))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := authority.ParseKey(text)
		if err != nil {
			if len(err.Error()) > 200 {
				t.Errorf("a long error: %v", err)
			}
			return
		}
		if key.Curve != elliptic.P384() {
			t.Errorf("a key on %s", key.Curve.Params().Name)
		}
	})
}

// FuzzReadBackup: the CAs of a backup that is taken are signed by one another, up to
// roots that signed themselves.
func FuzzReadBackup(f *testing.F) {
	w := newWorld(f)
	a := w.started(f)
	if _, _, err := a.Revoke(f.Context(), leafOf(f, a).ID, authority.KeyCompromise); err != nil {
		f.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := a.Backup(f.Context(), w.keys(), &text); err != nil {
		f.Fatal(err)
	}
	f.Add(text.Bytes())
	f.Add([]byte(`{"sealwrightCABackup":1,"active":"00","certificates":[{"der":"AAAA","issuer":"00"}],"keys":[]}`))
	f.Add(bytes.ReplaceAll(text.Bytes(), []byte(`"root"`), []byte(`"log"`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		cas, err := authority.ReadBackup(text)
		if err != nil {
			return
		}
		if len(cas) == 0 {
			t.Fatal("a backup without a CA is taken")
		}
		for _, c := range cas {
			issuer := find(t, authority.Authorities{CAs: cas}, c.IssuerID)
			if err := parse(t, [][]byte{c.DER})[0].CheckSignatureFrom(parse(t, [][]byte{issuer.DER})[0]); err != nil || (c.Role == authority.Root) != (c.ID == issuer.ID) {
				t.Errorf("%s is taken for a %s below %s: %v", c.ID, c.Role, issuer.ID, err)
			}
		}
	})
}
