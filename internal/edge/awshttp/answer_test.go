package awshttp_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

type bigOut struct {
	Text string `json:"text"`
}

// patient serves an operation with a large answer, and tells when each request
// was done with.
func patient(t *testing.T, patience time.Duration) (w *world, done chan struct{}) {
	t.Helper()
	s, root := newAccess(t)
	big := awshttp.Op("GetBig", "", awshttp.AnyResource, func(context.Context, *awshttp.Call, *nothing) (*bigOut, error) {
		return &bigOut{strings.Repeat("x", 16<<20)}, nil
	}).At("GET", "/big").AsPublic()
	small := awshttp.Op("GetSmall", "", awshttp.AnyResource, func(context.Context, *awshttp.Call, *nothing) (*bigOut, error) {
		return &bigOut{"x"}, nil
	}).At("GET", "/small").AsPublic()
	h, err := awshttp.New(awshttp.Options{Authenticator: s, Authorizer: s, Region: region, Logger: slog.New(slog.DiscardHandler), Patience: patience},
		awshttp.Service{SigningName: "signer", Protocol: awshttp.RESTJSON, Operations: []awshttp.Operation{big, small}})
	if err != nil {
		t.Fatal(err)
	}
	done = make(chan struct{}, 10)
	w = &world{Root: root, Server: httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(rw, r)
		done <- struct{}{}
	}))}
	t.Cleanup(w.Close)
	return w, done
}

// TestWhoDoesNotReadIsLeft: a client that takes nothing of its answer must not
// keep it in memory for good.
func TestWhoDoesNotReadIsLeft(t *testing.T) {
	w, done := patient(t, 300*time.Millisecond)
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the handler still waits for a client that does not read")
	}
}

// TestPatienceIsForOneAnswer: a connection lives on after the time of its first
// answer.
func TestPatienceIsForOneAnswer(t *testing.T) {
	const patience = time.Second
	w, _ := patient(t, patience)
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(conn)
	for n := range 2 {
		time.Sleep(time.Duration(n) * patience * 5 / 4)
		if _, err := io.WriteString(conn, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(in, nil)
		if err != nil || response.StatusCode != 200 {
			t.Fatal(response, err)
		}
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != `{"text":"x"}` {
			t.Fatal(string(body), err)
		}
	}
}

// TestPanicsDoNotFillTheLog: whoever found a request that panics can send it
// again and again.
func TestPanicsDoNotFillTheLog(t *testing.T) {
	w := newWorld(t, (&toy{}).signer())
	for range 3 {
		q := goodRequest()
		q.body = strings.Replace(goodBody, "good", "panics", 1)
		if a := send(t, w.sign(t, q)); !carries(a, 500, "InternalServiceErrorException") || strings.Contains(a.body, "secret") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	log := w.Log.String()
	if stacks, panics := strings.Count(log, "runtime/debug.Stack()"), strings.Count(log, "panic: a secret detail"); stacks != 1 || panics != 3 {
		t.Errorf("%d stacks of %d panics are in the log, want 1 of 3: %s", stacks, panics, log)
	}
}
