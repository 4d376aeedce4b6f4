package audit

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"
)

// late is a connection of a busy machine: whatever deadline is set has passed before
// anything else is done.
type late struct{ *net.TCPConn }

func (l late) SetReadDeadline(t time.Time) error {
	if err := l.TCPConn.SetReadDeadline(t); err != nil || t.IsZero() {
		return err
	}
	time.Sleep(time.Until(t) + time.Millisecond)
	return nil
}

// TestEndIsSeenOnABusyMachine: that the other end has closed a stream is seen however
// little time there is to look, and that it has not is not waited for.
func TestEndIsSeenOnABusyMachine(t *testing.T) {
	trusted := httptest.NewTLSServer(nil)
	defer trusted.Close()
	roots := x509.NewCertPool()
	roots.AddCert(trusted.Certificate())
	plain := func(c net.Conn) net.Conn { return c }
	t.Run("plain", func(t *testing.T) { endIsSeen(t, plain, plain) })
	t.Run("TLS", func(t *testing.T) {
		endIsSeen(t, func(c net.Conn) net.Conn {
			return tls.Client(c, &tls.Config{RootCAs: roots, ServerName: "example.com"})
		},
			func(c net.Conn) net.Conn { return tls.Server(c, &tls.Config{Certificates: trusted.TLS.Certificates}) })
	})
}

func endIsSeen(t *testing.T, client, server func(net.Conn) net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := &socket{Conn: late{conn.(*net.TCPConn)}}
	outer := client(s)
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	other, sent := server(accepted), make(chan error)
	go func() { _, err := io.WriteString(outer, "a line"); sent <- err }()
	if _, err := io.ReadFull(other, make([]byte, len("a line"))); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if s.ended(outer) {
		t.Fatal("it has ended when it was taken")
	}
	if _, err := io.WriteString(other, "words that nobody asked for"); err != nil {
		t.Fatal(err)
	}
	if s.ended(outer) {
		t.Fatal("it has ended with words")
	}
	other.Close()
	for range 1000 { // until the end has come
		if s.ended(outer) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("the end was not seen")
}
