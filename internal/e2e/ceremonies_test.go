package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// TestCeremoniesUnderLoad does the ceremonies on a service that signs all the
// while. Each command is killed a few times before it is let through.
func TestCeremoniesUnderLoad(t *testing.T) {
	sc := newScene(t)
	ceremoniesUnderLoad(sc, sc.service)
}

// TestCeremoniesUnderLoadOnPostgreSQL is the same with two replicas.
func TestCeremoniesUnderLoadOnPostgreSQL(t *testing.T) {
	database := pgtest.URL(t)
	dir := t.TempDir()
	a := start(t, dir, "--database", database, "--blobs", dir)
	b := start(t, t.TempDir(), "--database", database, "--blobs", dir, "--key-file", dir+"/wrapping.key")
	for name, value := range b.env {
		t.Setenv(name, value)
	}
	sc := &scene{service: a, t: t, profile: createProfile(t, a, "oracle"), images: a.createRepository("app")}
	sc.image = sc.push([]byte("layer"))
	ceremoniesUnderLoad(sc, a, b)
}

func ceremoniesUnderLoad(sc *scene, replicas ...*service) {
	t := sc.t
	l := sc.startLoad(replicas...)
	first := sc.authorities()
	before := l.next(3)

	// A new root: known first, active then.
	sc.ceremony("new-root")
	sc.oracle = sc.newOracle(profileARN("oracle")) // with both roots
	if roots := certificates(t, sc.root()); len(roots) != 2 {
		t.Fatalf("%d roots are published", len(roots))
	}
	newer := sc.authorities()
	issuing := newer[len(newer)-1]
	sc.ceremony("activate", issuing.id)
	l.await(issuing.id, len(replicas))
	sc.ceremony("retire", first[0].id)
	if roots := certificates(t, sc.root()); len(roots) != 1 || fingerprint(roots[0]) != newer[2].id {
		t.Errorf("%d roots are published after the old one was retired", len(roots))
	}

	// Another issuing CA under it.
	sc.ceremony("rotate", issuing.id)
	all := sc.authorities()
	last := all[len(all)-1]
	l.await(last.id, len(replicas))

	// A root of one's own: its issuing CA requested and installed, then another brought
	// in with its key. Both are known first, active then.
	last = bringYourOwn(sc, l, len(replicas))
	all = sc.authorities()
	after := l.next(3)
	for _, e := range l.all() {
		if err := sc.ask(sc.image, e); err != nil {
			t.Fatalf("signed before, during or after: %v", err)
		}
	}

	// A backup brings back what is here: nothing changes.
	sc.ceremony("create") // there is one
	file, identity := sc.backup()
	sc.ceremony("restore", file, "--identity", identity)
	if now := sc.authorities(); !slices.Equal(now, all) {
		t.Errorf("restored over itself: %v, it was %v", now, all)
	}

	// What the first CA signed is void; the rest is not.
	sc.ceremony("revoke", strings.ToUpper(sc.hash(first[1].id)), "--reason", "keyCompromise")
	sc.refused("signed under a revoked CA", sc.ask(sc.image, before[0]), "an issuing certificate")
	if err := sc.ask(sc.image, after[0]); err != nil {
		t.Errorf("signed under another CA: %v", err)
	}
	if serials := sc.crl(first[0].id); !slices.Contains(serials, first[1].serial) {
		t.Errorf("the root's list has %q, not %s", serials, first[1].serial)
	}

	// A leaf.
	leaf := chainOf(t, after[2])[0]
	sc.ceremony("revoke", fingerprint(leaf), "--reason", "keyCompromise")
	sc.refused("signed by a revoked leaf", sc.ask(sc.image, after[2]), "the signing certificate")
	if serials := sc.crl(last.id); !slices.Contains(serials, leaf.SerialNumber.Text(16)) {
		t.Errorf("the issuing CA's list has %q, not %x", serials, leaf.SerialNumber)
	}
	for _, e := range l.next(3 * len(replicas)) {
		if err := sc.ask(sc.image, e); err != nil {
			t.Errorf("signed after a leaf was revoked: %v", err)
		}
	}
	l.stop()
	if failed := l.failed.Load(); failed != 0 {
		t.Errorf("%d of %d requests failed; the last with %v", failed, len(l.all()), l.last.Load())
	}
	t.Logf("%d signatures, the slowest in %v", len(l.all()), l.slowest())

	// The CA that is at work: nothing is signed from the moment the command ends.
	sc.ceremony("revoke", last.id)
	for _, r := range replicas {
		if _, err := r.signer().SignPayload(t.Context(), signPayloadInput("oracle")); err == nil {
			t.Error("signed under a revoked CA")
		}
	}
	sc.ceremony("rotate", last.id)
	sc.signsAgain(replicas...)
	sc.sign(sc.image)
	if err := sc.ask(sc.image, sc.envelope); err != nil {
		t.Errorf("signed after it was replaced: %v", err)
	}
}

// bringYourOwn installs an issuing CA under a root that is kept elsewhere, and imports
// another root. It returns the issuing CA that is active then.
func bringYourOwn(sc *scene, l *load, replicas int) caLine {
	t := sc.t
	rootKey, root := newRoot(t, "Elsewhere")
	request, _ := pem.Decode([]byte(sc.ceremony("csr")))
	csr, err := x509.ParseCertificateRequest(request.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	chain := filepath.Join(t.TempDir(), "chain.pem")
	writePEM(t, chain, "CERTIFICATE", certifyCA(t, "Below", csr.PublicKey, root, rootKey).Raw, root.Raw)
	sc.ceremony("install", chain)
	sc.takeUp(l, replicas, root)

	importedKey, imported := newRoot(t, "Brought along")
	der, err := x509.MarshalPKCS8PrivateKey(importedKey)
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "key.pem")
	writePEM(t, chain, "CERTIFICATE", imported.Raw)
	writePEM(t, keyFile, "PRIVATE KEY", der)
	sc.ceremony("import", chain, "--key", keyFile)
	return sc.takeUp(l, replicas, imported)
}

// takeUp activates the issuing CA below a root, when the scene's verifier knows it.
func (sc *scene) takeUp(l *load, replicas int, root *x509.Certificate) caLine {
	sc.t.Helper()
	sc.oracle = sc.newOracle(profileARN("oracle"))
	all := sc.authorities()
	i := slices.IndexFunc(all, func(c caLine) bool { return c.id == fingerprint(root) })
	if i < 0 || i+1 == len(all) || all[i].state != "published" || all[i+1].state != "standby" {
		sc.t.Fatalf("after %s was brought in: %v", root.Subject, all)
	}
	sc.ceremony("activate", all[i+1].id)
	l.await(all[i+1].id, replicas)
	return all[i+1]
}

// newRoot makes a root that is not the service's.
func newRoot(t *testing.T, name string) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key, certifyCA(t, name, key.Public(), nil, key)
}

// certifyCA certifies a CA; a nil parent means that it signs itself.
func certifyCA(t *testing.T, name string, public any, parent *x509.Certificate, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, MaxPathLen: -1,
	}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(cryptorand.Reader, template, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func writePEM(t *testing.T, path, kind string, ders ...[]byte) {
	t.Helper()
	var text []byte
	for _, der := range ders {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ceremony runs a command of the certificate authority, killed at a moment of
// chance a few times and then to its end, twice.
func (sc *scene) ceremony(args ...string) string {
	sc.t.Helper()
	args = sc.caArgs(args)
	for range 3 {
		ctx, cancel := context.WithTimeout(sc.t.Context(), time.Duration(rand.IntN(120))*time.Millisecond)
		program(ctx, "sealwright", args...).Run()
		cancel()
	}
	sc.mustRun(args)
	return sc.mustRun(args)
}

func (sc *scene) mustRun(args []string) string {
	sc.t.Helper()
	said, err := program(sc.t.Context(), "sealwright", args...).CombinedOutput()
	if err != nil {
		sc.t.Fatalf("%q: %v\n%s", args, err, said)
	}
	return string(said)
}

// ca runs a command of the certificate authority undisturbed.
func (sc *scene) ca(args ...string) string {
	sc.t.Helper()
	return sc.mustRun(sc.caArgs(args))
}

func (sc *scene) caArgs(args []string) []string {
	return append([]string{"ca"}, append(args, append([]string{"--data", sc.dir}, dataFlags(sc.command.Args)...)...)...)
}

// backup writes a backup of the CAs and the identity that opens it.
func (sc *scene) backup() (file, identity string) {
	sc.t.Helper()
	dir := sc.t.TempDir()
	file, identity = filepath.Join(dir, "ca.age"), filepath.Join(dir, "identity")
	key, err := age.GenerateX25519Identity()
	if err != nil {
		sc.t.Fatal(err)
	}
	if err := os.WriteFile(identity, []byte(key.String()), 0o600); err != nil {
		sc.t.Fatal(err)
	}
	sc.ca("backup", file, "--recipient", key.Recipient().String())
	return file, identity
}

// caLine is a line of `ca list`, with what `ca show` adds.
type caLine struct{ id, role, state, hash, serial string }

func (sc *scene) authorities() (all []caLine) {
	sc.t.Helper()
	for line := range strings.Lines(sc.ca("list")) {
		f := strings.Fields(line)
		c := caLine{id: f[0], role: f[1], state: f[2]}
		for line := range strings.Lines(sc.ca("show", c.id)) {
			if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); name == "Hash" {
				c.hash = strings.TrimSpace(value)
			} else if name == "Serial" {
				c.serial = strings.TrimSpace(value)
			}
		}
		all = append(all, c)
	}
	return all
}

func (sc *scene) hash(id string) string {
	for _, c := range sc.authorities() {
		if c.id == id {
			return c.hash
		}
	}
	return ""
}

// crl is the serial numbers on a CA's revocation list.
func (sc *scene) crl(issuer string) (serials []string) {
	sc.t.Helper()
	response, err := http.Get(sc.url + "/sealwright/crl/" + issuer + ".crl")
	if err != nil {
		sc.t.Fatal(err)
	}
	defer response.Body.Close()
	der, err := io.ReadAll(response.Body)
	if err != nil {
		sc.t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		sc.t.Fatalf("%s: %v", response.Status, err)
	}
	for _, e := range list.RevokedCertificateEntries {
		serials = append(serials, e.SerialNumber.Text(16))
	}
	return serials
}

// signsAgain waits until each replica signs.
func (sc *scene) signsAgain(replicas ...*service) {
	sc.t.Helper()
	for _, r := range replicas {
		var err error
		for range 300 {
			if _, err = r.signer().SignPayload(sc.t.Context(), signPayloadInput("oracle")); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil {
			sc.t.Fatal(err)
		}
	}
}

// load signs the scene's image over and over, through every replica.
type load struct {
	t        *testing.T
	stopping atomic.Bool
	done     sync.WaitGroup
	failed   atomic.Int64
	last     atomic.Value

	mu     sync.Mutex
	signed [][]byte
	worst  time.Duration
}

func (sc *scene) startLoad(replicas ...*service) *load {
	l := &load{t: sc.t}
	for _, r := range replicas {
		for range 2 {
			client := r.signer()
			l.done.Go(func() {
				for !l.stopping.Load() {
					l.sign(client, sc)
					time.Sleep(50 * time.Millisecond) // the machine has other things to do
				}
			})
		}
	}
	sc.t.Cleanup(l.stop)
	return l
}

// sign asks once. A request that is under way when the load stops is let finish: so
// each one that fails, fails for the service's sake.
func (l *load) sign(client *signer.Client, sc *scene) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	payload := fmt.Sprintf(`{"targetArtifact":{"mediaType":%q,"digest":%q,"size":%d}}`, sc.image.MediaType, sc.image.Digest, sc.image.Size)
	began := time.Now()
	out, err := client.SignPayload(ctx, &signer.SignPayloadInput{ProfileName: aws.String("oracle"), Payload: []byte(payload), PayloadFormat: aws.String(payloadFormat)})
	if err != nil {
		l.failed.Add(1)
		l.last.Store(fmt.Sprint(err))
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signed = append(l.signed, out.Signature)
	l.worst = max(l.worst, time.Since(began))
}

func (l *load) stop() {
	l.stopping.Store(true)
	l.done.Wait()
}

func (l *load) all() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.signed)
}

func (l *load) slowest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.worst
}

// next waits for n signatures that are asked for from now on.
func (l *load) next(n int) [][]byte {
	l.t.Helper()
	from := len(l.all()) + 8 // those under way may have begun before
	for range 3000 {
		if all := l.all(); len(all) >= from+n {
			return all[from:]
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.t.Fatalf("nothing is signed: %v", l.last.Load())
	return nil
}

// await waits until every replica signs under an issuing CA.
func (l *load) await(issuer string, replicas int) {
	l.t.Helper()
	for range 60 {
		leaves := map[string]bool{}
		others := false
		for _, e := range l.next(4 * replicas) {
			chain := chainOf(l.t, e)
			others = others || fingerprint(chain[1]) != issuer
			leaves[fingerprint(chain[0])] = true
		}
		if !others && len(leaves) == replicas {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	l.t.Fatalf("not every replica signs under %s", issuer)
}

func chainOf(t *testing.T, envelope []byte) []*x509.Certificate {
	t.Helper()
	return opened(t, envelope).SignerInfo.CertificateChain
}

// certificates are those of a PEM text.
func certificates(t *testing.T, text []byte) (all []*x509.Certificate) {
	t.Helper()
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func fingerprint(c *x509.Certificate) string { return fmt.Sprintf("%x", sha256.Sum256(c.Raw)) }
