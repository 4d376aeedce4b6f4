package cli_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	ggcrremote "github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/notaryproject/notation-core-go/testhelper"

	"github.com/sealwright/sealwright/internal/cli"
	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/server"
)

// foreign, in the environment, makes the test program somebody else's plugin.
const foreign = "TEST_FOREIGN_PLUGIN"

func TestMain(m *testing.M) {
	called := filepath.Base(os.Args[0])
	switch {
	case called == cli.PluginRole && os.Getenv(foreign) != "":
		fmt.Print(`{"name":"com.amazonaws.signer.notation.plugin","description":"theirs","version":"1.0.350","url":"https://docs.aws.amazon.com/signer","supportedContractVersions":["1.0"],"capabilities":["SIGNATURE_GENERATOR.ENVELOPE"]}`)
		os.Exit(0)
	case called == cli.PluginRole, called == cli.CredentialHelperRole:
		os.Exit(cli.Main(os.Args, cli.System()))
	}
	os.Exit(m.Run())
}

// home gives the test a home directory of its own and clears what would reach
// beyond it. It returns Notation's configuration directory.
func home(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	notation := filepath.Join(root, "notation")
	for key, value := range map[string]string{
		"HOME": root, "XDG_CONFIG_HOME": filepath.Join(root, "config"), "XDG_CACHE_HOME": filepath.Join(root, "cache"),
		"DOCKER_CONFIG": filepath.Join(root, "docker"), "PATH": filepath.Join(root, "bin"),
		"NOTATION_CONFIG": notation, "NOTATION_CACHE": "", "NOTATION_LIBEXEC": "", "NOTATION_EXPERIMENTAL": "",
		"NOTATION_USERNAME": "", "NOTATION_PASSWORD": "",
		"AWS_CONFIG_FILE": filepath.Join(root, "aws"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(root, "awskeys"),
		"AWS_PROFILE": "", "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_SIGNER": "", "AWS_CA_BUNDLE": "",
	} {
		t.Setenv(key, value)
	}
	return notation
}

// result is what a command line came to.
type result struct {
	stdout, stderr string
	code           int
}

// run runs a command line in this process.
func run(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Main(append([]string{"sealwright"}, args...), cli.IO{In: strings.NewReader(stdin), Out: &stdout, Err: &stderr})
	return result{stdout.String(), stderr.String(), code}
}

// ok fails the test unless the command succeeded.
func (r result) ok(t *testing.T) result {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("exit code %d\nstdout: %s\nstderr: %s", r.code, r.stdout, r.stderr)
	}
	return r
}

// fails fails the test unless the command failed and said all of want.
func (r result) fails(t *testing.T, want ...string) result {
	t.Helper()
	if r.code != 1 || !strings.Contains(r.stderr, "Error: ") {
		t.Fatalf("exit code %d\nstdout: %s\nstderr: %s", r.code, r.stdout, r.stderr)
	}
	return r.says(t, want...)
}

// says fails the test unless standard error has all of want.
func (r result) says(t *testing.T, want ...string) result {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("standard error lacks %q:\n%s", text, r.stderr)
		}
	}
	return r
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// serve starts a service and returns it and its data directory.
func serve(t *testing.T) (s *server.Server, data string) {
	t.Helper()
	settings := config.Default()
	settings.Data, settings.Listen = filepath.Join(t.TempDir(), "data"), "localhost:0"
	s, err := server.Open(t.Context(), settings, server.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(running) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	return s, settings.Data
}

// service starts a service, points the environment at it, and pushes an image
// as app:v1. It returns the registry's host, the image's digest and a password.
func service(t *testing.T) (host, digest, password string) {
	t.Helper()
	s, _ := serve(t)
	root, err := s.RootCredentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ENDPOINT_URL", s.URL())
	t.Setenv("AWS_ACCESS_KEY_ID", root.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", root.Secret)
	run(t, "", "ecr", "create-repository", "--repository-name", "app").ok(t)
	password = strings.TrimSpace(run(t, "", "ecr", "get-login-password").ok(t).stdout)
	host = strings.TrimPrefix(s.URL(), "http://")
	return host, push(t, host+"/app:v1", password), password
}

// push pushes a random image and returns its digest.
func push(t *testing.T, reference, password string) string {
	t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	target, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := ggcrremote.Write(target, image, ggcrremote.WithAuth(&authn.Basic{Username: "AWS", Password: password})); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// localKey makes a key of Notation's key list, its default, and returns its
// root certificate.
func localKey(t *testing.T, notation, keyName string) *x509.Certificate {
	t.Helper()
	leaf, root := testhelper.GetRSALeafCertificate(), testhelper.GetRSARootCertificate()
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	keyPath, chainPath := filepath.Join(notation, "localkeys", keyName+".key"), filepath.Join(notation, "localkeys", keyName+".crt")
	write(t, keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	write(t, chainPath, append(certificatePEM(leaf.Cert), certificatePEM(root.Cert)...))
	keys, err := json.Marshal(map[string]any{"default": keyName, "keys": []map[string]string{{"name": keyName, "keyPath": keyPath, "certPath": chainPath}}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(notation, "signingkeys.json"), keys)
	return root.Cert
}

func certificatePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// trust makes a trust policy of one statement and a trust store "ca:local".
func trust(t *testing.T, notation, level string, root *x509.Certificate) {
	t.Helper()
	statement := map[string]any{
		"name": "local", "registryScopes": []string{"*"},
		"signatureVerification": map[string]any{"level": level, "override": map[string]string{"revocation": "skip"}},
		"trustStores":           []string{"ca:local"}, "trustedIdentities": []string{"*"},
	}
	if level == "skip" {
		statement = map[string]any{"name": "local", "registryScopes": []string{"*"}, "signatureVerification": map[string]any{"level": level}}
	}
	policy, err := json.Marshal(map[string]any{"version": "1.0", "trustPolicies": []any{statement}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(notation, "trustpolicy.json"), policy)
	write(t, filepath.Join(notation, "truststore", "x509", "ca", "local", "root.pem"), certificatePEM(root))
}

func TestSignListInspectVerify(t *testing.T) {
	notation := home(t)
	host, digest, password := service(t)
	root := localKey(t, notation, "local")
	trust(t, notation, "strict", root)
	reference := host + "/app@" + digest

	run(t, "", "verify", reference).fails(t, "There is no login for "+host, "sealwright login "+host)
	run(t, password+"\n", "login", "--username", "AWS", "--password-stdin", host).ok(t).says(t, "No credential helper is configured")

	if got := run(t, "", "list", reference).ok(t); got.stdout != reference+" has no associated signatures\n" {
		t.Errorf("list: %q", got.stdout)
	}
	run(t, "", "verify", reference).fails(t, "signature verification failed: no signature is associated with \""+reference+"\", make sure the artifact was signed successfully")

	signed := run(t, "", "sign", "-m", "buildId=101", reference).ok(t)
	signature, found := strings.CutPrefix(signed.stdout, "Successfully signed "+reference+"\nPushed the signature to "+host+"/app@")
	if !found || signed.stderr != "" {
		t.Fatalf("sign: %q, %q", signed.stdout, signed.stderr)
	}
	signature = strings.TrimSpace(signature)

	if got := run(t, "", "ls", reference).ok(t).stdout; got != reference+"\n└── application/vnd.cncf.notary.signature\n    └── "+signature+"\n" {
		t.Errorf("list: %q", got)
	}
	verified := run(t, "", "verify", reference).ok(t).says(t, "Signature "+signature+" is valid (signed by ")
	if want := "Successfully verified signature for " + reference + "\n\nThe artifact was signed with the following user metadata.\n\nKEY       VALUE   \nbuildId   101     \n"; verified.stdout != want {
		t.Errorf("verify: %q, want %q", verified.stdout, want)
	}
	run(t, "", "verify", "-m", "buildId=102", reference).fails(t, "Signature "+signature+" is not valid", "unable to find specified metadata")
	checkInspect(t, reference, signature)
}

// What a signer chose cannot look like lines of ours, nor command the terminal.
func TestWhatASignatureSaysIsNotObeyed(t *testing.T) {
	notation := home(t)
	host, digest, password := service(t)
	trust(t, notation, "strict", localKey(t, notation, "local"))
	reference := host + "/app@" + digest
	run(t, password, "login", "--username", "AWS", "--password-stdin", host).ok(t)
	run(t, "", "sign", "-m", "a\x1b[2J=b\n└── sha256:forged\u009b2J", reference).ok(t)
	for verb, want := range map[string]string{"inspect": "a [2J: b └── sha256:forged 2J\n", "verify": "a [2J   b └── sha256:forged 2J   \n"} {
		if got := run(t, "", verb, reference).ok(t).stdout; !strings.Contains(got, want) || strings.ContainsAny(got, "\x1b\u009b") {
			t.Errorf("%s: %q lacks %q", verb, got, want)
		}
	}
}

// checkInspect compares both formats of inspect with what was signed.
func checkInspect(t *testing.T, reference, signature string) {
	t.Helper()
	tree := run(t, "", "inspect", reference).ok(t).stdout
	for _, line := range []string{"Inspecting all signatures for signed artifact\n" + reference + "\n", "    └── " + signature, "├── signature algorithm: RSASSA-PSS-SHA-384", "│   └── buildId: 101"} {
		if !strings.Contains(tree, line) {
			t.Errorf("inspect lacks %q:\n%s", line, tree)
		}
	}
	var document struct {
		MediaType  string
		Signatures []struct {
			Digest                string
			UserDefinedAttributes map[string]string
			SignedArtifact        struct{ Digest string }
		}
	}
	if err := json.Unmarshal([]byte(run(t, "", "inspect", "-o", "json", reference).ok(t).stdout), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Signatures) != 1 || document.Signatures[0].Digest != signature || document.Signatures[0].UserDefinedAttributes["buildId"] != "101" ||
		!strings.HasSuffix(reference, document.Signatures[0].SignedArtifact.Digest) {
		t.Errorf("inspect: %+v", document)
	}
}

func TestVerifySaysWhyAtEveryLevel(t *testing.T) {
	notation := home(t)
	host, digest, password := service(t)
	localKey(t, notation, "local")
	login := func() {
		t.Setenv("NOTATION_USERNAME", "AWS")
		t.Setenv("NOTATION_PASSWORD", password)
	}
	login()
	reference := host + "/app@" + digest
	run(t, "", "sign", reference).ok(t)
	stranger := testhelper.GetRSASelfSignedSigningCertTuple("Stranger").Cert

	trust(t, notation, "strict", stranger)
	login()
	run(t, "", "verify", reference).fails(t, "is not valid (signed by", "authenticity (enforce): the signature's certificate chain does not contain any trusted certificate",
		"Error: signature verification failed for all the signatures associated with "+reference)
	trust(t, notation, "audit", stranger)
	login()
	got := run(t, "", "verify", host+"/app:v1").ok(t).says(t, "Warning: Always verify the artifact using digest", `Warning: authenticity was set to "log" and failed with error: `)
	if got.stdout != "\nSuccessfully verified signature for "+reference+"\n" {
		t.Errorf("audit: %q", got.stdout)
	}
	trust(t, notation, "skip", stranger)
	login()
	if got := run(t, "", "verify", reference).ok(t); got.stdout != "Trust policy is configured to skip signature verification for "+reference+"\n" {
		t.Errorf("skip: %q", got.stdout)
	}
	if os.Getenv("NOTATION_PASSWORD") != "" {
		t.Error("the password is still in the environment, where plugins could read it")
	}
}

func TestCommandLinesAreRefusedAsNotationDoes(t *testing.T) {
	home(t)
	const reference = "localhost:1/app@sha256:9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0"
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"sign"}, "missing reference to the artifact"},
		{[]string{"sign", "--id", "x", reference}, "they must all be set; missing [plugin]"},
		{[]string{"sign", "--plugin", "x", reference}, "they must all be set; missing [id]"},
		{[]string{"sign", "--key", "k", "--plugin", "x", "--id", "y", reference}, "none of the others can be"},
		{[]string{"sign", "--key", "missing", reference}, "signing key missing not found"},
		{[]string{"sign", reference}, "default signing key not set"},
		{[]string{"sign", "--plugin", "other", "--id", "y", reference}, "plugin executable file is either not found"},
		{[]string{"sign", "--plugin", "com.amazonaws.signer.notation.plugin", "--id", "y", "--signature-format", "xml", reference}, `signature format "xml" not supported`},
		{[]string{"sign", "--plugin", "com.amazonaws.signer.notation.plugin", "--id", "y", "--user-metadata", "a", reference}, "could not parse flag user-metadata"},
		{[]string{"sign", "--timestamp-url", "http://localhost:1", reference}, "missing [timestamp-root-cert]"},
		{[]string{"sign", "--oci-layout", "x:v1"}, "is experimental and not enabled by default"},
		{[]string{"list", "--max-signatures", "0", reference}, "must be a positive number"},
		{[]string{"list", "app"}, "Expecting <registry>/<repository>:<tag>"},
		{[]string{"list", "localhost:1/app"}, "no tag or digest"},
		{[]string{"verify", reference}, "sealwright trust install --profile"},
		{[]string{"inspect", "-o", "xml", reference}, `invalid format: "xml"`},
		{[]string{"login"}, "no hostname specified"},
		{[]string{"logout"}, "no hostname specified"},
		{[]string{"plugin", "install", "x.zip"}, "notation plugin install"},
		{[]string{"nonsense"}, "unknown command"},
	} {
		run(t, "", tt.args...).fails(t, tt.want)
	}
}

func TestLoginKeepsOnlyWhatTheRegistryAccepts(t *testing.T) {
	home(t)
	host, _, password := service(t)
	run(t, "wrong", "login", "-u", "AWS", "--password-stdin", host).fails(t, "failed to log in to "+host)
	kept := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "sealwright", "credentials.json")
	if _, err := os.Stat(kept); err == nil {
		t.Error("a refused password was kept")
	}
	run(t, "AWS\n"+password+"\n", "login", host).ok(t).says(t, kept)
	run(t, "", "login", "-u", "AWS", "-p", password, host).ok(t).says(t, "can be read by every user")
	run(t, "AWS\n\n", "login", host).fails(t, "password required")
	run(t, "\n", "login", host).fails(t, "token required")
	run(t, "", "logout", host).ok(t)
	if strings.Contains(read(t, kept), password) {
		t.Error("the password is still there after logout")
	}
}

func TestContextEndsTheRoot(t *testing.T) {
	home(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	root := cli.New(cli.IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard})
	root.SetArgs([]string{"list", "-u", "AWS", "localhost:1/app:v1"})
	if err := root.ExecuteContext(ctx); err == nil {
		t.Error("a cancelled command succeeded")
	}
}

func TestContextEndsAPrompt(t *testing.T) {
	home(t)
	typed, nobody := io.Pipe()
	defer nobody.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	root := cli.New(cli.IO{In: typed, Out: io.Discard, Err: io.Discard})
	root.SetArgs([]string{"login", "-u", "AWS", "localhost:1"})
	if err := root.ExecuteContext(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
