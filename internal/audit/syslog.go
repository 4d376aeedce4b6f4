package audit

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
)

// Syslog is a sink that sends each line as a message of RFC 5424 to a log server.
// It is as durable as that: over UDP nobody learns of what was lost, over TCP what
// was on its way when the connection broke. It is used by one goroutine.
type Syslog struct {
	network, address string
	tls              *tls.Config // nil: plain
	host, process    string
	conn             net.Conn
	socket           *socket // below conn
}

// The ports that a syslog URL need not name.
//
// Sources: https://www.rfc-editor.org/rfc/rfc5426 (UDP), rfc6587 (TCP), rfc5425 (TLS)
var syslogPorts = map[string]string{"udp": "514", "tcp": "601", "tls": "6514"}

// NewSyslog reads where messages go: udp://host, tcp://host or tls://host, each
// with a port or without, or unix:///path for a socket. The certificate of a tls
// server must be for the host and come from one of roots; nil are the system's.
// NewSyslog does not connect.
func NewSyslog(address string, roots *x509.CertPool) (*Syslog, error) {
	u, err := url.Parse(address)
	s := &Syslog{host: hostname(), process: strconv.Itoa(os.Getpid())}
	switch {
	case err != nil:
	case u.Scheme == "unix" && u.Host == "" && len(u.Path) > 1 && u.RawQuery == "":
		s.network, s.address = "unix", u.Path
		return s, nil
	case syslogPorts[u.Scheme] != "" && u.Hostname() != "" && u.User == nil && (u.Path == "" || u.Path == "/") && u.RawQuery == "":
		port := u.Port()
		if port == "" {
			port = syslogPorts[u.Scheme]
		}
		s.network, s.address = u.Scheme, net.JoinHostPort(u.Hostname(), port)
		if u.Scheme == "tls" {
			s.network, s.tls = "tcp", &tls.Config{RootCAs: roots, ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
		}
		return s, nil
	}
	return nil, fmt.Errorf("%q is no address of a log server: want udp://host:514, tcp://host:601, tls://host:6514 or unix:///dev/log", address)
}

// hostname is HOSTNAME, "-" if there is none.
func hostname() string {
	name, err := os.Hostname()
	if err != nil || name == "" || len(name) > 255 || bytes.ContainsFunc([]byte(name), func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "-"
	}
	return name
}

// syslogPatience bounds how long a batch may take.
const syslogPatience = 10 * time.Second

// maxDatagram is what a message in a datagram may hold: log servers cut what is
// longer than they expect, and a line without its end is none.
const maxDatagram = 8 << 10

// Deliver implements [journal.Sink].
func (s *Syslog) Deliver(ctx context.Context, entries []journal.Entry) error {
	err := s.deliver(ctx, entries)
	if err != nil {
		s.Close()
		return fmt.Errorf("syslog %s: %w", s.address, err)
	}
	return nil
}

func (s *Syslog) deliver(ctx context.Context, entries []journal.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, syslogPatience)
	defer cancel()
	if err := s.connect(ctx); err != nil {
		return err
	}
	conn := s.conn
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	conn.SetDeadline(time.Time{})
	if s.datagrams() {
		return s.sendEach(entries)
	}
	var all bytes.Buffer
	for _, e := range entries {
		m := s.message(RecordOf(e))
		fmt.Fprintf(&all, "%d %s", len(m), m) // octet counting, RFC 6587 section 3.4.1
	}
	_, err := conn.Write(all.Bytes())
	return err
}

// connect sees to it that there is a connection whose other end has not closed
// it: the first write to one that has would succeed, and be lost.
func (s *Syslog) connect(ctx context.Context) error {
	if s.conn != nil && !s.datagrams() && s.socket.ended(s.conn) {
		s.Close()
	}
	if s.conn != nil {
		return nil
	}
	var err error
	for _, network := range s.networks() {
		if s.conn, err = s.dial(ctx, network); err == nil {
			return nil
		}
	}
	s.conn = nil
	return err
}

// networks are those to try: a local log server takes datagrams or a stream.
func (s *Syslog) networks() []string {
	if s.network == "unix" {
		return []string{"unixgram", "unix"}
	}
	return []string{s.network}
}

func (s *Syslog) dial(ctx context.Context, network string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, s.address)
	if err != nil {
		return nil, err
	}
	s.socket = &socket{Conn: conn}
	if s.tls == nil {
		return s.socket, nil
	}
	secure := tls.Client(s.socket, s.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

func (s *Syslog) datagrams() bool {
	network := s.conn.RemoteAddr().Network()
	return network == "udp" || network == "unixgram"
}

func (s *Syslog) sendEach(entries []journal.Entry) error {
	for _, e := range entries {
		r := RecordOf(e)
		m := s.message(r)
		if len(m) > maxDatagram { // the audit file and the journal have the rest
			r.AdditionalEventData = &Additional{Detail: []byte(`"left out: too long for a datagram"`)}
			m = s.message(r)
		}
		if _, err := s.conn.Write(m); err != nil {
			return err
		}
	}
	return nil
}

// Facility 13 is "log audit"; severities are notice for what was done and warning
// for what was refused.
//
// Source: https://www.rfc-editor.org/rfc/rfc5424#section-6.2.1
const (
	priorityDone    = 13<<3 | 5
	priorityRefused = 13<<3 | 4
)

// message is a record as RFC 5424 has it. The line is in ASCII or UTF-8 and has no
// control characters.
func (s *Syslog) message(r Record) []byte {
	priority := priorityDone
	if r.ErrorCode != "" {
		priority = priorityRefused
	}
	line := bytes.TrimSuffix(r.Line(), []byte("\n"))
	return fmt.Appendf(nil, "<%d>1 %s %s sealwright %s audit - %s",
		priority, r.EventTime.Format("2006-01-02T15:04:05.000000Z07:00"), s.host, s.process, line)
}

// Close ends the connection. The next batch makes another.
func (s *Syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}
