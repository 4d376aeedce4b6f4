package authority_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corex509 "github.com/notaryproject/notation-core-go/x509"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/seal"
	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 11, 21, 20, 42, 13, 123456789, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// world is a store and what opens its secrets.
type world struct {
	db     *sqlstore.DB
	store  authority.Store
	sealer *seal.Sealer
	clock  *clock
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	return worldOf(t, db)
}

// worldOf closes the store when t ends.
func worldOf(t testing.TB, db *sqlstore.DB) *world {
	t.Cleanup(func() { db.Close() })
	return &world{db, db.Authority(), newSealer(t), newClock()}
}

func newSealer(t testing.TB) *seal.Sealer {
	t.Helper()
	sealer, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

func (w *world) keys() *authority.SealedKeys {
	return authority.NewSealedKeys(w.db.AuthorityKeys(), w.sealer, "us-east-1", w.clock.now)
}

func (w *world) authority(t testing.TB) *authority.Authority {
	t.Helper()
	a, err := authority.New(authority.Options{
		Store: w.store, Keys: w.keys(), Region: "us-east-1", Replica: "one", Now: w.clock.now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w *world) started(t testing.TB) *authority.Authority {
	t.Helper()
	a := w.authority(t)
	if _, err := a.Bootstrap(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

func leafOf(t testing.TB, a *authority.Authority) *authority.Signer {
	t.Helper()
	leaf, err := a.Leaf(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// validate asks the reference whether the leaf's chain is one to sign with now.
func validate(t testing.TB, w *world, leaf *authority.Signer) {
	t.Helper()
	at := w.clock.now()
	if err := corex509.ValidateCodeSigningCertChain(parse(t, leaf.Chain()), &at); err != nil {
		t.Error(err)
	}
}

func parse(t testing.TB, chain [][]byte) []*x509.Certificate {
	t.Helper()
	var certs []*x509.Certificate
	for _, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		certs = append(certs, cert)
	}
	return certs
}

// TestChainSatisfiesNotation asks the reference whether the chain is one for
// signing, at the times that matter.
func TestChainSatisfiesNotation(t *testing.T) {
	w := newWorld(t)
	leaf := leafOf(t, w.started(t))
	certs := parse(t, leaf.Chain())
	for name, at := range map[string]time.Time{
		"now": w.clock.now(), "the leaf's first second": leaf.NotBefore, "the leaf's last second": leaf.NotAfter,
		"a clock that is behind": w.clock.now().Add(-30 * time.Minute),
	} {
		if err := corex509.ValidateCodeSigningCertChain(certs, &at); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, cert := range certs {
		if cert.SignatureAlgorithm != x509.ECDSAWithSHA384 || cert.PublicKey.(*ecdsa.PublicKey).Curve.Params().BitSize != 384 {
			t.Errorf("%s: %v", cert.Subject, cert.SignatureAlgorithm)
		}
	}
	if got := leaf.NotAfter.Sub(w.clock.now().Truncate(time.Second)); got != authority.DefaultLeafValidity {
		t.Errorf("the leaf lasts %v", got)
	}
}

func TestSignIsJOSE(t *testing.T) {
	leaf := leafOf(t, newWorld(t).started(t))
	digest := sha512.Sum384([]byte("signed"))
	signature, err := leaf.Sign(digest[:])
	if err != nil || len(signature) != authority.SignatureSize {
		t.Fatalf("%d bytes, %v", len(signature), err)
	}
	key := parse(t, leaf.Chain())[0].PublicKey.(*ecdsa.PublicKey)
	if !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:48]), new(big.Int).SetBytes(signature[48:])) {
		t.Error("the leaf's certificate does not verify what it signed")
	}
}

func TestLeafIsRecordedBeforeItSigns(t *testing.T) {
	w := newWorld(t)
	leaf := leafOf(t, w.started(t))
	stored, err := w.store.Certificate(t.Context(), leaf.ID)
	if err != nil {
		t.Fatal(err)
	}
	certs := parse(t, leaf.Chain())
	tbs := func(c *x509.Certificate) string {
		sum := sha512.Sum384(c.RawTBSCertificate)
		return hex.EncodeToString(sum[:])
	}
	if want := tbs(certs[0]) + tbs(certs[1]); stored.Hash != want {
		t.Errorf("hash %s, want %s", stored.Hash, want)
	}
	if stored.Role != authority.Leaf || stored.Replica != "one" || stored.Region != "us-east-1" || stored.Serial != certs[0].SerialNumber.Text(16) {
		t.Errorf("stored %+v", stored)
	}
	cas, err := w.store.Authorities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if cas.CAs[0].Hash != tbs(certs[2])+tbs(certs[2]) || cas.CAs[1].Hash != tbs(certs[1])+tbs(certs[2]) || stored.IssuerID != cas.Active {
		t.Error("the hashes of the CAs, or the leaf's issuer, are wrong")
	}
}

func TestBootstrapIsOnce(t *testing.T) {
	w := newWorld(t)
	first := w.authority(t)
	if created, err := first.Bootstrap(t.Context()); err != nil || !created {
		t.Fatalf("%v, %v", created, err)
	}
	second := w.authority(t)
	if created, err := second.Bootstrap(t.Context()); err != nil || created {
		t.Fatalf("%v, %v", created, err)
	}
	if first.RootFingerprint() != second.RootFingerprint() || len(first.RootFingerprint()) != 64 {
		t.Errorf("%q and %q", first.RootFingerprint(), second.RootFingerprint())
	}
	roots, err := first.RootsPEM(t.Context())
	block, rest := pem.Decode(roots)
	if err != nil || block == nil || len(rest) != 0 || !parse(t, [][]byte{block.Bytes})[0].IsCA {
		t.Errorf("root PEM %q, %v", roots, err)
	}
	if a, b := leafOf(t, first), leafOf(t, second); a.ID == b.ID {
		t.Error("two processes share a leaf")
	}
}

func TestBootstrapRace(t *testing.T) {
	w := newWorld(t)
	const replicas = 8
	var created atomic.Int32
	roots := make([]string, replicas)
	var wg sync.WaitGroup
	for i := range replicas {
		a := w.authority(t)
		wg.Go(func() {
			won, err := a.Bootstrap(t.Context())
			if err != nil {
				t.Error(err)
			}
			if won {
				created.Add(1)
			}
			roots[i] = a.RootFingerprint()
		})
	}
	wg.Wait()
	if created.Load() != 1 {
		t.Errorf("%d replicas made the authority", created.Load())
	}
	for _, root := range roots {
		if root != roots[0] {
			t.Errorf("roots %q", roots)
		}
	}
}

// TestBootstrapOvertaken: a replica that works with the key of another, which came
// second and threw it away, goes on with what stands.
func TestBootstrapOvertaken(t *testing.T) {
	w := newWorld(t)
	first := w.authority(t)
	i := &interrupted{Store: w.store, Keys: w.keys(), left: 2}
	i.meanwhile = func() {
		for _, k := range keysOf(t, w) {
			if err := w.keys().Delete(t.Context(), k.ID); err != nil {
				t.Error(err)
			}
		}
		if created, err := first.Bootstrap(t.Context()); err != nil || !created {
			t.Errorf("%v, %v", created, err)
		}
	}
	late := operate(t, w, i)
	if created, err := late.Bootstrap(t.Context()); err != nil || created || !i.fired {
		t.Fatalf("%v, %v", created, err)
	}
	if late.RootFingerprint() != first.RootFingerprint() {
		t.Error("there are two roots")
	}
}

// TestBootstrapWithoutAKey: that a key has gone is said where nothing stands.
func TestBootstrapWithoutAKey(t *testing.T) {
	w := newWorld(t)
	i := &interrupted{Store: w.store, Keys: w.keys(), left: 2}
	i.meanwhile = func() {
		for _, k := range keysOf(t, w) {
			if err := w.keys().Delete(t.Context(), k.ID); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := operate(t, w, i).Bootstrap(t.Context()); !errors.Is(err, authority.ErrNoKey) {
		t.Error(err)
	}
}

func TestWrongWrappingKey(t *testing.T) {
	w := newWorld(t)
	w.started(t)
	w.sealer = newSealer(t)
	_, err := w.authority(t).Bootstrap(t.Context())
	if !errors.Is(err, seal.ErrOpen) || !strings.Contains(err.Error(), "from a backup") || !strings.Contains(err.Error(), w.sealer.ID()) {
		t.Errorf("error %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	w := newWorld(t)
	good := authority.Options{Store: w.store, Keys: w.keys(), Region: "us-east-1", Replica: "one"}
	for name, change := range map[string]func(*authority.Options){
		"no store":   func(o *authority.Options) { o.Store = nil },
		"no keys":    func(o *authority.Options) { o.Keys = nil },
		"no region":  func(o *authority.Options) { o.Region = "" },
		"no replica": func(o *authority.Options) { o.Replica = "" },
		"short leaf": func(o *authority.Options) { o.LeafValidity = time.Minute },
		"long leaf":  func(o *authority.Options) { o.LeafValidity = 91 * 24 * time.Hour },
	} {
		o := good
		change(&o)
		if _, err := authority.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	a, err := authority.New(good)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Leaf(t.Context()); err == nil || a.CheckIssuing(t.Context()) == nil || a.RootFingerprint() != "" {
		t.Errorf("before Bootstrap: %v", err)
	}
}

func TestJournal(t *testing.T) {
	w := newWorld(t)
	leaf := leafOf(t, w.started(t))
	entries, err := w.db.Journal().Read(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	if strings.Join(names, " ") != "CreateKey CreateKey CreateCertificateAuthority IssueCertificate" {
		t.Fatalf("events %q", names)
	}
	if e := entries[3]; !strings.Contains(string(e.Detail), leaf.ID) || e.Source != journal.SourceSealwright {
		t.Errorf("event %+v: %s", e, e.Detail)
	}
}

// brokenStore is the real store with a fault that can be switched on.
type brokenStore struct {
	authority.Store
	broken atomic.Pointer[error]
}

func (s *brokenStore) AddCertificate(ctx context.Context, c authority.Certificate, e journal.Event) error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	return s.Store.AddCertificate(ctx, c, e)
}

var errBroken = errors.New("the store is away")
