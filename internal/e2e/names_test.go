package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/sealwright/sealwright/internal/peertest"
)

const publicName = "registry.example.test"

// TestThroughNginxWithTLS reaches the service under a public name, through a
// proxy that ends TLS, with the host prefixes that AWS clients add.
func TestThroughNginxWithTLS(t *testing.T) {
	nginx := peertest.Program(t, "nginx-light", "nginx", "/usr/sbin/nginx")
	listener := listenForNginx(t)
	port := listener.Addr().(*net.TCPAddr).Port
	public := fmt.Sprintf("https://%s:%d", publicName, port)
	s := start(t, t.TempDir(), "--public-url", public, "--trusted-proxy", "127.0.0.1")
	direct := s.directURL()
	pool := startNginx(t, nginx, listener, direct)
	web := &http.Client{Transport: &http.Transport{
		DialContext:     dialTo(fmt.Sprintf("127.0.0.1:%d", port)),
		TLSClientConfig: &tls.Config{RootCAs: pool},
	}}
	if err := awaitHealth(web, public); err != nil {
		t.Fatal(err)
	}

	configuration := s.aws()
	configuration.HTTPClient = web
	if s.url != public {
		t.Errorf("env gives %s, want the public URL %s", s.url, public)
	}
	testNames(t, configuration)

	client := ecr.NewFromConfig(configuration)
	created, err := client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimPrefix(public, "https://") + "/app"; *created.Repository.RepositoryUri != want {
		t.Errorf("repositoryUri %s, want %s", *created.Repository.RepositoryUri, want)
	}
	token, err := client.GetAuthorizationToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := *token.AuthorizationData[0].ProxyEndpoint; got != public {
		t.Errorf("proxyEndpoint %s, want %s", got, public)
	}
	decoded, err := base64.StdEncoding.DecodeString(*token.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		t.Fatal(err)
	}
	password := strings.TrimPrefix(string(decoded), "AWS:")
	pushThrough(t, web, strings.TrimPrefix(public, "https://"), password)
}

// testNames calls an operation under the plain name and one under a prefix.
func testNames(t *testing.T, configuration aws.Config) {
	t.Helper()
	client := signer.NewFromConfig(configuration)
	profile, err := client.PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{ProfileName: aws.String("names"), PlatformId: aws.String(platform)})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := client.SignPayload(t.Context(), signPayloadInput("names"))
	if err != nil {
		t.Fatal(err)
	}
	// The hashes are of no certificate of ours, so the job must read as revoked:
	// what matters here is that the call under the prefixed name is answered.
	status, err := client.GetRevocationStatus(t.Context(), &signer.GetRevocationStatusInput{
		PlatformId: aws.String(platform), ProfileVersionArn: profile.ProfileVersionArn,
		JobArn:             aws.String(fmt.Sprintf("arn:aws:signer:%s:%s:/signing-jobs/%s", region, account, *signed.JobId)),
		SignatureTimestamp: aws.Time(time.Now()), CertificateHashes: []string{strings.Repeat("0", 192)},
	})
	if err != nil {
		t.Fatalf("GetRevocationStatus under the prefixed name: %v", err)
	}
	if len(status.RevokedEntities) != 1 || !strings.HasSuffix(status.RevokedEntities[0], *signed.JobId) {
		t.Errorf("revoked: %v, want the job, since no such leaf signed it", status.RevokedEntities)
	}
}

func pushThrough(t *testing.T, web *http.Client, host, password string) {
	t.Helper()
	r, err := orasremote.NewRepository(host + "/app")
	if err != nil {
		t.Fatal(err)
	}
	r.Client = &auth.Client{Client: web, Credential: auth.StaticCredential(host, auth.Credential{Username: "AWS", Password: password})}
	blob := []byte(strings.Repeat("through the proxy ", 100_000))
	d := content.NewDescriptorFromBytes(ocispec.MediaTypeImageLayer, blob)
	if err := r.Push(t.Context(), d, strings.NewReader(string(blob))); err != nil {
		t.Fatal(err)
	}
	got, err := content.FetchAll(t.Context(), r, d)
	if err != nil || digest.FromBytes(got) != d.Digest {
		t.Errorf("the blob came back different: %v", err)
	}
}

// TestAsHTTPProxy lets a client that cannot resolve the prefixed name use the
// service itself as its proxy: requests come in absolute form.
func TestAsHTTPProxy(t *testing.T) {
	s := start(t, t.TempDir(), "--public-url", "http://signer.example.test")
	proxy, err := url.Parse(s.directURL())
	if err != nil {
		t.Fatal(err)
	}
	configuration := s.aws()
	configuration.HTTPClient = &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
	testNames(t, configuration)

	foreign := "http://elsewhere.example.test"
	configuration.BaseEndpoint = &foreign
	if _, err := signer.NewFromConfig(configuration).ListSigningPlatforms(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "421") {
		t.Errorf("a host that is not ours: %v, want 421", err)
	}
}

// directURL is where the process itself listens, whatever its public URL.
func (s *service) directURL() string { return "http://" + s.listening }

func dialTo(address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}

// listenForNginx takes a port that nobody else gets before nginx has it.
func listenForNginx(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

// startNginx ends TLS for the public name and its prefixed forms, and returns
// the certificates to trust. It gets the listener as a new nginx does from the one
// whose place it takes.
//
// Source: https://nginx.org/en/docs/control.html#upgrade
func startNginx(t *testing.T, nginx string, listener *net.TCPListener, backend string) *x509.CertPool {
	t.Helper()
	dir := t.TempDir()
	pool := makeCertificate(t, dir)
	configuration := fmt.Sprintf(`
daemon off; pid %[1]s/pid; error_log %[1]s/error.log; worker_processes 1;
events {}
http {
  access_log off; client_max_body_size 0; proxy_request_buffering off;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  server {
    listen %[2]s ssl;
    server_name .%[3]s data-%[3]s verification.%[3]s;
    ssl_certificate %[1]s/cert.pem; ssl_certificate_key %[1]s/key.pem;
    location / {
      proxy_pass %[4]s;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto https;
    }
  }
}`, dir, listener.Addr(), publicName, backend)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // from now on nginx alone has it
	defer socket.Close()
	command := exec.Command(nginx, "-c", file, "-e", filepath.Join(dir, "start.log"), "-p", dir)
	command.Env, command.ExtraFiles = append(os.Environ(), "NGINX=3;"), []*os.File{socket}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Signal(os.Interrupt)
		command.Wait()
	})
	return pool
}

// makeCertificate writes a certificate for the public name and its prefixes.
func makeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: publicName},
		DNSNames:  []string{publicName, "data-" + publicName, "verification." + publicName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, text := range map[string][]byte{"cert.pem": certificate, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return pool
}

// TestWhatToTypeNext types what the banner says, as it stands, where nothing is
// in its usual place.
func TestWhatToTypeNext(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "it's here"), "--key-file", filepath.Join(t.TempDir(), "the key"))
	out, err := exec.Command("sh", "-c", s.next+` && echo "$AWS_ENDPOINT_URL"`).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != s.url {
		t.Errorf("%s: %v, %s", s.next, err, out)
	}
}
