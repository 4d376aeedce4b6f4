package cli_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notaryproject/notation-core-go/testhelper"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
)

const (
	alice = "arn:aws:signer:us-east-1:111122223333:/signing-profiles/alice"
	bob   = "arn:aws:signer:us-east-1:111122223333:/signing-profiles/bob"
)

// serveRoot starts a service that shows a root certificate, as PEM or as is,
// and points the environment at it.
func serveRoot(t *testing.T, content []byte) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/sealwright/root.pem" {
			http.NotFound(w, r)
			return
		}
		w.Write(content)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
}

func root(t *testing.T) *x509.Certificate {
	t.Helper()
	return testhelper.GetECRootCertificate().Cert
}

func otherRoot(t *testing.T) *x509.Certificate {
	t.Helper()
	return testhelper.GetRSARootCertificate().Cert
}

func hash(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// storedRoots are the files of the trust store.
func storedRoots(t *testing.T, notation string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(notation, "truststore", "x509", "signingAuthority", "aws-signer-ts", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func policyAt(t *testing.T, path string) trustpolicy.OCIDocument {
	t.Helper()
	var policy trustpolicy.OCIDocument
	if err := json.Unmarshal([]byte(read(t, path)), &policy); err != nil {
		t.Fatal(err)
	}
	return policy
}

func TestTrustInstallMakesStoreAndPolicy(t *testing.T) {
	notation := home(t)
	serveRoot(t, certificatePEM(root(t)))
	run(t, "", "trust", "install", "--profile", alice).ok(t)
	path := filepath.Join(notation, "trustpolicy.json")
	policy := policyAt(t, path)
	if err := policy.Validate(); err != nil {
		t.Error(err)
	}
	s := policy.TrustPolicies[0]
	if s.SignatureVerification.VerificationLevel != "strict" || s.RegistryScopes[0] != "*" || s.TrustedIdentities[0] != alice || s.TrustStores[0] != "signingAuthority:aws-signer-ts" {
		t.Errorf("statement %+v", s)
	}
	files := append(storedRoots(t, notation), path)
	if len(files) != 2 {
		t.Fatalf("files %v", files)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	before := read(t, path)
	run(t, "", "trust", "install", "--profile", alice).ok(t)
	if read(t, path) != before || len(storedRoots(t, notation)) != 1 {
		t.Error("the same again changed something")
	}
}

// Whoever verifies meanwhile reads every file of the store, and so does whoever
// verifies after a crash in between.
func TestTrustStoreNeverHoldsAHalfWrittenFile(t *testing.T) {
	notation := home(t)
	serveRoot(t, certificatePEM(root(t)))
	stop, odd := make(chan struct{}), make(chan string, 1)
	go func() {
		defer close(odd)
		for {
			found, _ := filepath.Glob(filepath.Join(notation, "truststore", "x509", "signingAuthority", "aws-signer-ts", "*"))
			for _, path := range found {
				if filepath.Ext(path) != ".pem" {
					odd <- path
					return
				}
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for range 20 {
		run(t, "", "trust", "install", "--profile", alice).ok(t)
		os.Remove(storedRoots(t, notation)[0])
	}
	close(stop)
	if path, seen := <-odd; seen {
		t.Errorf("%s was in the store", path)
	}
}

func TestTrustInstallPutsANewRootBesideTheOld(t *testing.T) {
	notation := home(t)
	serveRoot(t, certificatePEM(root(t)))
	run(t, "", "trust", "install", "--profile", alice).ok(t)
	serveRoot(t, certificatePEM(otherRoot(t)))
	run(t, "", "trust", "install", "--profile", bob).ok(t)
	if roots := storedRoots(t, notation); len(roots) != 2 {
		t.Errorf("roots %v", roots)
	}
	if s := policyAt(t, filepath.Join(notation, "trustpolicy.json")).TrustPolicies; len(s) != 1 || len(s[0].TrustedIdentities) != 2 {
		t.Errorf("statements %+v", s)
	}
}

func TestTrustInstallEditsThePolicyInUse(t *testing.T) {
	notation := home(t)
	serveRoot(t, certificatePEM(root(t)))
	const existing = `{"version":"1.0","trustPolicies":[{"name":"mine","registryScopes":["localhost:5000/a","localhost:5000/b"],
		"signatureVerification":{"level":"permissive","override":{"revocation":"skip"}},"trustStores":["ca:acme"],"trustedIdentities":["x509.subject: C=US, ST=WA, O=acme"]}]}`
	inUse, other := filepath.Join(notation, "trustpolicy.oci.json"), filepath.Join(notation, "trustpolicy.json")
	write(t, inUse, []byte(existing))
	write(t, other, []byte("untouched"))
	run(t, "", "trust", "install", "--profile", alice, "--scope", "localhost:5000/a").fails(t, inUse, `"name": "mine"`, "localhost:5000/b")
	if read(t, inUse) != existing || len(storedRoots(t, notation)) != 0 {
		t.Error("a refused grant changed something")
	}
	run(t, "", "trust", "install", "--profile", alice).ok(t).says(t, `keeps its own statement "mine"`)
	run(t, "", "trust", "install", "--profile", bob, "--scope", "localhost:5000/b", "--scope", "localhost:5000/a").ok(t)
	policy := policyAt(t, inUse)
	mine := policy.TrustPolicies[0]
	if len(policy.TrustPolicies) != 2 || mine.SignatureVerification.VerificationLevel != "permissive" || mine.SignatureVerification.Override["revocation"] != "skip" ||
		strings.Join(mine.TrustStores, " ") != "ca:acme signingAuthority:aws-signer-ts" || len(mine.TrustedIdentities) != 2 {
		t.Errorf("policy %+v", policy)
	}
	if read(t, other) != "untouched" {
		t.Error("the policy that is not in use was touched")
	}
}

func TestTrustInstallRefuses(t *testing.T) {
	home(t)
	leaf := filepath.Join(t.TempDir(), "leaf.pem")
	write(t, leaf, certificatePEM(testhelper.GetRSALeafCertificate().Cert))
	two := append(certificatePEM(root(t)), certificatePEM(otherRoot(t))...)
	for _, tt := range []struct {
		name   string
		served []byte
		args   []string
		want   string
	}{
		{"singular ARN", certificatePEM(root(t)), []string{"--profile", strings.Replace(alice, "profiles", "profile", 1)}, "did you mean " + alice},
		{"no ARN", certificatePEM(root(t)), []string{"--profile", "*"}, "not the ARN of a signing profile"},
		{"no profile", certificatePEM(root(t)), nil, `required flag(s) "profile" not set`},
		{"wrong fingerprint", certificatePEM(root(t)), []string{"--profile", alice, "--root-sha256", hash(otherRoot(t))}, "nothing was installed"},
		{"a leaf", nil, []string{"--profile", alice, "--root", leaf}, "is not a root"},
		{"no certificate", []byte("hello"), []string{"--profile", alice}, "is not a certificate"},
		{"a root and what is none", append(bytes.Clone(two), "x"...), []string{"--profile", alice}, "not certificates alone"},
		{"too many certificates", bytes.Repeat(two, 9), []string{"--profile", alice}, "16 at most"},
		{"neither of two has the fingerprint", two, []string{"--profile", alice, "--root-sha256", strings.Repeat("0", 64)}, " or "},
		{"root and fingerprint", nil, []string{"--profile", alice, "--root", leaf, "--root-sha256", "00"}, "none of the others can be"},
		{"a scope that is a URL", certificatePEM(root(t)), []string{"--profile", alice, "--scope", "http://localhost:5000/app"}, "registry scope"},
		{"another machine without TLS", nil, []string{"--profile", alice, "--endpoint", "http://registry.example.com"}, "--root-sha256"},
		{"no URL", nil, []string{"--profile", alice, "--endpoint", "localhost:5000"}, "not an http or https URL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			notation := home(t)
			if tt.served != nil {
				serveRoot(t, tt.served)
			}
			run(t, "", append([]string{"trust", "install"}, tt.args...)...).fails(t, tt.want)
			if files, _ := filepath.Glob(filepath.Join(notation, "trust*")); len(files) != 0 {
				t.Errorf("left behind: %v", files)
			}
		})
	}
	t.Run("no endpoint", func(t *testing.T) {
		home(t)
		run(t, "", "trust", "install", "--profile", alice).fails(t, "AWS_ENDPOINT_URL")
	})
}

func TestTrustInstallTakesARootByHand(t *testing.T) {
	notation := home(t)
	der, colons := filepath.Join(t.TempDir(), "root.der"), ""
	write(t, der, root(t).Raw)
	run(t, "", "trust", "install", "--profile", alice, "--root", der).ok(t)
	if len(storedRoots(t, notation)) != 1 {
		t.Error("no root")
	}
	for i, c := range strings.ToUpper(hash(otherRoot(t))) {
		if i > 0 && i%2 == 0 {
			colons += ":"
		}
		colons += string(c)
	}
	serveRoot(t, certificatePEM(otherRoot(t)))
	run(t, "", "trust", "install", "--profile", alice, "--root-sha256", colons).ok(t)
	if len(storedRoots(t, notation)) != 2 {
		t.Error("no second root")
	}
}

func TestTrustInstallLeavesASymbolicLinkAlone(t *testing.T) {
	notation := home(t)
	serveRoot(t, certificatePEM(root(t)))
	target := filepath.Join(t.TempDir(), "policy.json")
	write(t, target, []byte(`{"version":"1.0","trustPolicies":[]}`))
	if err := os.MkdirAll(notation, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(notation, "trustpolicy.json")); err != nil {
		t.Fatal(err)
	}
	run(t, "", "trust", "install", "--profile", alice).fails(t, "not a regular file")
}
