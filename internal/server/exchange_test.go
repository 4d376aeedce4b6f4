package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/internal/metrics"
)

// receiver notes whether a file comes to it as a file.
type receiver struct {
	*httptest.ResponseRecorder
	from     io.Reader
	deadline time.Time
}

func (r *receiver) ReadFrom(from io.Reader) (int64, error) {
	r.from = from
	return io.Copy(r.ResponseRecorder, from)
}

func (r *receiver) SetWriteDeadline(at time.Time) error {
	r.deadline = at
	return nil
}

// TestExchangeKeepsSendfile: a blob must reach the connection as the file it is,
// for the kernel to send it, and controllers must reach the connection.
func TestExchangeKeepsSendfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	below := &receiver{ResponseRecorder: httptest.NewRecorder()}
	x := &exchange{ResponseWriter: below}
	if n, err := io.CopyN(x, file, 7); n != 7 || err != nil {
		t.Fatal(n, err)
	}
	limited, ok := below.from.(*io.LimitedReader)
	if !ok || limited.R != io.Reader(file) {
		t.Errorf("the connection was given a %T, not the file", below.from)
	}
	if x.sent != 7 || x.status != http.StatusOK || below.Body.String() != "content" {
		t.Errorf("counted %d bytes, status %d, of %q", x.sent, x.status, below.Body)
	}
	if err := http.NewResponseController(x).SetWriteDeadline(time.Unix(1, 0)); err != nil || !below.deadline.Equal(time.Unix(1, 0)) {
		t.Errorf("a controller did not reach the connection: %v", err)
	}
}

// logged serves handler as the server would, answers one raw request, and
// returns the answer's status and the access log's lines.
func logged(t *testing.T, which, request string, handler http.HandlerFunc) (status int, lines []map[string]any) {
	t.Helper()
	var log bytes.Buffer
	s := &Server{metrics: metrics.New(), accessLog: accessLog{
		logger: slog.New(slog.NewJSONHandler(&log, nil)), which: which, sourceIP: proxies{}.sourceIP,
	}}
	web := httptest.NewUnstartedServer(s.observed(handler))
	web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	web.Start()
	c, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, request)
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil {
		status = answer.StatusCode
		io.Copy(io.Discard, answer.Body)
	}
	c.Close()
	web.Close() // waits until the line is written
	for line := range strings.Lines(log.String()) {
		var values map[string]any
		if err := json.Unmarshal([]byte(line), &values); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, values)
	}
	return status, lines
}

func TestAccessLogTellsOfARequest(t *testing.T) {
	_, lines := logged(t, "all", "POST /things/a%20b?X-Amz-Signature=hidden HTTP/1.1\r\nHost: x\r\nAuthorization: hidden\r\nCookie: hidden\r\nContent-Length: 5\r\n\r\nbytes",
		func(w http.ResponseWriter, r *http.Request) {
			note(w, "signer:PutThing", "")
			note(w, "signer:PutThing", "arn:aws:iam::111122223333:root")
			note(w, "signer:PutThing", "")
			io.Copy(io.Discard, r.Body)
			w.Header().Set("X-Amzn-RequestId", "an-id")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, "answer")
		})
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	for name, want := range map[string]any{
		"level": "INFO", "msg": "request", "operation": "signer:PutThing", "principal": "arn:aws:iam::111122223333:root", "sourceIp": "127.0.0.1",
		"method": "POST", "path": "/things/a b", "status": 201.0, "received": 5.0, "sent": 6.0, "requestId": "an-id", "aborted": nil,
	} {
		if got := lines[0][name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if seconds, ok := lines[0]["seconds"].(float64); !ok || seconds < 0 {
		t.Errorf("seconds: %v", lines[0]["seconds"])
	}
	for name, value := range lines[0] {
		if text, ok := value.(string); ok && strings.Contains(text, "hidden") {
			t.Errorf("%s shows what is hidden: %s", name, text)
		}
	}
}

func TestAccessLogSettings(t *testing.T) {
	answering := func(status int, operation string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			note(w, operation, "")
			w.WriteHeader(status)
		}
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	for _, tt := range []struct {
		name             string
		handler          http.HandlerFunc
		all, errors, off int
	}{
		{"good", answering(200, "x"), 1, 0, 0},
		{"redirect", answering(307, "x"), 1, 0, 0},
		{"mistake", answering(404, "x"), 1, 1, 0},
		{"failure", answering(500, "x"), 1, 1, 0},
		{"probe", answering(200, readyz), 0, 0, 0},
		{"failed probe", answering(503, readyz), 1, 1, 0},
		{"cut off", cut, 1, 1, 0},
	} {
		for which, want := range map[string]int{"all": tt.all, "errors": tt.errors, "off": tt.off} {
			_, lines := logged(t, which, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", tt.handler)
			if len(lines) != want {
				t.Errorf("%s with access-log %s: %d lines, want %d", tt.name, which, len(lines), want)
			}
			if len(lines) == 1 && (lines[0]["aborted"] == true) != (tt.name == "cut off") {
				t.Errorf("%s: aborted is %v", tt.name, lines[0]["aborted"])
			}
		}
	}
}

// TestRefusedBodyIsNotAskedFor: counting a body must not hide from net/http that
// the client waits for "100 Continue".
func TestRefusedBodyIsNotAskedFor(t *testing.T) {
	status, lines := logged(t, "all", "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	if status != http.StatusForbidden {
		t.Errorf("the first answer is %d: the client was asked for a body nobody wants", status)
	}
	if len(lines) != 1 || lines[0]["received"] != 0.0 {
		t.Errorf("%v", lines)
	}
}

// TestLogHoldsNoSecret goes through the signing procedure, and failures of
// authentication, with everything logged, and looks for each secret there was.
func TestLogHoldsNoSecret(t *testing.T) {
	c := settings(t)
	c.AccessLog = "all"
	log := &lockedBuilder{}
	s, err := Open(t.Context(), c, Options{Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	secrets := procedure(t, s)
	stop()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	for what, secret := range secrets {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds the %s", what)
		}
	}
	for _, want := range []string{"operation=signer:SignPayload principal=arn:aws:iam::111122223333:root", "operation=oci:startUpload", "operation=ecr:GetAuthorizationToken", "status=401", "status=403"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, log)
		}
	}
}

// procedure signs and pushes, fails to, and returns the secrets it used.
func procedure(t *testing.T, s *Server) map[string]string {
	t.Helper()
	root, err := s.RootCredentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	registry, signing := ecr.NewFromConfig(awsConfig(t, s)), signer.NewFromConfig(awsConfig(t, s))
	if _, err := registry.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	token, err := registry.GetAuthorizationToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	basic := *token.AuthorizationData[0].AuthorizationToken
	if _, err := signing.PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{ProfileName: aws.String("quiet"), PlatformId: aws.String("Notation-OCI-SHA384-ECDSA")}); err != nil {
		t.Fatal(err)
	}
	if _, err := signing.SignPayload(t.Context(), signPayload("quiet")); err != nil {
		t.Fatal(err)
	}
	send(t, registry, http.MethodPost, s.URL()+"/v2/app/blobs/uploads/?digest="+digestOf("x"), strings.NewReader("x"), 1)
	for _, path := range []string{"/v2/app/tags/list", "/signing-profiles?X-Amz-Signature=" + root.Secret} {
		r, err := http.NewRequest(http.MethodGet, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Basic "+basic[:len(basic)-8]+"AAAAAAAA")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	wrong := awsConfig(t, s)
	wrong.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: root.Secret[1:] + "x"}, nil
	})
	if _, err := signer.NewFromConfig(wrong).ListSigningProfiles(t.Context(), nil); err == nil {
		t.Error("a wrong secret was taken")
	}
	decoded, err := base64.StdEncoding.DecodeString(basic)
	if err != nil {
		t.Fatal(err)
	}
	password := strings.TrimPrefix(string(decoded), "AWS:")
	return map[string]string{"password": password[:40], "password's end": password[len(password)-40:], "root's secret": root.Secret, "registry token": basic[:40], "token's end": basic[len(basic)-40:]}
}
