package authority_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/journal"
)

// house is a certificate authority of somebody else's.
type house struct {
	t      *testing.T
	now    time.Time
	serial int64
}

func (h *house) key(curve elliptic.Curve) *ecdsa.PrivateKey {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	return key
}

// ca is a template of a suitable CA.
func (h *house) ca(name string) *x509.Certificate {
	h.serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(h.serial), Subject: pkix.Name{CommonName: name}, NotBefore: h.now.AddDate(-1, 0, 0), NotAfter: h.now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, MaxPathLen: -1,
	}
}

func (h *house) sign(template, parent *x509.Certificate, public, signer any) *x509.Certificate {
	h.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		h.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		h.t.Fatal(err)
	}
	return cert
}

// answer signs a request as a CA below root, by way of another.
func (h *house) answer(request []byte, change func(issuing, middle, root *x509.Certificate)) []*x509.Certificate {
	h.t.Helper()
	block, _ := pem.Decode(request)
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || csr.CheckSignature() != nil {
		h.t.Fatal(err)
	}
	rootKey, middleKey := h.key(elliptic.P521()), h.key(elliptic.P384())
	rootTemplate, middleTemplate, template := h.ca("root"), h.ca("middle"), h.ca("issuing")
	template.Subject = csr.Subject
	template.MaxPathLenZero, template.MaxPathLen = true, 0
	if change != nil {
		change(template, middleTemplate, rootTemplate)
	}
	root := h.sign(rootTemplate, rootTemplate, rootKey.Public(), rootKey)
	middle := h.sign(middleTemplate, root, middleKey.Public(), rootKey)
	return []*x509.Certificate{h.sign(template, middle, csr.PublicKey, middleKey), middle, root}
}

// certify signs a request as a CA below a root.
func (h *house) certify(request []byte, root *x509.Certificate, key *ecdsa.PrivateKey) []*x509.Certificate {
	h.t.Helper()
	block, _ := pem.Decode(request)
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		h.t.Fatal(err)
	}
	template := h.ca("below")
	template.MaxPathLenZero, template.MaxPathLen = true, 0
	return []*x509.Certificate{h.sign(template, root, csr.PublicKey, key), root}
}

func request(t *testing.T, a *authority.Authority) []byte {
	t.Helper()
	csr, err := a.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// TestRootOfYourOwn begins an installation under somebody else's root.
func TestRootOfYourOwn(t *testing.T) {
	w := newWorld(t)
	a := w.authority(t)
	csr := request(t, a)
	if !bytes.Equal(publicOf(t, csr), publicOf(t, request(t, a))) {
		t.Error("a request made again has another key")
	}
	if _, err := w.authority(t).Bootstrap(t.Context()); err == nil || !strings.Contains(err.Error(), "ca install") {
		t.Fatalf("a service does not wait for the chain: %v", err)
	}
	h := &house{t: t, now: w.clock.now()}
	chain := h.answer(csr, nil)
	for range 2 {
		if _, err := a.Install(t.Context(), chain); err != nil {
			t.Fatal(err)
		}
	}
	cas := authorities(t, w)
	if len(cas.CAs) != 3 || cas.CAs[0].Role != authority.Root || cas.CAs[0].KeyID != "" {
		t.Errorf("%+v", cas)
	}
	leaf := leafOf(t, w.started(t))
	if len(leaf.Chain()) != 4 || !bytes.Equal(leaf.Chain()[3], chain[2].Raw) {
		t.Errorf("a chain of %d", len(leaf.Chain()))
	}
	validate(t, w, leaf)
	if _, err := a.Rotate(t.Context(), cas.Active); !errors.Is(err, authority.ErrNotNow) || !strings.Contains(err.Error(), "ca csr") {
		t.Errorf("rotate below a CA whose key is elsewhere: %v", err)
	}
	if _, err := a.CRL(t.Context(), cas.CAs[0].ID); !errors.Is(err, authority.ErrNoCRL) {
		t.Errorf("the list of a root whose key is elsewhere: %v", err)
	}
}

func publicOf(t *testing.T, request []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(request)
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return csr.RawSubjectPublicKeyInfo
}

// TestUnsuitableChains offers chains that must not be taken.
func TestUnsuitableChains(t *testing.T) {
	w := newWorld(t)
	a := w.authority(t)
	csr := request(t, a)
	h := &house{t: t, now: w.clock.now()}
	good := h.answer(csr, nil)
	type templates = func(issuing, middle, root *x509.Certificate)
	for name, tt := range map[string]struct {
		change templates
		order  func([]*x509.Certificate) []*x509.Certificate
		says   string
	}{
		"no CA":               {change: func(i, _, _ *x509.Certificate) { i.IsCA, i.MaxPathLenZero = false, false }, says: "not a CA"},
		"no key usage":        {change: func(i, _, _ *x509.Certificate) { i.KeyUsage = 0 }, says: "key usage"},
		"no CRL signing":      {change: func(i, _, _ *x509.Certificate) { i.KeyUsage = x509.KeyUsageCertSign }, says: "CRL signing"},
		"path length":         {change: func(_, _, r *x509.Certificate) { r.MaxPathLen = 1 }, says: "permits 1 CAs below it and there would be 2"},
		"ended":               {change: func(_, m, _ *x509.Certificate) { m.NotAfter = w.clock.now().AddDate(0, 0, 20) }, says: "valid now and for 30 days"},
		"not begun":           {change: func(i, _, _ *x509.Certificate) { i.NotBefore = w.clock.now().Add(time.Hour) }, says: "valid now"},
		"name constraints":    {change: func(_, m, _ *x509.Certificate) { m.PermittedDNSDomains = []string{"example.com"} }, says: "name constraints"},
		"signed with SHA-1":   {change: func(_, m, _ *x509.Certificate) { m.SignatureAlgorithm = x509.ECDSAWithSHA1 }, says: "signed with ECDSA-SHA1"},
		"for servers":         {change: func(_, m, _ *x509.Certificate) { m.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, says: "without code signing"},
		"no root":             {order: func(c []*x509.Certificate) []*x509.Certificate { return c[:2] }, says: "did not sign itself"},
		"out of order":        {order: func(c []*x509.Certificate) []*x509.Certificate { return []*x509.Certificate{c[0], c[2], c[1]} }, says: "is not signed by|did not sign itself|is a root"},
		"root first":          {order: func(c []*x509.Certificate) []*x509.Certificate { return []*x509.Certificate{c[2], c[1], c[0]} }, says: "is not signed by|did not sign itself"},
		"root only":           {order: func(c []*x509.Certificate) []*x509.Certificate { return c[2:] }, says: "P-384|is a root"},
		"middle only":         {order: func(c []*x509.Certificate) []*x509.Certificate { return c[1:] }, says: "is not here"},
		"nothing":             {order: func([]*x509.Certificate) []*x509.Certificate { return nil }, says: "0 certificates"},
		"too many":            {order: func(c []*x509.Certificate) []*x509.Certificate { return slices.Repeat(c, 3) }, says: "9 certificates"},
		"another's signature": {order: func(c []*x509.Certificate) []*x509.Certificate { return append(c[:1:1], good[1:]...) }, says: "is not signed by"},
	} {
		chain := h.answer(csr, tt.change)
		if tt.order != nil {
			chain = tt.order(chain)
		}
		_, err := a.Install(t.Context(), chain)
		says := err != nil && slices.ContainsFunc(strings.Split(tt.says, "|"), func(s string) bool { return strings.Contains(err.Error(), s) })
		if !errors.Is(err, authority.ErrUnsuitable) && !errors.Is(err, authority.ErrNoKey) || !says {
			t.Errorf("%s: %v", name, err)
		}
	}
	if cas := authorities(t, w); len(cas.CAs) != 0 {
		t.Errorf("%d CAs were taken", len(cas.CAs))
	}
}

// TestImport brings in a root and an issuing CA with their keys, in either order.
func TestImport(t *testing.T) {
	for _, order := range [][]string{{"root", "issuing"}, {"issuing", "root"}} {
		t.Run(strings.Join(order, " then "), func(t *testing.T) { importBoth(t, order) })
	}
}

func importBoth(t *testing.T, order []string) {
	w := newWorld(t)
	a := w.started(t)
	h := &house{t: t, now: w.clock.now()}
	key := h.key(elliptic.P384())
	template := h.ca("Acme")
	root := h.sign(template, template, key.Public(), key)
	issuing := h.sign(h.ca("Acme issuing"), root, key.Public(), key)
	chains := map[string][]*x509.Certificate{"root": {root}, "issuing": {issuing, root}}
	for _, name := range order {
		w.clock.advance(time.Second)
		got, err := a.Import(t.Context(), w.keys(), chains[name], key)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := a.Import(t.Context(), w.keys(), chains[name], key)
		if err != nil || got.ID != again.ID {
			t.Errorf("%s again: %s then %s, %v", name, got.ID, again.ID, err)
		}
		if authorities(t, w).Active == got.ID {
			t.Error("active before verifiers know the root")
		}
		if err := a.Activate(t.Context(), got.ID); err != nil {
			t.Fatal(err)
		}
		if err := a.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		leaf := leafOf(t, a)
		if chain := leaf.Chain(); !bytes.Equal(chain[len(chain)-1], root.Raw) {
			t.Errorf("%s: signs under another root", name)
		}
		validate(t, w, leaf)
	}
}

// TestImportOfAnothersKey offers keys that must not be taken.
func TestImportOfAnothersKey(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	h := &house{t: t, now: w.clock.now()}
	key, other, weak := h.key(elliptic.P384()), h.key(elliptic.P384()), h.key(elliptic.P256())
	template, weakTemplate := h.ca("Acme"), h.ca("weak")
	root := h.sign(template, template, key.Public(), key)
	if _, err := a.Import(t.Context(), w.keys(), []*x509.Certificate{root}, other); !errors.Is(err, authority.ErrUnsuitable) {
		t.Errorf("another key: %v", err)
	}
	if _, err := a.Import(t.Context(), w.keys(), []*x509.Certificate{h.sign(weakTemplate, weakTemplate, weak.Public(), weak)}, weak); !errors.Is(err, authority.ErrUnsuitable) {
		t.Errorf("a P-256 key: %v", err)
	}
}

func TestParseKey(t *testing.T) {
	h := &house{t: t}
	key := h.key(elliptic.P384())
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	sec1, err2 := x509.MarshalECPrivateKey(key)
	rsaKey, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	rsaDER, _ := x509.MarshalPKCS8PrivateKey(rsaKey)
	for name, tt := range map[string]struct {
		text []byte
		good bool
	}{
		"PKCS#8":          {text("PRIVATE KEY", pkcs8), true},
		"SEC 1":           {text("EC PRIVATE KEY", sec1), true},
		"with parameters": {append(text("EC PARAMETERS", []byte{6, 5, 43, 129, 4, 0, 34}), text("EC PRIVATE KEY", sec1)...), true},
		"two":             {slices.Repeat(text("PRIVATE KEY", pkcs8), 2), false},
		"RSA":             {text("PRIVATE KEY", rsaDER), false},
		"garbage":         {text("PRIVATE KEY", []byte("x")), false},
		"nothing":         {nil, false},
	} {
		got, err := authority.ParseKey(tt.text)
		if (err == nil) != tt.good || tt.good && !got.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBackup restores into an empty installation, into one that lost a key, into
// one with a CA of its own, and into itself, interrupted each time.
func TestBackup(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	if _, _, err := a.NewRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := authorities(t, w)
	standby := slices.IndexFunc(now.CAs, func(c authority.Certificate) bool { return c.Role == authority.Issuing && c.ID != now.Active })
	if _, _, err := a.Revoke(t.Context(), now.CAs[standby].ID, authority.Superseded); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := a.Backup(t.Context(), w.keys(), &text); err != nil {
		t.Fatal(err)
	}
	was := authorities(t, w)
	for name, to := range map[string]*world{"empty": newWorld(t), "itself": w, "another": newWorld(t)} {
		active := was.Active
		if name == "another" {
			to.started(t)
			active = authorities(t, to).Active
		}
		if name == "itself" {
			if err := to.keys().Delete(t.Context(), was.CAs[0].KeyID); err != nil {
				t.Fatal(err)
			}
		}
		for step := range 2 {
			i := &interrupted{Store: to.store, Keys: to.keys(), left: 1, after: step == 1}
			if _, err := operate(t, to, i).Restore(t.Context(), to.keys(), bytes.NewReader(text.Bytes())); !errors.Is(err, errInterrupted) {
				t.Fatalf("%s: %v", name, err)
			}
		}
		stands, err := to.authority(t).Restore(t.Context(), to.keys(), bytes.NewReader(text.Bytes()))
		if err != nil || stands.Active != active {
			t.Fatalf("%s: active %s, %v", name, stands.Active, err)
		}
		for _, c := range was.CAs {
			i := slices.IndexFunc(stands.CAs, func(got authority.Certificate) bool { return got.ID == c.ID })
			if i < 0 || stands.CAs[i].Hash != c.Hash || stands.CAs[i].Revocation != c.Revocation || stands.CAs[i].Role != c.Role {
				t.Errorf("%s: %s is not back as it was", name, c.ID)
			}
			if _, err := to.authority(t).CRL(t.Context(), c.ID); err != nil {
				t.Errorf("%s: the key of %s cannot be used: %v", name, c.ID, err)
			}
		}
		validate(t, to, leafOf(t, to.started(t)))
	}
}

// TestRestoreOverOlderRecords: what a backup says is revoked or retired is so
// afterwards, though the records, restored from before that, say nothing of it; and an
// older backup takes nothing back.
func TestRestoreOverOlderRecords(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	backup := func() *bytes.Reader {
		t.Helper()
		var text bytes.Buffer
		if _, err := a.Backup(t.Context(), w.keys(), &text); err != nil {
			t.Fatal(err)
		}
		return bytes.NewReader(text.Bytes())
	}
	first := authorities(t, w)
	older := backup()
	w.clock.advance(time.Hour)
	root, issuing, err := a.NewRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Activate(t.Context(), issuing.ID), a.Retire(t.Context(), first.CAs[0].ID)); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Hour)
	if _, _, err := a.Revoke(t.Context(), first.CAs[1].ID, authority.KeyCompromise); err != nil {
		t.Fatal(err)
	}
	newer, stood := backup(), authorities(t, w)

	records := newWorld(t)
	restore := func(from *bytes.Reader) authority.Authorities {
		t.Helper()
		stands, err := records.authority(t).Restore(t.Context(), records.keys(), from)
		if err != nil {
			t.Fatal(err)
		}
		return stands
	}
	restore(older)
	if err := records.started(t).Activate(t.Context(), first.Active); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		newer.Seek(0, io.SeekStart)
		now := restore(newer)
		if old := find(t, now, first.CAs[1].ID); old.Revocation != find(t, stood, old.ID).Revocation {
			t.Errorf("revoked: %+v", old.Revocation)
		}
		if len(now.CAs) != 4 || find(t, now, root.ID).Role != authority.Root {
			t.Errorf("%d CAs", len(now.CAs))
		}
		if err := records.authority(t).Activate(t.Context(), issuing.ID); err != nil {
			t.Fatal(err)
		}
	}
	older.Seek(0, io.SeekStart)
	newer.Seek(0, io.SeekStart)
	restore(newer)
	if now := restore(older); find(t, now, first.CAs[0].ID).RetiredAt.IsZero() || find(t, now, first.CAs[1].ID).RevokedAt.IsZero() || now.Active != issuing.ID {
		t.Errorf("an older backup has undone something: %+v", now)
	}
}

func find(t *testing.T, all authority.Authorities, id string) authority.Certificate {
	t.Helper()
	for _, c := range all.CAs {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("%s is not there", id)
	return authority.Certificate{}
}

// TestUnsuitableImports: what is refused leaves no key behind.
func TestUnsuitableImports(t *testing.T) {
	w := newWorld(t)
	a := w.authority(t)
	h := &house{t: t, now: w.clock.now()}
	key := h.key(elliptic.P384())
	for name, tt := range map[string]struct {
		change func(root *x509.Certificate)
		says   string
	}{
		"no CA below it":      {func(r *x509.Certificate) { r.MaxPathLen, r.MaxPathLenZero = 0, true }, "permits 0 CAs below it and there would be 1"},
		"no basic constraint": {func(r *x509.Certificate) { r.BasicConstraintsValid, r.IsCA = false, false }, "not a CA"},
		"ends soon":           {func(r *x509.Certificate) { r.NotAfter = w.clock.now().AddDate(0, 0, 29) }, "for 30 days"},
	} {
		template := h.ca("root")
		tt.change(template)
		root := h.sign(template, template, key.Public(), key)
		if _, err := a.Import(t.Context(), w.keys(), []*x509.Certificate{root}, key); !errors.Is(err, authority.ErrUnsuitable) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if keys, err := w.keys().List(t.Context()); err != nil || len(keys) != 0 {
		t.Errorf("keys %v, %v", keys, err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	w := newWorld(t)
	for name, text := range map[string]string{
		"nothing": "", "no JSON": "hello", "another format": `{"sealwrightCABackup":2}`, "empty": `{"sealwrightCABackup":1}`,
		"a strange key":  `{"sealwrightCABackup":1,"keys":[{"ID":"../x","Purpose":"root","pkcs8":"AAAA"}]}`,
		"no certificate": `{"sealwrightCABackup":1,"active":"00","certificates":[{"der":"AAAA","issuer":"00"}]}`,
	} {
		if _, err := w.authority(t).Restore(t.Context(), w.keys(), strings.NewReader(text)); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
}

// TestOperatorIsInTheJournal: what a ceremony did says who did it.
func TestOperatorIsInTheJournal(t *testing.T) {
	w := newWorld(t)
	a := w.started(t)
	ctx := journal.WithActor(context.Background(), journal.Actor{Principal: "operator/alice@host"})
	before, err := w.db.Journal().Read(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Rotate(ctx, authorities(t, w).Active); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Backup(ctx, w.keys(), &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	all, err := w.db.Journal().Read(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all[len(before):] {
		names = append(names, e.Name)
		if e.Actor.Principal != "operator/alice@host" {
			t.Errorf("%s was done by %q", e.Name, e.Actor.Principal)
		}
	}
	if !slices.Equal(names, []string{"CreateKey", "RotateCertificateAuthority", "BackupCertificateAuthority"}) {
		t.Errorf("events %q", names)
	}
}
