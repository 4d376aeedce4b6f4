package audit_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/journal"
)

var syslogHeader = regexp.MustCompile(`^<(\d+)>1 2026-11-25T10:00:00\.000123Z \S+ sealwright \d+ audit - (\{.*\})$`)

func checkMessage(t *testing.T, message string, priority string, p journal.Position) {
	t.Helper()
	parts := syslogHeader.FindStringSubmatch(message)
	if parts == nil || parts[1] != priority {
		t.Fatalf("not a message of RFC 5424 with priority %s: %q", priority, message)
	}
	if r, err := audit.ParseLine([]byte(parts[2])); err != nil || r.JournalPosition != p {
		t.Fatalf("%q: %+v, %v", message, r, err)
	}
}

func newSyslog(t *testing.T, address string) *audit.Syslog {
	t.Helper()
	s, err := audit.NewSyslog(address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSyslogDatagrams(t *testing.T) {
	dir, err := os.MkdirTemp("", "") // short, as paths of sockets must be
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, network := range []string{"udp", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			at, scheme := "127.0.0.1:0", "udp://"
			if network == "unixgram" {
				at, scheme = filepath.Join(dir, "log"), "unix://"
			}
			server, err := net.ListenPacket(network, at)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			s := newSyslog(t, scheme+server.LocalAddr().String())
			refused, long := entry(2), entry(3)
			refused.Outcome.ErrorCode = "AccessDenied"
			long.Detail = []byte(`"` + strings.Repeat("x", 9000) + `"`)
			if err := s.Deliver(ctx, []journal.Entry{entry(1), refused, long}); err != nil {
				t.Fatal(err)
			}
			buffer := make([]byte, 1<<16)
			for i, priority := range []string{"109", "108", "109"} {
				server.SetDeadline(time.Now().Add(20 * time.Second))
				n, _, err := server.ReadFrom(buffer)
				if err != nil {
					t.Fatal(err)
				}
				checkMessage(t, string(buffer[:n]), priority, journal.Position(i+1))
			}
		})
	}
}

// TestSyslogStream: octet counting, and a connection that the server ended is made
// anew before anything is sent into it.
func TestSyslogStream(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s := newSyslog(t, "tcp://"+server.Addr().String())
	for round := range 2 {
		p := journal.Position(2*round + 1)
		if err := s.Deliver(ctx, []journal.Entry{entry(p), entry(p + 1)}); err != nil {
			t.Fatal(err)
		}
		conn, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(conn)
		for i := range 2 {
			length, err := in.ReadString(' ')
			if err != nil {
				t.Fatal(err)
			}
			n, err := strconv.Atoi(strings.TrimSpace(length))
			message := make([]byte, n)
			if _, read := io.ReadFull(in, message); err != nil || read != nil {
				t.Fatal(err, read)
			}
			checkMessage(t, string(message), "109", p+journal.Position(i))
		}
		conn.Close() // on loopback its end has arrived when Close returns
	}
	server.Close()
	if err := s.Deliver(ctx, []journal.Entry{entry(9)}); err == nil {
		t.Error("delivered to nobody")
	}
}

func TestSyslogAddresses(t *testing.T) {
	for _, good := range []string{"udp://a", "udp://a:1", "tcp://[::1]:601", "tls://logs.example.com", "unix:///dev/log"} {
		newSyslog(t, good)
	}
	for _, bad := range []string{"", "a:514", "http://a", "udp://", "udp://a/path", "tcp://user@a", "unix://dev/log", "unix:///", "udp://a?x"} {
		if s, err := audit.NewSyslog(bad, nil); err == nil {
			t.Errorf("%q is taken: %+v", bad, s)
		}
	}
}

func TestStream(t *testing.T) {
	var out strings.Builder
	s := audit.NewStream(&out)
	if err := s.Deliver(ctx, []journal.Entry{entry(1), entry(2)}); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%s%s", audit.RecordOf(entry(1)).Line(), audit.RecordOf(entry(2)).Line()); out.String() != want {
		t.Errorf("wrote %s", out.String())
	}
}

func TestBrokenPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	if err := audit.NewStream(w).Deliver(ctx, []journal.Entry{entry(1)}); err == nil {
		t.Error("delivered into a broken pipe")
	}
}

// TestNobodyReads: a reader that stands still holds nobody up longer than ctx.
func TestNobodyReads(t *testing.T) {
	r, w := io.Pipe()
	s := audit.NewStream(w)
	short, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Deliver(short, []journal.Entry{entry(1)}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := s.Deliver(ctx, []journal.Entry{entry(1)}); err == nil {
		t.Fatal("two writes at once")
	}
	r.Close()
}
