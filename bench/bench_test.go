package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/bench/internal/load"
)

func TestSettings(t *testing.T) {
	s, err := parseSettings([]string{"-rounds", "2", "-only", "push$"}, io.Discard)
	if err != nil || s.rounds != 2 || s.signatures != 1000 || !s.only.MatchString("image-push") || s.only.MatchString("start") {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = parseSettings([]string{"-quick"}, io.Discard)
	if err != nil || s.rounds != 1 || s.duration >= time.Second {
		t.Errorf("quick is %+v, %v", s, err)
	}
	for _, bad := range []string{"-rounds 0", "-rounds 101", "-duration 1ms", "-duration 2m", "-only (", "-only nothing-like-it", "extra", "-unknown"} {
		if _, err := parseSettings(strings.Fields(bad), io.Discard); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestScaleAndMemoryMustBeAskedFor(t *testing.T) {
	for args, want := range map[string]string{
		"":                                "",
		"-scale":                          "scale-referrers scale-repositories",
		"-memory -only memory":            "memory-reads memory-referrers memory-blob memory-uploads",
		"-scale -memory -only referrers$": "scale-referrers memory-referrers",
	} {
		s, err := parseSettings(strings.Fields(args), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		var slow []string
		for _, e := range s.chosen() {
			if strings.HasPrefix(e.name, "scale-") || strings.HasPrefix(e.name, "memory-") {
				slow = append(slow, e.name)
			}
		}
		if got := strings.Join(slow, " "); got != want {
			t.Errorf("%q chooses %q, want %q", args, got, want)
		}
	}
	if _, err := parseSettings([]string{"-only", "memory"}, io.Discard); err == nil {
		t.Error("-only memory without -memory measures nothing and was accepted")
	}
}

func TestLevelsAreMeasuredInTheOtherOrderEveryOtherRound(t *testing.T) {
	for round, want := range [][]int{{0, 1, 2}, {2, 1, 0}} {
		var order []int
		results, err := inOrder(round, 3, func(i int) (loaded, error) {
			order = append(order, i)
			return loaded{cpu: float64(i)}, nil
		})
		if err != nil || !slices.Equal(order, want) || results[2].cpu != 2 {
			t.Errorf("round %d: order %v, %v", round, order, err)
		}
	}
	failed := errors.New("failed")
	if results, err := inOrder(0, 2, func(int) (loaded, error) { return loaded{}, failed }); results != nil || !errors.Is(err, failed) {
		t.Errorf("results %v, %v", results, err)
	}
}

func TestNextPage(t *testing.T) {
	for link, want := range map[string]string{
		"": "",
		`</v2/a/referrers/sha256:0?last=1>; rel="next"`:                     "/v2/a/referrers/sha256:0?last=1",
		`<http://localhost:5000/v2/a/referrers/sha256:0?a=b&c>; rel="next"`: "/v2/a/referrers/sha256:0?a=b&c",
		`</v2/a>; rel="first"`: "",
		`/v2/a`:                "",
	} {
		if got := nextPage(link); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
}

func TestALongBlobIsSkippedWhereThereIsNoRoom(t *testing.T) {
	var progress strings.Builder
	b := &bench{dir: t.TempDir(), progress: &progress}
	b.heavy.blob = 1 << 60
	if err := new(memoryBlob).round(t.Context(), b, 0); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := b.table.Write(&out); err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"the table": out.String(), "the progress": progress.String()} {
		if !strings.Contains(text, "SKIPPED: ") {
			t.Errorf("%s does not say so:\n%s", where, text)
		}
	}
}

func TestParseExports(t *testing.T) {
	got := parseExports("# Root certificate SHA-256: ab\nexport A=plain\nexport B='with a = sign'\nunset C D\n")
	if want := []string{"A=plain", "B=with a = sign"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	s := service{exports: got}
	if s.export("B") != "with a = sign" || s.export("C") != "" {
		t.Errorf("B is %q, C is %q", s.export("B"), s.export("C"))
	}
}

func TestEnvironmentHidesTheCallers(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "the caller's")
	t.Setenv("SEALWRIGHT_DATA", "/somewhere")
	t.Setenv("PATH", "/bin")
	env := environment("/home", "MORE=1")
	for _, v := range env {
		if strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "SEALWRIGHT_") {
			t.Errorf("%s reaches the programs", v)
		}
	}
	if !slices.Contains(env, "HOME=/home") || !slices.Contains(env, "PATH=/bin") || !slices.Contains(env, "MORE=1") {
		t.Errorf("the environment is %q", env)
	}
}

func TestUploadEndsWhereItWasToldTo(t *testing.T) {
	for location, want := range map[string]string{
		"/v2/a/blobs/uploads/1":                    "/v2/a/blobs/uploads/1?digest=sha256:0",
		"http://localhost:5000/v2/a/u/1?_state=xy": "/v2/a/u/1?_state=xy&digest=sha256:0",
	} {
		if got := withDigest(location, "sha256:0"); got != want {
			t.Errorf("%s: %q, want %q", location, got, want)
		}
	}
}

// TestQuestionAboutASignature makes an envelope as SignPayload does and wants
// what a verifier would ask about it.
func TestQuestionAboutASignature(t *testing.T) {
	root, leaf := selfSigned(t), selfSigned(t)
	protected := `{"io.cncf.notary.authenticSigningTime":"2026-11-21T20:42:13Z","com.amazonaws.signer.signingProfileVersion":"arn:version","com.amazonaws.signer.signingJob":"arn:job"}`
	envelope := marshal(t, map[string]any{
		"protected": base64.RawURLEncoding.EncodeToString([]byte(protected)),
		"header":    map[string]any{"x5c": [][]byte{leaf.Raw, root.Raw}},
	})
	q, err := questionAbout(marshal(t, map[string]any{"signature": envelope}))
	if err != nil {
		t.Fatal(err)
	}
	if *q.JobArn != "arn:job" || *q.ProfileVersionArn != "arn:version" || *q.PlatformId != platform || q.SignatureTimestamp.Unix() != 1795293733 {
		t.Errorf("asks about job %s, version %s, %s", *q.JobArn, *q.ProfileVersionArn, q.SignatureTimestamp)
	}
	if want := []string{tbs(leaf) + tbs(root), tbs(root) + tbs(root)}; !slices.Equal(q.CertificateHashes, want) {
		t.Errorf("hashes %q, want %q", q.CertificateHashes, want)
	}
	for _, bad := range []string{`{`, `{"signature":"e30="}`, `{"signature":"eyJwcm90ZWN0ZWQiOiI/In0="}`} {
		if _, err := questionAbout([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	content, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func tbs(c *x509.Certificate) string {
	sum := sha512.Sum384(c.RawTBSCertificate)
	return hex.EncodeToString(sum[:])
}

func selfSigned(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRecordedRequestsAreSignedAndDiffer(t *testing.T) {
	s := service{exports: []string{"AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_ENDPOINT_URL=http://localhost:1"}}
	requests, err := s.recordSignPayload(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		text := string(r)
		if !strings.HasPrefix(text, "POST "+signPayloadPath+" HTTP/1.1\r\nHost: localhost:1\r\n") || !strings.Contains(text, "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/") {
			t.Errorf("the request is\n%s", text)
		}
	}
	if string(requests[0]) == string(requests[1]) {
		t.Error("two payloads made the same request")
	}
}

func TestImagesNeverRepeat(t *testing.T) {
	var i images
	seen := map[string]bool{}
	for range 100 {
		digest := describe("", i.content(configSize)).Digest
		if seen[digest] {
			t.Fatal("two contents are equal")
		}
		seen[digest] = true
	}
}

// TestAgainstPeers does with the real peers what the rows do with them.
func TestAgainstPeers(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts distribution")
	}
	dir := t.TempDir()
	p, err := build(t.Context(), dir, "not used here")
	if err != nil {
		t.Fatal(err)
	}
	distribution, err := startDistribution(t.Context(), p.distribution, filepath.Join(dir, "distribution"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(distribution.process.Stop)
	floor, err := startFloor(t.Context(), p.floor, filepath.Join(dir, "floor"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(floor.process.Stop)

	t.Run("signatures are pushed", func(t *testing.T) { pushSignatures(t, distribution) })
	t.Run("the floor answers what it was taught", func(t *testing.T) { teachFloor(t, floor) })
	t.Run("a wrong status is an error", func(t *testing.T) {
		_, err := loadServer(t.Context(), distribution.process, load.Plan{
			Address: distribution.registry.address, Connections: 2, Duration: time.Minute,
			Do: replay([]load.Request{distribution.registry.request("GET", "/v2/none/manifests/none", nil)}, 200),
		})
		if err == nil || !strings.Contains(err.Error(), "status 404, not 200") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a large blob is downloaded", func(t *testing.T) { downloadBlob(t, distribution, floor) })
}

func pushSignatures(t *testing.T, to *peer) {
	var i images
	subject, signatures, err := i.signed(t.Context(), to.registry, signaturesRepository, 20)
	if err != nil {
		t.Fatal(err)
	}
	if err := pushFallback(t.Context(), to.registry, subject.Digest, signatures); err != nil {
		t.Fatal(err)
	}
	c := dialPeer(t, to)
	more, err := i.sign(c, to.registry, signaturesRepository, subject.descriptor)
	if err != nil {
		t.Fatal(err)
	}
	if err := appendFallback(c, to.registry, subject.Digest, more.descriptor); err != nil {
		t.Fatal(err)
	}
	_, body, err := to.registry.get(t.Context(), "/v2/"+signaturesRepository+"/manifests/"+fallbackTag(subject.Digest), "Accept: "+imageIndex)
	if err != nil {
		t.Fatal(err)
	}
	var list index
	if err := json.Unmarshal(body, &list); err != nil || len(list.Manifests) != 21 || list.Manifests[20].Digest != more.Digest {
		t.Errorf("the list has %d signatures, %v", len(list.Manifests), err)
	}
}

func dialPeer(t *testing.T, p *peer) *load.Conn {
	t.Helper()
	c, err := load.Dial(t.Context(), p.registry.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func teachFloor(t *testing.T, floor *peer) {
	if err := floor.keep(t.Context(), "/a/path", []byte("the answer")); err != nil {
		t.Fatal(err)
	}
	c := dialPeer(t, floor)
	request := load.Make("POST", "/a/path?and=query", "localhost", []byte("a question"))
	if err := repeat(request, []byte("the answer"))(c, 0); err != nil {
		t.Error(err)
	}
	if err := repeat(request, []byte("another answer"))(c, 0); err == nil {
		t.Error("an answer that differs went unnoticed")
	}
}

func downloadBlob(t *testing.T, distribution, floor *peer) {
	const size = 3 << 20
	file := filepath.Join(floor.files, "blob")
	digest, err := writeRandom(file, size)
	if err != nil {
		t.Fatal(err)
	}
	if err := distribution.registry.pushFile(t.Context(), "bench/blob", file, digest); err != nil {
		t.Fatal(err)
	}
	for path, from := range map[string]*peer{"/v2/bench/blob/blobs/" + digest: distribution, "/files/blob": floor} {
		a, err := dialPeer(t, from).Drain(load.Make("GET", path, "localhost", nil))
		if err != nil || a.Status != 200 || a.Size != size {
			t.Errorf("%s: status %d, %d bytes, %v", path, a.Status, a.Size, err)
		}
	}
}

func TestMeasureNamesWhatFailed(t *testing.T) {
	s, err := parseSettings([]string{"-only", "start"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{settings: s, progress: io.Discard, dir: t.TempDir(), programs: programs{sealwright: "/no/such/program"}}
	if err := b.measure(context.Background()); err == nil || !strings.Contains(err.Error(), "start: ") {
		t.Errorf("got %v", err)
	}
}
