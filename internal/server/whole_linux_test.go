package server

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// dataSegments is how many pieces with data a connection has sent.
func dataSegments(t *testing.T, c net.Conn) (n uint32) {
	t.Helper()
	raw, err := c.(*wholeConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	if e := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); e != nil || err != nil {
		t.Fatal(e, err)
	}
	return info.Data_segs_out
}

// TestAnswersLeaveWhole sends answers of many lengths over one connection, held back
// or not and from a file: each comes as it was written, and one that is held back
// comes in one piece.
func TestAnswersLeaveWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("f"), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	body := []byte(nil)
	answer := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/held":
			before := dataSegments(t, r.Context().Value(connKey{}).(net.Conn))
			send := whole(r)
			w.Write(body)
			http.NewResponseController(w).Flush()
			if now := dataSegments(t, r.Context().Value(connKey{}).(net.Conn)); now != before {
				t.Errorf("%d bytes: %d pieces left before all was there", len(body), now-before)
			}
			send()
			if now := dataSegments(t, r.Context().Value(connKey{}).(net.Conn)); now != before+1 && len(body) < 60_000 {
				t.Errorf("%d bytes left in %d pieces", len(body), now-before)
			}
		case "/file":
			defer whole(r)() // never meant, and harmless
			http.ServeFile(w, r, file)
		default:
			w.Write(body)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(answer), ConnContext: withConn}
	go web.Serve(wholeListener{l})
	defer web.Close()
	get := func(path string) []byte {
		t.Helper()
		r, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		got, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, size := range []int{1, 100, 2048, 4000, 4096, 6000, 16 << 10, 50_000, 1 << 20} {
		body = bytes.Repeat([]byte{byte('a' + size%26)}, size)
		for _, path := range []string{"/held", "/plain", "/held"} {
			if got := get(path); !bytes.Equal(got, body) {
				t.Fatalf("%s: %d bytes came of %d", path, len(got), size)
			}
		}
		if got := get("/file"); len(got) != 100_000 || got[0] != 'f' {
			t.Fatalf("%d bytes of the file came", len(got))
		}
	}
}
