package server

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	formatsnote "github.com/transparency-dev/formats/note"
	signednote "golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/translog"
)

// notary is a witness as https://c2sp.org/tlog-witness has it: it cosigns a
// checkpoint if the proof shows that the log only grew since the one before.
type notary struct {
	signer *formatsnote.Signer
	vkey   string
	log    func() signednote.Verifier

	mu      sync.Mutex
	size    int64
	root    translog.Hash
	away    bool
	refused []string
}

func newNotary(t *testing.T, name string) *notary {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	key := ed25519.NewKeyFromSeed(seed)
	plain, err := signednote.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := formatsnote.VKeyToCosignatureV1(plain)
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Split(plain, "+")[1]
	signer, err := formatsnote.NewSignerForCosignatureV1("PRIVATE+KEY+" + name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, seed...)))
	if err != nil {
		t.Fatal(err)
	}
	return &notary{signer: signer, vkey: vkey}
}

func (n *notary) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	if n.away || r.URL.Path != "/add-checkpoint" {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	lines, checkpoint, err := n.judge(body)
	var known *translog.KnownSizeError
	switch {
	case errors.As(err, &known):
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, "%d\n", known.Size)
		return
	case err != nil:
		n.refused = append(n.refused, err.Error())
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	n.size, n.root = checkpoint.Size, checkpoint.Root
	w.Write(lines)
}

// judge returns the cosignature of a checkpoint.
func (n *notary) judge(body []byte) (lines []byte, c translog.Checkpoint, err error) {
	head, signed, _ := bytes.Cut(body, []byte("\n\n"))
	text := strings.Split(string(head), "\n")
	old, err := strconv.ParseInt(strings.TrimPrefix(text[0], "old "), 10, 64)
	if err != nil {
		return nil, c, err
	}
	if c, err = translog.ParseCheckpoint(signed, n.log()); err != nil {
		return nil, c, err
	}
	if old != n.size {
		return nil, c, &translog.KnownSizeError{Size: n.size}
	}
	var proof tlog.TreeProof
	for _, line := range text[1:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return nil, c, err
		}
		proof = append(proof, h)
	}
	if old > 0 && old < c.Size {
		if err := tlog.CheckTree(proof, c.Size, c.Root, old, n.root); err != nil {
			return nil, c, err
		}
	}
	opened, err := signednote.Open(signed, signednote.VerifierList(n.log()))
	if err != nil {
		return nil, c, err
	}
	cosigned, err := signednote.Sign(&signednote.Note{Text: opened.Text}, n.signer)
	_, lines, _ = bytes.Cut(cosigned, []byte("\n\n"))
	return lines, c, err
}

// TestWitnesses: a checkpoint is published when as many witnesses have cosigned it
// as the policy wants, and not before.
func TestWitnesses(t *testing.T) {
	a, b := newNotary(t, "a.example"), newNotary(t, "b.example")
	var policy strings.Builder
	for i, n := range []*notary{a, b} {
		web := httptest.NewServer(n)
		defer web.Close()
		fmt.Fprintf(&policy, "witness w%d %s %s\n", i, n.vkey, web.URL)
	}
	policy.WriteString("group both all w0 w1\nquorum both\n")
	file := filepath.Join(t.TempDir(), "policy")
	if err := os.WriteFile(file, []byte(policy.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c := settings(t)
	c.LogWitnessPolicy = file
	s, err := open(t, c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key, err := signednote.NewVerifier(s.log.Key())
	if err != nil {
		t.Fatal(err)
	}
	a.log = func() signednote.Verifier { return key }
	b.log = a.log
	ctx := t.Context()
	grow := func(job string) {
		t.Helper()
		detail := fmt.Sprintf(`{"jobId":%q}`, job)
		e := journal.Event{Account: "111122223333", Region: "us-east-1", Source: journal.SourceSigner, Name: "SignPayload",
			Resource: "arn:aws:signer:us-east-1:111122223333:/signing-profiles/app", Detail: []byte(detail)}
		if err := s.log.Deliver(ctx, []journal.Entry{{Event: e}}); err != nil {
			t.Fatal(err)
		}
	}
	published := func() int64 {
		t.Helper()
		head, err := s.records.Translog().Head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return head.Published
	}
	for i := range 5 {
		grow(fmt.Sprint("job", i))
		if err := s.log.Publish(ctx); err != nil || published() != int64(i+1) {
			t.Fatalf("published %d: %v", published(), err)
		}
	}
	b.away = true
	grow("job5")
	if err := s.log.Publish(ctx); err == nil || published() != 5 {
		t.Errorf("published %d with one of two witnesses: %v", published(), err)
	}
	if _, err := s.log.Prove(ctx, "111122223333", "job5"); !errors.Is(err, translog.ErrNotLogged) {
		t.Errorf("proven without the witnesses: %v", err)
	}
	b.away = false
	grow("job6") // a is ahead of what is published now
	if err := s.log.Publish(ctx); err != nil || published() != 7 {
		t.Errorf("published %d: %v", published(), err)
	}
	if refused := append(a.refused, b.refused...); len(refused) > 0 {
		t.Errorf("witnesses refused: %q", refused)
	}
	proof, err := s.log.Prove(ctx, "111122223333", "job3")
	if err != nil || strings.Count(string(proof), "\n— ") != 3 {
		t.Errorf("the proof lacks cosignatures: %v\n%s", err, proof)
	}
}
