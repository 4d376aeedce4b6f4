package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/sealwright/sealwright/internal/config"
)

// replace puts another pair into the files that c names.
func replace(t *testing.T, c config.Config) *x509.CertPool {
	t.Helper()
	other := c
	pool := certificate(t, &other)
	for from, to := range map[string]string{other.TLSCert: c.TLSCert, other.TLSKey: c.TLSKey} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}

// watched is a pair whose watcher the test takes the place of.
func watched(t *testing.T) (c config.Config, k *keyPair, log *strings.Builder, told *[]error) {
	t.Helper()
	certificate(t, &c)
	log, told = &strings.Builder{}, &[]error{}
	k = &keyPair{
		certFile: c.TLSCert, keyFile: c.TLSKey, now: time.Now, logger: slog.New(slog.NewTextHandler(log, nil)),
		told: func(err error) { *told = append(*told, err) },
	}
	if err := k.open(); err != nil {
		t.Fatal(err)
	}
	return c, k, log, told
}

func TestChangedPairIsTaken(t *testing.T) {
	c, k, _, told := watched(t)
	first := k.current.Load()
	k.step(false)
	if k.current.Load() != first || len(*told) != 0 {
		t.Error("files that did not change were read again")
	}
	replace(t, c)
	k.step(false)
	if k.current.Load() == first || len(*told) != 1 || (*told)[0] != nil {
		t.Errorf("the new pair was not taken: %v", *told)
	}
	second := k.current.Load()
	k.step(true)
	if k.current.Load() == second || len(*told) != 2 {
		t.Error("the files were not read again when somebody asked")
	}
}

// TestBadPairIsRefused: of every kind that there may be in the files, the pair
// from before stays, the log says so once, and a good one is then taken.
func TestBadPairIsRefused(t *testing.T) {
	write := func(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
	for name, spoil := range map[string]func(c config.Config, k *keyPair) error{
		"no PEM": func(c config.Config, _ *keyPair) error { return write(c.TLSCert, "not a certificate") },
		"empty":  func(c config.Config, _ *keyPair) error { return write(c.TLSKey, "") },
		"gone":   func(c config.Config, _ *keyPair) error { return os.Remove(c.TLSCert) },
		"half": func(c config.Config, _ *keyPair) error {
			other := c
			certificate(t, &other)
			return os.Rename(other.TLSCert, c.TLSCert)
		},
		"has expired": func(c config.Config, k *keyPair) error {
			replace(t, c)
			k.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
			return nil
		},
		"is not valid yet": func(c config.Config, k *keyPair) error {
			replace(t, c)
			k.now = func() time.Time { return time.Now().Add(-2 * time.Hour) }
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, k, log, told := watched(t)
			first := k.current.Load()
			if err := spoil(c, k); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				k.step(false)
			}
			if k.current.Load() != first {
				t.Error("a bad pair was taken")
			}
			if len(*told) != 1 || (*told)[0] == nil || strings.Count(log.String(), "level=ERROR") != 1 {
				t.Errorf("told %v, logged\n%s", *told, log)
			}
			if strings.Contains(log.String(), "PRIVATE") {
				t.Errorf("the log shows a key:\n%s", log)
			}
			k.now = time.Now
			replace(t, c)
			if k.step(false); k.current.Load() == first || len(*told) != 2 || (*told)[1] != nil {
				t.Errorf("the good pair that followed was not taken: %v", *told)
			}
		})
	}
}

// TestReloadDropsNoConnection asks for another certificate while a download
// runs: it goes on to its end, and new connections get the new certificate.
func TestReloadDropsNoConnection(t *testing.T) {
	c := settings(t)
	old := certificate(t, &c)
	reload := make(chan os.Signal, 1)
	log := &lockedBuilder{}
	s, err := Open(t.Context(), c, Options{Logger: slog.New(slog.NewTextHandler(log, nil)), Reload: reload})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	defer func() {
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	}()
	blob := strings.Repeat("0123456789abcdef", 1<<20) // beyond what the sockets hold
	authorization := pushOverTLS(t, s, old, blob)
	connection := dial(t, s, old)
	defer connection.Close()
	if err := requestBlob(connection, blob, authorization); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	current := replace(t, c)
	reload <- syscall.SIGHUP
	for !strings.Contains(log.String(), "serving with the certificate as it is in the files now") {
		time.Sleep(time.Millisecond)
	}
	if _, err := tls.Dial("tcp", s.Address(), &tls.Config{RootCAs: old, ServerName: "localhost"}); err == nil {
		t.Error("a new connection was given the old certificate")
	}
	dial(t, s, current).Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil || string(got) != blob {
		t.Errorf("the download ended after %d of %d bytes: %v", len(got), len(blob), err)
	}
}

// pushOverTLS makes a repository and a blob in it, and returns the
// Authorization that reads it.
func pushOverTLS(t *testing.T, s *Server, roots *x509.CertPool, blob string) string {
	t.Helper()
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer web.CloseIdleConnections()
	configuration := awsConfig(t, s)
	configuration.HTTPClient = web
	client := ecr.NewFromConfig(configuration)
	name := "app"
	_, err := client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name})
	if err != nil {
		t.Fatal(err)
	}
	token, err := client.GetAuthorizationToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	authorization := "Basic " + *token.AuthorizationData[0].AuthorizationToken
	r, err := http.NewRequest(http.MethodPost, s.URL()+"/v2/app/blobs/uploads/?digest="+digestOf(blob), strings.NewReader(blob))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Content-Type", "application/octet-stream")
	response, err := web.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("push: %s", response.Status)
	}
	return authorization
}

// dial connects to s, which must have a certificate of roots. (The server would
// wait for a connection that is left open and unused.)
func dial(t *testing.T, s *Server, roots *x509.CertPool) net.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", s.Address(), &tls.Config{RootCAs: roots, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func requestBlob(c net.Conn, blob, authorization string) error {
	_, err := io.WriteString(c, "GET /v2/app/blobs/"+digestOf(blob)+" HTTP/1.1\r\nHost: localhost\r\nAuthorization: "+authorization+"\r\n\r\n")
	return err
}

// lockedBuilder is a log that several goroutines write.
type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
