package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var testCredentials = aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// resign is the oracle: AWS's own signer.
func resign(r *http.Request, body []byte) error {
	return v4.NewSigner().SignHTTP(context.Background(), testCredentials, r, hashOf(body), "signer", "us-east-1", testTime)
}

// received is what a server has of r: written to the wire and read again.
func received(r *http.Request) (*http.Request, []byte, error) {
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return nil, nil, err
	}
	got, err := http.ReadRequest(bufio.NewReader(&b))
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(got.Body)
	return got, body, err
}

// verifyAll is what the handler does with a signature, but for the time.
func verifyAll(v *Verifier, r *http.Request, body []byte) error {
	target, err := ParseTarget(r)
	if err != nil {
		return err
	}
	s, err := Parse(r, target)
	if err != nil {
		return err
	}
	return v.Verify(s, Message{r, target, body}, testCredentials.SecretAccessKey)
}

// resigned asks the oracle whether the signature of a received request is the
// one it would make for it.
func resigned(r *http.Request, body []byte) bool {
	again := r.Clone(context.Background())
	again.URL.Scheme, again.URL.Host = "http", r.Host
	sent := r.Header.Get("Authorization")
	_, rest, _ := strings.Cut(sent, "SignedHeaders=")
	list, _, _ := strings.Cut(rest, ",")
	signed := strings.Split(list, ";")
	for name := range again.Header {
		if !contains(signed, strings.ToLower(name)) {
			delete(again.Header, name)
		}
	}
	return resign(again, body) == nil && again.Header.Get("Authorization") == sent
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// FuzzVerify signs random requests with AWS's signer, changes one part in
// transit, and asks AWS's signer and this verifier whether the signature still
// holds. They must agree.
func FuzzVerify(f *testing.F) {
	f.Add("/signing-profiles/a b", "k", "v", "k", "w", "  two  spaces ", []byte("{}"), byte(0))
	f.Add("/tags/arn:aws:signer:us-east-1:111122223333:/signing-profiles/p", "tagKeys", "a:", "tagKeys", "a1", "x", []byte{}, byte(1))
	f.Add("/ü/%2F/+", "a+b", "c&d=e;f", "", "", "ü", []byte("body"), byte(2))
	f.Add("/", "a", "%zz", "A", "~-_.", "a,b", []byte("body"), byte(3))
	f.Add("/x", "b", "", "a", "", "\t", []byte(nil), byte(4))
	f.Add("/x/../y", "", "x", "", "", "", []byte("body"), byte(5))
	f.Add("/y//z", "", "x", "", "", "", []byte("body"), byte(6))
	v := &Verifier{}
	f.Fuzz(func(t *testing.T, path, k1, v1, k2, v2, header string, body []byte, change byte) {
		r, ok := fuzzRequest(path, url.Values{k1: {v1}}, header, body)
		if !ok || resign(r, body) != nil {
			t.Skip()
		}
		fuzzChange(r, change, k2, v2)
		got, gotBody, err := received(r)
		if err != nil {
			t.Skip()
		}
		raw, _ := split(got)
		err = verifyAll(v, got, gotBody)
		want := resigned(got, gotBody) && checkPath(raw) == nil
		if (err == nil) != want {
			t.Errorf("%s %s: verify says %v, the oracle says %v", got.Method, got.RequestURI, err, want)
		}
	})
}

func fuzzRequest(path string, query url.Values, header string, body []byte) (*http.Request, bool) {
	r, err := http.NewRequest("POST", "http://host.test:5000/", bytes.NewReader(body))
	if err != nil || !strings.HasPrefix(path, "/") {
		return nil, false
	}
	r.URL.Path, r.URL.RawQuery = path, query.Encode()
	r.Header.Set("User-Agent", "fuzz")
	r.Header.Set("X-Custom", header)
	return r, true
}

// fuzzChange changes one part of a signed request, or none.
func fuzzChange(r *http.Request, change byte, k, v string) {
	switch change % 6 {
	case 1:
		q := r.URL.Query()
		q.Add(k, v)
		r.URL.RawQuery = q.Encode()
	case 2:
		r.Header.Set("X-Custom", v)
	case 3:
		r.URL.Path += v
	case 4:
		r.Host = "other.test" + k
	case 5:
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(v)), int64(len(v))
	}
}

func benchmarkRequest(b *testing.B, query string) (*http.Request, []byte) {
	body := bytes.Repeat([]byte("x"), 560)
	r, _ := http.NewRequest("POST", "http://localhost:5000/signing-jobs/with-payload?"+query, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Amz-Sdk-Invocation-Id", "0123456789")
	if err := resign(r, body); err != nil {
		b.Fatal(err)
	}
	got, gotBody, err := received(r)
	if err != nil {
		b.Fatal(err)
	}
	return got, gotBody
}

func BenchmarkVerify(b *testing.B) {
	hash := strings.Repeat("0123456789abcdef", 12)
	for name, query := range map[string]string{
		"body":  "",
		"query": url.Values{"profileVersionArn": {"arn:aws:signer:us-east-1:111122223333:/signing-profiles/p/0123456789"}, "certificateHashes": {hash, hash, hash}}.Encode(),
	} {
		b.Run(name, func(b *testing.B) {
			r, body := benchmarkRequest(b, query)
			v := &Verifier{}
			b.ReportAllocs()
			for b.Loop() {
				if err := verifyAll(v, r, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkResign is what a verifier that signs again with the SDK would cost.
func BenchmarkResign(b *testing.B) {
	r, body := benchmarkRequest(b, "")
	b.ReportAllocs()
	for b.Loop() {
		if !resigned(r, body) {
			b.Fatal("the signature does not hold")
		}
	}
}

// FuzzAuthorization reads arbitrary Authorization headers: nothing that is not
// complete is accepted.
func FuzzAuthorization(f *testing.F) {
	const complete = "AWS4-HMAC-SHA256 Credential=AKIA/20260301/us-east-1/signer/aws4_request, SignedHeaders=host;x-amz-date, " +
		"Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	f.Add(complete, "20260301T120000Z")
	f.Add("Basic x", "Sun, 01 Mar 2026 12:00:00 GMT")
	f.Add("AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;,Signature=", "")
	f.Fuzz(func(t *testing.T, authorization, date string) {
		r := &http.Request{Header: http.Header{"Authorization": {authorization}, "X-Amz-Date": {date}}}
		s, err := Parse(r, Target{})
		if err != nil {
			return
		}
		if len(s.mac) != 64 || !s.covers("host") || !s.covers("x-amz-date") || s.timestamp[:8] != s.date || len(s.timestamp) != len(amzDateForm) {
			t.Errorf("accepted %q at %q as %+v", authorization, date, s)
		}
	})
}
