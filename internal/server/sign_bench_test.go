package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/signer"
)

// BenchmarkSignPayload is what the service itself does for a signature, without the
// network and net/http's own work, by how many are under way. ×sig is the time of
// all processors beside that of one raw signature, taken just before and after.
func BenchmarkSignPayload(b *testing.B) {
	c := settings(b)
	c.AuditMaxEntries = 1 << 40 // nothing may stop for being quick
	s, _ := run(b, c)
	client := signer.NewFromConfig(awsConfig(b, s))
	if _, err := client.PutSigningProfile(b.Context(), &signer.PutSigningProfileInput{ProfileName: aws.String("app"), PlatformId: aws.String("Notation-OCI-SHA384-ECDSA")}); err != nil {
		b.Fatal(err)
	}
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			b.ReportAllocs()
			benchmarkSigning(b, s, callers)
		})
	}
}

func benchmarkSigning(b *testing.B, s *Server, callers int) {
	requests := signPayloadRequests(b, s)
	raw := rawSignature(b)
	b.ResetTimer()
	before := cpuTime()
	var next atomic.Int64
	done := make(chan error, callers)
	for range callers {
		go func() { done <- signUntil(s, requests, &next, int64(b.N)) }()
	}
	for range callers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	used := float64(cpuTime()-before) / float64(b.N)
	raw = (raw + rawSignature(b)) / 2
	b.ReportMetric(used/1000, "cpu-µs/op")
	b.ReportMetric(used/raw, "×sig")
}

func signUntil(s *Server, requests []func() *http.Request, next *atomic.Int64, end int64) error {
	for {
		n := next.Add(1)
		if n > end {
			return nil
		}
		answer := httptest.NewRecorder()
		if s.Handler().ServeHTTP(answer, requests[int(n)%len(requests)]()); answer.Code != http.StatusOK {
			return fmt.Errorf("%d %s", answer.Code, answer.Body)
		}
	}
}

// signPayloadRequests are signed requests, each for as often as it is asked for.
func signPayloadRequests(b *testing.B, s *Server) (requests []func() *http.Request) {
	credentials, err := awsConfig(b, s).Credentials.Retrieve(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for i := range 64 {
		payload := fmt.Sprintf(`{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%064x","size":527}}`, i)
		body := fmt.Sprintf(`{"payload":%q,"payloadFormat":"application/vnd.cncf.notary.payload.v1+json","profileName":"app"}`, b64(payload))
		r := httptest.NewRequest("POST", s.URL()+"/signing-jobs/with-payload", strings.NewReader(body))
		sum := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(b.Context(), credentials, r, hex.EncodeToString(sum[:]), "signer", "us-east-1", time.Now()); err != nil {
			b.Fatal(err)
		}
		requests = append(requests, func() *http.Request {
			again := r.Clone(r.Context())
			again.Body = io.NopCloser(bytes.NewReader([]byte(body)))
			return again
		})
	}
	return requests
}

func b64(text string) string {
	return base64.StdEncoding.EncodeToString([]byte(text))
}

// rawSignature is the processor time of one P-384 signature, in nanoseconds.
func rawSignature(b *testing.B) float64 {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	const n = 1000
	before := cpuTime()
	for range n {
		if _, err := ecdsa.SignASN1(rand.Reader, key, make([]byte, 48)); err != nil {
			b.Fatal(err)
		}
	}
	return float64(cpuTime()-before) / n
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
