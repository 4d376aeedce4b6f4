package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sealwright/sealwright/internal/config"
	"github.com/sealwright/sealwright/internal/peertest"
)

// settings are those of a test: a directory of its own, a free port.
func settings(t testing.TB) config.Config {
	c := config.Default()
	c.Data = filepath.Join(t.TempDir(), "data")
	c.Listen = "localhost:0"
	return c
}

func open(t testing.TB, c config.Config) (*Server, error) {
	t.Helper()
	return Open(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler)})
}

// run serves until the test ends, or until the returned function, which insists
// on a graceful stop, is called.
func run(t testing.TB, c config.Config) (s *Server, stop func()) {
	t.Helper()
	s, err := open(t, c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	stop = func() {
		t.Helper()
		if cancel(); stopped != nil {
			if err := <-stopped; err != nil {
				t.Errorf("stop: %v", err)
			}
			stopped = nil
		}
	}
	t.Cleanup(stop)
	return s, stop
}

func awsConfig(t testing.TB, s *Server) aws.Config {
	t.Helper()
	root, err := s.RootCredentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(s.URL()),
		Credentials: credentials.NewStaticCredentialsProvider(root.AccessKeyID, root.Secret, ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient:  peertest.SDKClient(),
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestBothLoopbackFamiliesAnswer(t *testing.T) {
	s, _ := run(t, settings(t))
	_, port, err := net.SplitHostPort(s.Address())
	if err != nil {
		t.Fatal(err)
	}
	hosts := []string{"localhost", "127.0.0.1"}
	if len(s.listeners) == 2 {
		hosts = append(hosts, "[::1]")
	}
	for _, host := range hosts {
		if code, body := get(t, "http://"+host+":"+port+"/healthz"); code != http.StatusOK || body != "ok\n" {
			t.Errorf("%s: %d %q", host, code, body)
		}
	}
}

func TestEveryKindOfAnswerHasADate(t *testing.T) {
	s, _ := run(t, settings(t))
	for _, path := range []string{"/healthz", "/sealwright/root.pem", "/v2/", "/signing-profiles", "/nowhere"} {
		response, err := http.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.Header.Get("Date") == "" {
			t.Errorf("%s: no Date, which clients set their clocks by", path)
		}
	}
}

// TestStolenLeafKey signs, with a leaf key taken out of the service, an envelope
// for a job that never was, and one that claims another's job. Neither is good.
func TestStolenLeafKey(t *testing.T) {
	s, _ := run(t, settings(t))
	client := signer.NewFromConfig(awsConfig(t, s))
	profile, err := client.PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{ProfileName: aws.String("stolen"), PlatformId: aws.String("Notation-OCI-SHA384-ECDSA")})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := s.authority.Leaf(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cas, err := s.records.Authority().Authorities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(job string, at time.Time) []string {
		t.Helper()
		out, err := client.GetRevocationStatus(t.Context(), &signer.GetRevocationStatusInput{
			PlatformId: aws.String("Notation-OCI-SHA384-ECDSA"), ProfileVersionArn: profile.ProfileVersionArn, JobArn: &job, SignatureTimestamp: &at,
			CertificateHashes: []string{leaf.Hash, cas.CAs[1].Hash, cas.CAs[0].Hash},
		}, withoutPrefix(s))
		if err != nil {
			t.Fatal(err)
		}
		return out.RevokedEntities
	}
	const jobs = "arn:aws:signer:us-east-1:111122223333:/signing-jobs/"
	signed, err := client.SignPayload(t.Context(), signPayload("stolen"))
	if err != nil {
		t.Fatal(err)
	}
	job, err := client.DescribeSigningJob(t.Context(), &signer.DescribeSigningJobInput{JobId: signed.JobId})
	if err != nil {
		t.Fatal(err)
	}
	real, at := jobs+*signed.JobId, job.CreatedAt.Truncate(time.Second)
	if revoked := ask(real, at); len(revoked) != 0 {
		t.Errorf("the job that was: revoked %v", revoked)
	}
	if revoked := ask(real, at.Add(time.Second)); len(revoked) != 1 || revoked[0] != real {
		t.Errorf("its job at another second: revoked %v", revoked)
	}
	never := jobs + "00000000-0000-4000-8000-000000000000"
	if revoked := ask(never, at); len(revoked) != 1 || revoked[0] != never {
		t.Errorf("a job that never was: revoked %v", revoked)
	}
}

// signPayload asks for a signature under a profile.
func signPayload(profile string) *signer.SignPayloadInput {
	return &signer.SignPayloadInput{
		ProfileName: &profile, PayloadFormat: aws.String("application/vnd.cncf.notary.payload.v1+json"),
		Payload: fmt.Appendf(nil, `{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%064x","size":1}}`, 1),
	}
}

// digestOf is the digest of a small blob.
func digestOf(blob string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(blob))) }

// withoutPrefix reaches the service at the address of its listener, whatever
// prefix the SDK puts before the host, which need not resolve.
func withoutPrefix(s *Server) func(*signer.Options) {
	return func(o *signer.Options) {
		o.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.listeners[0].Addr().String())
		}}}
	}
}

// TestRequestInFlightFinishes stops the service while a blob is half way, and
// finds the blob when the service is back.
func TestRequestInFlightFinishes(t *testing.T) {
	c := settings(t)
	s, stop := run(t, c)
	client := ecr.NewFromConfig(awsConfig(t, s))
	if _, err := client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	blob := strings.Repeat("in flight ", 20_000)
	reader, writer := io.Pipe()
	path := fmt.Sprintf("/v2/app/blobs/uploads/?digest=sha256:%x", sha256.Sum256([]byte(blob)))
	answered := make(chan int, 1)
	go func() { answered <- send(t, client, http.MethodPost, s.URL()+path, reader, int64(len(blob))) }()
	if _, err := io.WriteString(writer, blob[:len(blob)/2]); err != nil {
		t.Fatal(err)
	}
	awaitBytes(t, filepath.Join(c.Data, "uploads"))
	go func() {
		time.Sleep(100 * time.Millisecond) // while it stops
		io.WriteString(writer, blob[len(blob)/2:])
		writer.Close()
	}()
	stop()
	if code := <-answered; code != http.StatusCreated {
		t.Fatalf("the push in flight got %d", code)
	}
	s, _ = run(t, c)
	client = ecr.NewFromConfig(awsConfig(t, s))
	path = fmt.Sprintf("/v2/app/blobs/sha256:%x", sha256.Sum256([]byte(blob)))
	if code := send(t, client, http.MethodHead, s.URL()+path, nil, 0); code != http.StatusOK {
		t.Errorf("after the restart the blob got %d", code)
	}
}

// awaitBytes waits until a file in dir has content.
func awaitBytes(t *testing.T, dir string) {
	t.Helper()
	for range 6000 { // a minute
		found := false
		filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				info, err := entry.Info()
				found = found || err == nil && info.Size() > 0
			}
			return nil
		})
		if found {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("nothing arrives in %s", dir)
}

// send makes a registry request with a token that client gets, and returns the
// status; 0 when there was none.
func send(t *testing.T, client *ecr.Client, method, url string, body io.Reader, size int64) int {
	token, err := client.GetAuthorizationToken(t.Context(), nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Error(err)
		return 0
	}
	request.ContentLength = size
	request.Header.Set("Authorization", "Basic "+*token.AuthorizationData[0].AuthorizationToken)
	request.Header.Set("Content-Type", "application/octet-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Error(err)
	}
	return response.StatusCode
}

func TestIdentityCannotChange(t *testing.T) {
	c := settings(t)
	_, stop := run(t, c)
	stop()
	for name, change := range map[string]func(*config.Config){
		"account": func(c *config.Config) { c.Account = "999999999999" },
		"region":  func(c *config.Config) { c.Region = "eu-west-1" },
	} {
		other := c
		change(&other)
		if _, err := open(t, other); err == nil || !strings.Contains(err.Error(), "account 111122223333 in us-east-1") {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestLostRecordsAreNotMadeAnew(t *testing.T) {
	c := settings(t)
	_, stop := run(t, c)
	stop()
	for _, name := range []string{"records.db", "records.db-wal", "records.db-shm"} {
		if err := os.Remove(filepath.Join(c.Data, name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "Restore the database") {
		t.Errorf("got %v", err)
	}
}

func TestPortInUseNamesListen(t *testing.T) {
	s, _ := run(t, settings(t))
	for _, host := range []string{"localhost", "127.0.0.1"} {
		c := settings(t)
		_, port, _ := net.SplitHostPort(s.Address())
		c.Listen = net.JoinHostPort(host, port)
		if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "--listen") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestSecondServeIsRefused(t *testing.T) {
	c := settings(t)
	run(t, c)
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "another process is serving") {
		t.Errorf("got %v", err)
	}
}

func TestServesTLSFromFiles(t *testing.T) {
	c := settings(t)
	pool := certificate(t, &c)
	c.AdminListen = "localhost:0"
	s, _ := run(t, c)
	configuration := awsConfig(t, s)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	configuration.HTTPClient = client
	if !strings.HasPrefix(s.URL(), "https://") {
		t.Errorf("URL %s", s.URL())
	}
	who, err := sts.NewFromConfig(configuration).GetCallerIdentity(t.Context(), nil)
	if err != nil || *who.Account != "111122223333" {
		t.Errorf("GetCallerIdentity: %v, %v", who, err)
	}
	response, err := client.Get(s.AdminURL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(metrics), fmt.Sprintf("\nsealwright_tls_certificate_end_seconds %g\n", float64(s.certificate.ends().Unix()))) {
		t.Errorf("the metrics do not tell when the certificate ends: %v", err)
	}
	c.TLSKey = c.TLSCert
	c.Data = filepath.Join(t.TempDir(), "other")
	if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), "tls-cert and tls-key") {
		t.Errorf("a key that is none: %v", err)
	}
}

// certificate makes files for localhost and names them in c.
func certificate(t *testing.T, c *config.Config) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c.TLSCert, c.TLSKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, text := range map[string][]byte{c.TLSCert: chain, c.TLSKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(chain)
	return pool
}
