package sigv4

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// presign is the oracle for the query form: AWS's own signer. It returns r with
// the signature in its query string.
func presign(r *http.Request, c aws.Credentials, body []byte) (*http.Request, error) {
	uri, _, err := v4.NewSigner().PresignHTTP(context.Background(), c, r, hashOf(body), "signer", "us-east-1", testTime)
	if err != nil {
		return nil, err
	}
	signed := r.Clone(context.Background())
	signed.URL, err = url.Parse(uri)
	return signed, err
}

// represigned asks the oracle whether the signature of a received request is the
// one it would make for it.
func represigned(r *http.Request, c aws.Credentials, body []byte) bool {
	again := r.Clone(context.Background())
	again.URL.Scheme, again.URL.Host = "http", r.Host
	q := again.URL.Query()
	sent, signed := q.Get(signatureParameter), strings.Split(q.Get(signedParameter), ";")
	for _, name := range authParameters {
		if name != expiresParameter {
			q.Del(name)
		}
	}
	again.URL.RawQuery = q.Encode()
	for name := range again.Header {
		if !slices.Contains(signed, strings.ToLower(name)) {
			delete(again.Header, name)
		}
	}
	if !slices.Contains(signed, "content-length") {
		again.ContentLength = 0
	}
	uri, err := presign(again, c, body)
	return err == nil && uri.URL.Query().Get(signatureParameter) == sent
}

// FuzzPresigned presigns random requests with AWS's signer, changes one part in
// transit, and asks AWS's signer and this verifier whether the signature still
// holds. They must agree.
func FuzzPresigned(f *testing.F) {
	f.Add("/", "Action", "GetCallerIdentity", "Version", "2011-06-15", "  two  spaces ", []byte(nil), "", byte(0))
	f.Add("/tags/arn:aws:signer:us-east-1:111122223333:/signing-profiles/p", "tagKeys", "a:", "tagKeys", "a1", "x", []byte("{}"), "token/+=", byte(1))
	f.Add("/ü/%2F/+", "a+b", "c&d=e;f", "", "", "ü", []byte("body"), "t", byte(2))
	f.Add("/x", "X-Amz-Expires", "60", "", "y", "", []byte("body"), "", byte(3))
	f.Add("/x", "b", "", "a", "", "\t", []byte(nil), "", byte(4))
	f.Add("/x", "b", "", "a", "changed", "", []byte("body"), "", byte(5))
	v := &Verifier{}
	f.Fuzz(func(t *testing.T, path, k1, v1, k2, v2, header string, body []byte, token string, change byte) {
		reserved := func(key string) bool { return strings.HasPrefix(strings.ToLower(key), "x-amz-") }
		if reserved(k1) && k1 != expiresParameter || reserved(k2) {
			t.Skip() // this verifier is stricter there
		}
		c := testCredentials
		c.SessionToken = token
		r, ok := fuzzRequest(path, url.Values{k1: {v1}}, header, body)
		if !ok {
			t.Skip()
		}
		r, err := presign(r, c, body)
		if err != nil {
			t.Skip()
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		fuzzChange(r, change, k2, v2)
		got, gotBody, err := received(r)
		if err != nil {
			t.Skip()
		}
		raw, _ := split(got)
		err = verifyAll(v, got, gotBody)
		want := represigned(got, c, gotBody) && checkPath(raw) == nil && expiresFits(k1, v1)
		if (err == nil) != want {
			t.Errorf("%s %s: verify says %v, the oracle says %v", got.Method, got.RequestURI, err, want)
		}
	})
}

// expiresFits reports whether a lifetime is one that this verifier accepts: the
// oracle does not care.
func expiresFits(key, value string) bool {
	if key != expiresParameter {
		return true
	}
	_, err := parseExpires(map[string]string{key: value})
	return err == nil
}

func BenchmarkPresigned(b *testing.B) {
	r, _ := http.NewRequest("GET", "http://localhost:5000/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", nil)
	r, err := presign(r, testCredentials, nil)
	if err != nil {
		b.Fatal(err)
	}
	got, body, err := received(r)
	if err != nil {
		b.Fatal(err)
	}
	v := &Verifier{}
	b.ReportAllocs()
	for b.Loop() {
		if err := verifyAll(v, got, body); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzQueryForm reads arbitrary query strings: nothing that is not complete is
// accepted.
func FuzzQueryForm(f *testing.F) {
	const complete = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260301%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20260301T120000Z" +
		"&X-Amz-SignedHeaders=host&X-Amz-Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	f.Add(complete)
	f.Add(complete + "&X-Amz-Expires=604800&X-Amz-Security-Token=t")
	f.Add(complete + "&X-Amz-Expires=0")
	f.Add("x-amz-signature=1")
	f.Fuzz(func(t *testing.T, query string) {
		pairs, err := ParsePairs(query)
		if err != nil || !slices.ContainsFunc(pairs, isAuthParameter) {
			return
		}
		s, err := Parse(&http.Request{Header: http.Header{}}, Target{Query: pairs})
		if err != nil {
			return
		}
		if len(s.mac) != 64 || !s.covers("host") || s.timestamp[:8] != s.date || s.expires <= 0 || s.expires > maxExpires {
			t.Errorf("accepted %q as %+v", query, s)
		}
		if slices.ContainsFunc(withoutSignature(pairs), func(p Pair) bool { return strings.EqualFold(p.Key, signatureParameter) }) {
			t.Errorf("two signatures in %q", query)
		}
	})
}
