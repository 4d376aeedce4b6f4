package awshttp_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// presign makes a request and puts the SDK's signature into its query string.
func (w *world) presign(t testing.TB, q request) *http.Request {
	t.Helper()
	r, err := http.NewRequest(q.method, w.URL+q.path, readCloser(q.body))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = int64(len(q.body))
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	at := q.at
	if at.IsZero() {
		at = time.Now()
	}
	c := aws.Credentials{AccessKeyID: or(q.keyID, w.Root.AccessKeyID), SecretAccessKey: or(q.secret, w.Root.Secret), SessionToken: q.token}
	uri, _, err := v4.NewSigner().PresignHTTP(context.Background(), c, r, hash(q.body), or(q.service, "signer"), or(q.region, region), at)
	if err == nil {
		r.URL, err = url.Parse(uri)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func presignedRequest() request {
	return request{method: "POST", path: "/signing-jobs/with-payload?X-Amz-Expires=60", body: goodBody,
		header: map[string]string{"Content-Type": "application/json", "X-Other": "1"}}
}

// editQuery changes one parameter of the query string, or takes it away.
func editQuery(name, pattern, with string) func(*http.Request) {
	return func(r *http.Request) {
		q := r.URL.Query()
		if with == "" {
			q.Del(name)
		} else {
			q.Set(name, strings.Replace(q.Get(name), pattern, with, 1))
		}
		r.URL.RawQuery = q.Encode()
	}
}

func appendQuery(text string) func(*http.Request) {
	return func(r *http.Request) { r.URL.RawQuery += text }
}

func TestPresignedTampering(t *testing.T) {
	const noMatch = "The request signature we calculated does not match"
	const mismatch, incomplete = "InvalidSignatureException", "IncompleteSignatureException"
	w := newWorld(t, (&toy{}).signer())
	for _, test := range []struct {
		name   string
		tamper func(*http.Request)
		code   string // "" means accepted
		says   string
	}{
		{"nothing", func(*http.Request) {}, "", ""},
		{"an unsigned header", setHeader("X-Forwarded-For", "1.2.3.4"), "", ""},
		{"another method", func(r *http.Request) {
			r.Method, r.URL.Path, r.Body, r.ContentLength = "GET", "/signing-jobs", nil, 0
			r.Header.Del("Content-Type")
		}, mismatch, ""},
		{"another path", func(r *http.Request) { r.Method, r.URL.Path = "PUT", "/signing-profiles/good" }, mismatch, noMatch},
		{"another body", func(r *http.Request) { r.Body = readCloser(strings.Replace(goodBody, "good", "evil", 1)) }, mismatch, noMatch},
		{"no body", func(r *http.Request) { r.Body, r.ContentLength = nil, 0 }, mismatch, noMatch},
		{"another host", func(r *http.Request) { r.Host = "elsewhere.test" }, mismatch, `The Host received was "elsewhere.test"`},
		{"another value of a signed header", setHeader("X-Other", "2"), mismatch, noMatch},
		{"a signed header removed", func(r *http.Request) { r.Header.Del("X-Other") }, mismatch, "does not have it"},
		{"an unsigned X-Amz header", setHeader("X-Amz-Target", "b"), mismatch, "must be a 'SignedHeader'"},
		{"one more parameter", appendQuery("&a=b"), mismatch, noMatch},
		{"the lifetime", editQuery("X-Amz-Expires", "60", "6000"), mismatch, noMatch},
		{"the lifetime removed", editQuery("X-Amz-Expires", "", ""), mismatch, noMatch},
		{"no lifetime at all", editQuery("X-Amz-Expires", "60", "0"), incomplete, "from 1 to 604800"},
		{"too long a lifetime", editQuery("X-Amz-Expires", "60", "604801"), incomplete, "from 1 to 604800"},
		{"a lifetime with a sign", editQuery("X-Amz-Expires", "60", "+60"), incomplete, "from 1 to 604800"},
		{"a token added", appendQuery("&X-Amz-Security-Token=t"), "UnrecognizedClientException", "security token"},
		{"a token in a header", setHeader("X-Amz-Security-Token", "t"), incomplete, "not in headers"},
		{"a time in a header", setHeader("X-Amz-Date", "20260101T000000Z"), incomplete, "not in headers"},
		{"a signature in a header", setHeader("Authorization", "AWS4-HMAC-SHA256 x"), incomplete, "not in both"},
		{"a password in a header", setHeader("Authorization", "Basic QVdTOng="), incomplete, "not in both"},
		{"two signatures", appendQuery("&X-Amz-Signature=" + strings.Repeat("0", 64)), incomplete, `"X-Amz-Signature" twice`},
		{"two times", appendQuery("&X-Amz-Date=20260101T000000Z"), incomplete, `"X-Amz-Date" twice`},
		{"two spellings", appendQuery("&x-amz-credential=AKIA"), incomplete, `not spelled as`},
		{"no signature", editQuery("X-Amz-Signature", "", ""), incomplete, "requires the parameter X-Amz-Signature"},
		{"no algorithm", editQuery("X-Amz-Algorithm", "", ""), incomplete, "requires the parameter X-Amz-Algorithm"},
		{"no credential", editQuery("X-Amz-Credential", "", ""), incomplete, "requires the parameter X-Amz-Credential"},
		{"no time", editQuery("X-Amz-Date", "", ""), incomplete, "requires the parameter X-Amz-Date"},
		{"no signed headers", editQuery("X-Amz-SignedHeaders", "", ""), incomplete, "requires the parameter X-Amz-SignedHeaders"},
		{"host not signed", editQuery("X-Amz-SignedHeaders", "host;", "hosts;"), mismatch, "'Host'"},
		{"version 4A", editQuery("X-Amz-Algorithm", "HMAC", "ECDSA-P256"), incomplete, "Version 4A"},
		{"the signature in upper case", func(r *http.Request) {
			q := r.URL.Query()
			q.Set("X-Amz-Signature", strings.Repeat("A", 64))
			r.URL.RawQuery = q.Encode()
		}, incomplete, "lower-case hexadecimal"},
		{"the scope's region", editQuery("X-Amz-Credential", "us-east-1", "eu-west-1"), mismatch, "this service is us-east-1"},
		{"the scope's service", editQuery("X-Amz-Credential", "/signer/", "/ecr/"), mismatch, "correct service: 'signer'"},
		{"the scope's date", editQuery("X-Amz-Credential", "/20", "/19"), mismatch, "Date in Credential scope"},
		{"an unsigned payload", appendQuery("&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"), mismatch, `["UNSIGNED-PAYLOAD"] is not supported`},
	} {
		r := w.presign(t, presignedRequest())
		test.tamper(r)
		a := send(t, r)
		switch {
		case test.code == "" && a.status != 200:
			t.Errorf("%s: %d %s", test.name, a.status, a.body)
		case test.code != "" && (!carries(a, 403, test.code) || !strings.Contains(strings.ReplaceAll(a.body, `\"`, `"`), test.says)):
			t.Errorf("%s: %d %s, want %s with %q", test.name, a.status, a.body, test.code, test.says)
		}
	}
}

// TestPresignedLifetime: a presigned request is good as long as it says, a
// quarter of an hour if it does not, and, where the service has it so, a quarter
// of an hour whatever it says.
func TestPresignedLifetime(t *testing.T) {
	w := newWorld(t, (&toy{}).signer(), queryToy())
	now := time.Date(2026, 3, 1, 0, 2, 0, 500e6, time.UTC)
	w.Now = func() time.Time { return now }
	const jobs, echo = "/signing-jobs", "/?Action=Echo&Name=n&Version=2011-06-15"
	for _, test := range []struct {
		service, path string
		off           time.Duration
		says          string // "" means accepted
	}{
		{"signer", jobs, -15 * time.Minute, ""},
		{"signer", jobs, -15*time.Minute - time.Second, "Signature expired: 20260228T234659Z is now earlier than 20260228T234700Z (20260301T000200Z - 15 min.)"},
		{"signer", jobs + "?X-Amz-Expires=59", -59 * time.Second, ""},
		{"signer", jobs + "?X-Amz-Expires=59", -60 * time.Second, "is now earlier than 20260301T000101Z (20260301T000200Z - 59 s.)"},
		{"signer", jobs + "?X-Amz-Expires=604800", -7 * 24 * time.Hour, ""},
		{"signer", jobs + "?X-Amz-Expires=604800", -7*24*time.Hour - time.Second, "Signature expired: "},
		{"signer", jobs + "?X-Amz-Expires=604800", 5 * time.Minute, ""},
		{"signer", jobs + "?X-Amz-Expires=604800", 5*time.Minute + time.Second, "Signature not yet current: "},
		{"sts", echo, -15 * time.Minute, ""},
		{"sts", echo + "&X-Amz-Expires=60", -15 * time.Minute, ""},
		{"sts", echo + "&X-Amz-Expires=60", -15*time.Minute - time.Second, "- 15 min.)"},
		{"sts", echo + "&X-Amz-Expires=604800", -15*time.Minute - time.Second, "- 15 min.)"},
	} {
		a := send(t, w.presign(t, request{method: "GET", path: test.path, service: test.service, at: now.Truncate(time.Second).Add(test.off)}))
		code := map[string]string{"signer": "InvalidSignatureException", "sts": "SignatureDoesNotMatch"}[test.service]
		if test.says == "" && a.status != 200 || test.says != "" && (!carries(a, 403, code) || !strings.Contains(a.body, test.says)) {
			t.Errorf("%s %v: %d %s", test.path, test.off, a.status, a.body)
		}
	}
}
