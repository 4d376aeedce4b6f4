package discovery_test

import (
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/discovery"
	"github.com/sealwright/sealwright/internal/discovery/issuertest"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/webidentity"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDiscovery(t *testing.T) {
	issuer := issuertest.New(t)
	set, err := discovery.New(discovery.Options{Loopback: true}).KeySet(t.Context(), webidentity.Issuer{URL: issuer.URL})
	must(t, err)
	if string(set) != string(issuer.KeySet()) {
		t.Errorf("%s", set)
	}
}

// TestFiles: an issuer whose keys are in a file is not asked.
func TestFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys.json")
	const url = "https://kubernetes.default.svc"
	s := discovery.New(discovery.Options{Files: map[string]string{url: name}})
	_, err := s.KeySet(t.Context(), webidentity.Issuer{URL: url})
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("no file: %v", err)
	}
	must(t, os.WriteFile(name, []byte(`{"keys":[]}`), 0o600))
	set, err := s.KeySet(t.Context(), webidentity.Issuer{URL: url})
	must(t, err)
	if string(set) != `{"keys":[]}` {
		t.Errorf("%s", set)
	}
}

// TestCertificates: of an authority that is known, or one that a thumbprint names
// where none is.
func TestCertificates(t *testing.T) {
	issuer := issuertest.NewTLS(t)
	certificate := issuer.Server.Certificate()
	sum := sha1.Sum(certificate.Raw)
	known := x509.NewCertPool()
	known.AddCert(certificate)
	for name, test := range map[string]struct {
		roots      *x509.CertPool
		thumbprint string
		good       bool
	}{
		"a stranger":         {nil, "", false},
		"a known authority":  {known, "", true},
		"another thumbprint": {nil, strings.Repeat("a", 40), false},
		"the thumbprint":     {nil, strings.ToUpper(hex.EncodeToString(sum[:])), true},
		"known, and another": {known, strings.Repeat("a", 40), true},
	} {
		s := discovery.New(discovery.Options{Loopback: true, Roots: test.roots})
		_, err := s.KeySet(t.Context(), webidentity.Issuer{URL: issuer.URL, Thumbprints: []string{test.thumbprint}})
		if (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A thumbprint does not excuse another name.
	issuer.URL = strings.Replace(issuer.URL, "127.0.0.1", "localhost", 1)
	s := discovery.New(discovery.Options{Loopback: true})
	if _, err := s.KeySet(t.Context(), webidentity.Issuer{URL: issuer.URL, Thumbprints: []string{hex.EncodeToString(sum[:])}}); err == nil {
		t.Error("a certificate of 127.0.0.1 was good for localhost")
	}
}

// TestWhereItDoesNotGo: to this machine and to metadata services, unless it may;
// nor where a redirect or a configuration sends it.
func TestWhereItDoesNotGo(t *testing.T) {
	issuer := issuertest.New(t)
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	defer secret.Close()
	strict := discovery.New(discovery.Options{})
	for _, host := range []string{"127.0.0.1", "localhost", "169.254.169.254", "0.0.0.0", "100.100.100.200", "168.63.129.16", "224.0.0.1", "[::1]", "[::]", "[fe80::1]", "[ff02::1]",
		"[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[fd00:ec2::254]"} {
		_, err := strict.KeySet(t.Context(), webidentity.Issuer{URL: "https://" + host + ":1"})
		var dial *net.OpError
		if fault.KindOf(err) != fault.Unavailable || !errors.As(err, &dial) || !strings.Contains(dial.Error(), "is not asked") {
			t.Errorf("%s: %v, %v", host, err, dial)
		}
	}
	for _, url := range []string{issuer.URL, strings.Replace(issuer.URL, "http:", "https:", 1), "file:///etc/passwd"} {
		if _, err := strict.KeySet(t.Context(), webidentity.Issuer{URL: url}); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", url, err)
		}
	}
	if issuer.Asked() != 0 {
		t.Error("the issuer on this machine was asked")
	}
	var answer http.HandlerFunc
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer front.Close()
	says := func(document string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/.well-known/openid-configuration" {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
			fmt.Fprint(w, strings.ReplaceAll(document, "SELF", front.URL))
		}
	}
	loose := discovery.New(discovery.Options{Loopback: true})
	for name, handler := range map[string]http.HandlerFunc{
		"a redirect":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, secret.URL, http.StatusFound) },
		"another issuer": says(`{"issuer":"https://other.example","jwks_uri":"SELF/keys"}`),
		"with a slash":   says(`{"issuer":"SELF/","jwks_uri":"SELF/keys"}`),
		"a file":         says(`{"issuer":"SELF","jwks_uri":"file:///etc/passwd"}`),
		"a user":         says(`{"issuer":"SELF","jwks_uri":"http://x:y@` + strings.TrimPrefix(secret.URL, "http://") + `"}`),
		"no address":     says(`{"issuer":"SELF"}`),
		"forbidden":      says(`{"issuer":"SELF","jwks_uri":"SELF/keys"}`),
		"no JSON":        says(`<html>`),
		"too much":       func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 65<<10)) },
		"an error":       func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "secret", http.StatusInternalServerError) },
	} {
		answer = handler
		_, err := loose.KeySet(t.Context(), webidentity.Issuer{URL: front.URL})
		if message, told := fault.Message(err); !told || strings.Contains(message, "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
