package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/config"
)

// Nobody may hold a connection by promising a body: neither where it is read nor
// where the request is refused without it.
func TestBodiesThatDoNotComeEndTheConnection(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"read": func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err == nil {
				t.Error("a body that never came was read to its end")
			}
		},
		"not read": func(http.ResponseWriter, *http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(timeBodies(50*time.Millisecond, handler))
			defer s.Close()
			c, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
			reader := bufio.NewReader(c)
			answer, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, answer.Body)
			if _, err := reader.ReadByte(); err == nil {
				t.Error("the connection says more than its answer")
			}
		})
	}
}

// A request after a long pause is no body that did not come.
func TestConnectionsOutliveTheirBodies(t *testing.T) {
	s := httptest.NewUnstartedServer(timeBodies(50*time.Millisecond, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	})))
	s.Config.IdleTimeout = config.Default().IdleTimeout // as in Run: with it the server sets its deadline anew
	s.Start()
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	reader := bufio.NewReader(c)
	for range 2 {
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(answer.Body); string(body) != "body" || err != nil {
			t.Errorf("%q, %v", body, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
