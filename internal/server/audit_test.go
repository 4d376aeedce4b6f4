package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/signer/types"

	"github.com/sealwright/sealwright/internal/audit/audittest"
	"github.com/sealwright/sealwright/internal/journal"
)

// logServer is a log server that can be away. It is at a socket, since nobody else
// takes that meanwhile.
type logServer struct {
	path     string
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
}

func (l *logServer) start(t *testing.T) {
	t.Helper()
	var err error
	if l.listener, err = net.Listen("unix", l.path); err != nil {
		t.Fatal(err)
	}
	go l.accept(l.listener)
}

func (l *logServer) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		l.conns = append(l.conns, conn)
		l.mu.Unlock()
		go io.Copy(io.Discard, conn)
	}
}

func (l *logServer) stop() {
	l.listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}

// eventually waits for something that must come.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for begun := time.Now(); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// TestSigningStopsUnseen: when the log server is away, signing goes on within the
// bound and then stops, with the error of the model; other work goes on, and all is
// well again when the log server is back.
func TestSigningStopsUnseen(t *testing.T) {
	logs := &logServer{path: filepath.Join(t.TempDir(), "log")}
	logs.start(t)
	defer logs.stop()
	c := settings(t)
	c.AuditSyslog, c.AuditMaxEntries = "unix://"+logs.path, 3
	s, stop := run(t, c)
	defer stop()
	client := signer.NewFromConfig(awsConfig(t, s), withoutPrefix(s), func(o *signer.Options) { o.Retryer = aws.NopRetryer{} })
	_, err := client.PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{ProfileName: aws.String("audited"), PlatformId: aws.String("Notation-OCI-SHA384-ECDSA")})
	if err != nil {
		t.Fatal(err)
	}
	ready := func() bool { code, _ := get(t, s.URL()+readyz); return code == http.StatusOK }
	sign := func() error { _, err := client.SignPayload(t.Context(), signPayload("audited")); return err }
	caughtUp := func() bool { entries, _ := s.lag("syslog"); return entries == 0 && s.watch.Check() == nil }
	eventually(t, "the tailer catches up", caughtUp)
	if err := sign(); err != nil {
		t.Fatal(err)
	}
	logs.stop()
	eventually(t, "signing stops", func() bool { return sign() != nil })
	var internal *types.InternalServiceErrorException
	if err := sign(); !errors.As(err, &internal) || !strings.Contains(*internal.Message, "/readyz") {
		t.Fatalf("signing stopped with %v", err)
	}
	eventually(t, "the service is not ready", func() bool { return !ready() })
	eventually(t, "/readyz names the tailer", func() bool { // the log's may be behind for a moment, too
		_, text := get(t, s.URL()+readyz)
		return strings.Contains(text, "the audit record is not kept up: the journal's tailer syslog is ")
	})
	if _, err := client.GetSigningProfile(t.Context(), &signer.GetSigningProfileInput{ProfileName: aws.String("audited")}); err != nil {
		t.Errorf("reading stopped, too: %v", err)
	}
	logs.start(t)
	eventually(t, "signing goes on", func() bool { return sign() == nil })
	eventually(t, "the service is ready", ready)
}

// TestFileAgreesWithJournal: one line for each entry, in order, across restarts.
func TestFileAgreesWithJournal(t *testing.T) {
	c := settings(t)
	c.AuditFile = filepath.Join(t.TempDir(), "audit")
	for round := range 3 {
		s, stop := run(t, c)
		client := signer.NewFromConfig(awsConfig(t, s), withoutPrefix(s))
		name := "p" + strings.Repeat("x", round+1)
		if _, err := client.PutSigningProfile(t.Context(), &signer.PutSigningProfileInput{ProfileName: &name, PlatformId: aws.String("Notation-OCI-SHA384-ECDSA")}); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := client.SignPayload(t.Context(), signPayload(name)); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "the files have all of the journal", func() bool {
			newest, err := s.records.NewestEntry(t.Context())
			got := audittest.Lines(t, c.AuditFile)
			return err == nil && len(got) > 0 && got[len(got)-1].JournalPosition == newest
		})
		var after journal.Position
		for _, line := range audittest.Lines(t, c.AuditFile) {
			entries, err := s.records.Journal().Read(t.Context(), after, 1)
			if err != nil || len(entries) != 1 || entries[0].Position != line.JournalPosition || entries[0].ID != line.EventID {
				t.Fatalf("the journal has %+v, %v; the line %+v", entries, err, line)
			}
			after = line.JournalPosition
		}
		stop()
	}
}
