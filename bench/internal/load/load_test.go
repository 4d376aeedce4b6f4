package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serve starts a server and returns its address.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func dial(t *testing.T, address string) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Location", "/made/"+r.URL.RawQuery)
	w.Header().Set("Link", "</next>; rel=\"next\"")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL.Path, r.Header.Get("X-Test"), body)
}

func TestConnExchangesSeveralRequests(t *testing.T) {
	address := serve(t, echo)
	c := dial(t, address)
	for i := range 3 {
		body := fmt.Sprintf("body %d", i)
		a, err := c.Expect(201, Make("PUT", fmt.Sprintf("/path?n=%d", i), address, []byte(body), "X-Test: yes"))
		if err != nil {
			t.Fatal(err)
		}
		if want := "PUT /path yes " + body; string(a.Body) != want || a.Size != int64(len(want)) {
			t.Errorf("body %q of %d bytes, want %q", a.Body, a.Size, want)
		}
		if want := `</next>; rel="next"`; a.Link != want {
			t.Errorf("Link %q, want %q", a.Link, want)
		}
		if want := fmt.Sprintf("/made/n=%d", i); a.Location != want {
			t.Errorf("Location %q, want %q", a.Location, want)
		}
	}
}

func TestConnReadsChunksAndKeepsItsPlace(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			io.WriteString(w, strings.Repeat("x", 10_000))
			w.(http.Flusher).Flush()
		}
	})
	c := dial(t, address)
	for range 2 {
		a, err := c.Expect(200, Make("GET", "/", address, nil))
		if err != nil || a.Size != 30_000 {
			t.Fatalf("%d bytes, %v", a.Size, err)
		}
	}
}

func TestConnKnowsWhichAnswersHaveNoBody(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/none" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Length", "5")
		io.WriteString(w, "hello")
	})
	c := dial(t, address)
	for _, r := range []Request{Make("HEAD", "/", address, nil), Make("GET", "/none", address, nil)} {
		if a, err := c.Do(r); err != nil || a.Size != 0 {
			t.Fatalf("%d bytes, %v", a.Size, err)
		}
	}
	if a, err := c.Expect(200, Make("GET", "/", address, nil)); err != nil || string(a.Body) != "hello" {
		t.Fatalf("%q, %v", a.Body, err)
	}
}

func TestDrainCountsALongBody(t *testing.T) {
	const size = 40 << 20
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		piece := make([]byte, 1<<20)
		for range size >> 20 {
			w.Write(piece)
		}
	})
	c := dial(t, address)
	if a, err := c.Drain(Make("GET", "/", address, nil)); err != nil || a.Size != size || a.Status != 200 {
		t.Fatalf("status %d, %d bytes, %v", a.Status, a.Size, err)
	}
	if _, err := c.Do(Make("GET", "/", address, nil)); err == nil {
		t.Error("Do kept a body that is longer than it may be")
	}
}

func TestExpectNamesTheRequestAndTheAnswer(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no such thing", 404) })
	_, err := dial(t, address).Expect(200, Make("GET", "/thing", address, nil))
	if err == nil || !strings.Contains(err.Error(), "GET /thing") || !strings.Contains(err.Error(), "404") || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("the error is %v", err)
	}
}

func TestConnRefusesWhatIsNotAWholeAnswer(t *testing.T) {
	for name, answer := range map[string]string{
		"another protocol": "SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"no length":        "HTTP/1.1 200 OK\r\n\r\nhello",
		"bad length":       "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
		"cut head":         "HTTP/1.1 200 OK\r\nContent-Le",
		"nothing":          "",
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				if c, err := l.Accept(); err == nil {
					c.Read(make([]byte, 1000))
					io.WriteString(c, answer)
					c.Close()
				}
			}()
			if a, err := dial(t, l.Addr().String()).Do(Make("GET", "/", "h", nil)); err == nil {
				t.Errorf("accepted as status %d", a.Status)
			}
		})
	}
}

func TestTarget(t *testing.T) {
	for location, want := range map[string]string{
		"/v2/a?b=c":                     "/v2/a?b=c",
		"http://localhost:5000/v2/?x=/": "/v2/?x=/",
		"http://localhost:5000":         "/",
	} {
		if got := Target(location); got != want {
			t.Errorf("%s: %q, want %q", location, got, want)
		}
	}
}

func TestMakeSaysHowLongABodyIs(t *testing.T) {
	if r := Make("POST", "/", "h", nil); !bytes.Contains(r, []byte("Content-Length: 0\r\n")) {
		t.Errorf("an empty POST is %q", r)
	}
	if r := Make("GET", "/", "h", nil); bytes.Contains(r, []byte("Content-Length")) {
		t.Errorf("a GET is %q", r)
	}
}

func TestRunDoesEachOperationOnce(t *testing.T) {
	address := serve(t, echo)
	var seen [500]atomic.Int32
	result, err := Run(t.Context(), Plan{Address: address, Connections: 8, Count: len(seen), Do: func(c *Conn, n int) error {
		seen[n].Add(1)
		_, err := c.Expect(201, Make("GET", "/", address, nil))
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range seen {
		if seen[n].Load() != 1 {
			t.Fatalf("operation %d was done %d times", n, seen[n].Load())
		}
	}
	if result.Operations != len(seen) || result.Rate() <= 0 || result.Latency(0.5) <= 0 || result.Latency(0.5) > result.Latency(1) {
		t.Errorf("result %+v", result.Operations)
	}
}

func TestRunStopsWhenTheTimeIsUp(t *testing.T) {
	address := serve(t, echo)
	const long = 300 * time.Millisecond // enough for one operation, whatever else the machine does
	result, err := Run(t.Context(), Plan{Address: address, Connections: 2, Duration: long, Do: func(c *Conn, n int) error {
		_, err := c.Expect(201, Make("GET", "/", address, nil))
		return err
	}})
	if err != nil || result.Operations == 0 || result.Elapsed < long {
		t.Errorf("%d operations in %s, %v", result.Operations, result.Elapsed, err)
	}
}

func TestRunFailsWithTheFirstError(t *testing.T) {
	address := serve(t, echo)
	broken := errors.New("broken")
	result, err := Run(t.Context(), Plan{Address: address, Connections: 4, Count: 1000, Do: func(c *Conn, n int) error {
		if n == 10 {
			return broken
		}
		_, err := c.Expect(201, Make("GET", "/", address, nil))
		return err
	}})
	if !errors.Is(err, broken) || result.Operations != 0 {
		t.Errorf("%d operations, %v", result.Operations, err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := serve(t, echo)
	_, err := Run(ctx, Plan{Address: address, Connections: 1, Duration: time.Hour, Do: func(c *Conn, n int) error {
		if n == 5 {
			cancel()
		}
		_, err := c.Expect(201, Make("GET", "/", address, nil))
		return err
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRunNeedsAServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := Run(t.Context(), Plan{Address: l.Addr().String(), Connections: 3, Count: 1}); err == nil {
		t.Error("a loop ran without a server")
	}
}

// numbered are requests whose path is their number.
func numbered(address string) func(int) Request {
	return func(n int) Request { return Make("GET", fmt.Sprintf("/%d", n), address, nil) }
}

func wantCreated(a Answer) error {
	if a.Status != 201 {
		return fmt.Errorf("status %d", a.Status)
	}
	return nil
}

// TestPaceKeepsTime: however quick the server is, no request comes before it is due,
// each comes once, and those that had to wait for a connection took as long as they
// waited.
func TestPaceKeepsTime(t *testing.T) {
	const rate, count = 500, 50
	begun := time.Now()
	var seen [count]atomic.Int32
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Path[1:])
		seen[n].Add(1)
		if since := time.Since(begun); since < time.Duration(n)*time.Second/rate {
			t.Errorf("request %d came after %s", n, since)
		}
		if n == 10 || n == 11 { // on both connections
			time.Sleep(20 * time.Millisecond)
		}
		echo(w, r)
	})
	result, err := Pace{Address: address, Connections: 2, Duration: count * time.Second / rate, Rate: rate, Request: numbered(address), Check: wantCreated}.Run(t.Context())
	if err != nil || result.Operations != count {
		t.Fatal(result.Operations, err)
	}
	for n := range seen {
		if seen[n].Load() != 1 {
			t.Errorf("request %d came %d times", n, seen[n].Load())
		}
	}
	if slow := result.Latency(0.9); slow < 0.005 {
		t.Errorf("those that waited for a connection took %f s", slow)
	}
}

// TestLateIsTheClientsDelay: that there was no connection before is the server's delay,
// and that nobody used one is the client's, as far as the request was due.
func TestLateIsTheClientsDelay(t *testing.T) {
	address, now := serve(t, echo), time.Now()
	for _, c := range []struct {
		due, freed time.Duration // ago
		least      time.Duration
	}{
		{3 * time.Hour, time.Minute, time.Minute},
		{3 * time.Hour, 5 * time.Hour, 3 * time.Hour},
		{time.Minute, 2 * time.Hour, time.Minute},
	} {
		conn, err := dialRaw(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		p := &pacer{Pace: Pace{Rate: 1, Request: numbered(address)}, start: now.Add(-c.due), freed: now.Add(-c.freed), idle: []*Conn{conn}}
		if err := p.send(); err != nil {
			t.Fatal(err)
		}
		if late := p.late[0]; late < c.least || late > c.least+time.Hour {
			t.Errorf("due %s ago, with a connection since %s: %s late", c.due, c.freed, late)
		}
	}
}

func TestPaceEndsWithItsContextAndWithErrors(t *testing.T) {
	address := serve(t, echo)
	broken := errors.New("broken")
	ctx, cancel := context.WithCancel(t.Context())
	for _, c := range []struct {
		name  string
		check func(Answer) error
		want  error
	}{
		{"an answer that is wrong", func(Answer) error { return broken }, broken},
		{"the end of its context", func(Answer) error { cancel(); return nil }, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Pace{Address: address, Connections: 3, Duration: time.Hour, Rate: 1000, Request: numbered(address), Check: c.check}
			if _, err := p.Run(ctx); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// TestPaceLeavesConnectionsToTheirOwner: in whatever order they are used, each is
// closed once.
func TestPaceLeavesConnectionsToTheirOwner(t *testing.T) {
	second, first := make(chan struct{}), make(chan struct{})
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/0":
			<-second
			echo(w, r)
			w.(http.Flusher).Flush()
			close(first)
		case "/1":
			close(second)
			<-first
			echo(w, r)
		}
	})
	conns, err := dialAll(t.Context(), address, 2, dialRaw)
	defer closeAll(slices.Clone(conns))
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(conns)
	if _, err := (Pace{Duration: 20 * time.Millisecond, Rate: 100, Request: numbered(address), Check: wantCreated}).run(t.Context(), conns); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(conns, before) {
		t.Errorf("connections %v became %v", before, conns)
	}
}

// TestPaceNoticesAServerThatIsSilent: an answer that never begins is not waited for
// for ever.
func TestPaceNoticesAServerThatIsSilent(t *testing.T) {
	address := serve(t, echo)
	conn, err := dialRaw(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for ago, want := range map[time.Duration]error{answerTimeout / 2: nil, 2 * answerTimeout: os.ErrDeadlineExceeded} {
		p := &pacer{busy: []awaited{{conn, time.Now().Add(-ago)}}, polled: make([]unix.PollFd, 1)}
		if err := p.receive(); !errors.Is(err, want) {
			t.Errorf("no answer for %s: %v", ago, err)
		}
	}
}

func TestPaceNoticesAServerThatHangsUp(t *testing.T) {
	address := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	p := Pace{Address: address, Connections: 1, Duration: time.Hour, Rate: 100, Request: numbered(address), Check: wantCreated}
	if _, err := p.Run(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}
