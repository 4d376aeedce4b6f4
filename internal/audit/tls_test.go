package audit_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/journal"
)

// privateCA is an authority that no system knows.
type privateCA struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newPrivateCA(t *testing.T) privateCA {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "private CA"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	return privateCA{certify(t, template, template, key, key), key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certify(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func (a privateCA) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// listen is a log server with a certificate for names.
func (a privateCA) listen(t *testing.T, names ...string) (port string, messages <-chan string) {
	t.Helper()
	key := newKey(t)
	leaf := certify(t, &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: names}, a.certificate, key, a.key)
	server, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	received := make(chan string, 10)
	go func() {
		defer close(received)
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			length, err := bufio.NewReader(conn).ReadString(' ') // the handshake is done by the first read
			if err == nil || !errors.Is(err, io.EOF) && length != "" {
				received <- length
			}
			conn.Close()
		}
	}()
	_, port, err = net.SplitHostPort(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, received
}

// TestSyslogTLS: a log server whose certificate comes from the authority that is
// configured gets lines; one of another authority, or for another host, gets none.
func TestSyslogTLS(t *testing.T) {
	ca, stranger := newPrivateCA(t), newPrivateCA(t)
	port, messages := ca.listen(t, "localhost")
	elsewhere, nothing := ca.listen(t, "other.example.com")
	deliver := func(port string, roots *x509.CertPool) error {
		s, err := audit.NewSyslog("tls://localhost:"+port, roots)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return s.Deliver(ctx, []journal.Entry{entry(1)})
	}
	if err := deliver(port, ca.pool()); err != nil {
		t.Fatal(err)
	}
	if length := <-messages; strings.TrimSpace(length) == "" {
		t.Error("nothing arrived")
	}
	var unknown x509.UnknownAuthorityError
	for name, roots := range map[string]*x509.CertPool{"another authority": stranger.pool(), "the system's": nil} {
		if err := deliver(port, roots); !errors.As(err, &unknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var host x509.HostnameError
	if err := deliver(elsewhere, ca.pool()); !errors.As(err, &host) {
		t.Errorf("another host: %v", err)
	}
	if len(messages) != 0 || len(nothing) != 0 {
		t.Error("something was sent to a server that is not trusted")
	}
}
