package awshttp_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

const goodBody = `{"profileName":"good","payload":"e30=","payloadFormat":"f"}`

func goodRequest() request {
	return request{method: "POST", path: "/signing-jobs/with-payload", body: goodBody,
		header: map[string]string{"Content-Type": "application/json", "X-Amz-Meta-A": "  a   b ", "X-Other": "1"}}
}

// edit changes the Authorization header.
func edit(pattern, with string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", regexp.MustCompile(pattern).ReplaceAllString(r.Header.Get("Authorization"), with))
	}
}

func setHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// otherSecond changes the seconds of the request's time.
func otherSecond(r *http.Request) {
	at := []byte(r.Header.Get("X-Amz-Date"))
	at[14] = '0' + (at[14]-'0'+1)%10
	r.Header.Set("X-Amz-Date", string(at))
}

func TestTampering(t *testing.T) {
	const noMatch = "The request signature we calculated does not match"
	w := newWorld(t, (&toy{}).signer())
	tests := []struct {
		name   string
		tamper func(*http.Request)
		code   string // "" means accepted
		says   string
	}{
		{"nothing", func(*http.Request) {}, "", ""},
		{"an unsigned header", setHeader("X-Forwarded-For", "1.2.3.4"), "", ""},
		{"the trace header of a proxy", setHeader("X-Amzn-Trace-Id", "Root=1"), "", ""},
		{"spaces in a signed value", setHeader("X-Amz-Meta-A", "a b"), "", ""},
		{"the method", func(r *http.Request) { r.Method = "PUT" }, "UnknownOperationException", "which takes"},
		{"the path", func(r *http.Request) { r.URL.Path = "/signing-profiles/good"; r.Method = "PUT" }, "InvalidSignatureException", noMatch},
		{"the path's encoding", func(r *http.Request) { r.URL.Opaque = "//" + r.URL.Host + "/signing%2Djobs/with-payload" }, "UnknownOperationException", ""},
		{"a query parameter", func(r *http.Request) { r.URL.RawQuery = "a=b" }, "InvalidSignatureException", noMatch},
		{"the body", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(goodBody, "good", "evil", 1)))
		}, "InvalidSignatureException", noMatch},
		{"a signed header", setHeader("X-Other", "2"), "InvalidSignatureException", noMatch},
		{"a signed header doubled", func(r *http.Request) { r.Header.Add("X-Other", "1") }, "InvalidSignatureException", noMatch},
		{"a signed header removed", func(r *http.Request) { r.Header.Del("X-Other") }, "InvalidSignatureException", "does not have it"},
		{"an unsigned X-Amz header", setHeader("X-Amz-Meta-B", "b"), "InvalidSignatureException", "must be a 'SignedHeader'"},
		{"the host", func(r *http.Request) { r.Host = "elsewhere.test" }, "InvalidSignatureException", `The Host received was "elsewhere.test": a proxy in between must preserve`},
		{"the time", otherSecond, "InvalidSignatureException", noMatch},
		{"the time's form", setHeader("X-Amz-Date", "2026-01-01"), "IncompleteSignatureException", "ISO-8601 'basic format'"},
		{"two times", func(r *http.Request) { r.Header.Add("X-Amz-Date", r.Header.Get("X-Amz-Date")) }, "IncompleteSignatureException", "one 'X-Amz-Date'"},
		{"no time", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, "IncompleteSignatureException", "X-Amz-Date"},
		{"the signature", edit(`Signature=\w{8}`, "Signature=00000000"), "InvalidSignatureException", noMatch},
		{"the signature in upper case", func(r *http.Request) {
			head, mac, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", head+"Signature="+strings.ToUpper(mac))
		}, "IncompleteSignatureException", "lower-case hexadecimal"},
		{"the signature cut", edit(`Signature=\w{8}`, "Signature="), "IncompleteSignatureException", "64 lower-case"},
		{"no signature", edit(`, Signature=\w+`, ""), "IncompleteSignatureException", "requires 'Signature' parameter"},
		{"no signed headers", edit(`SignedHeaders=[^,]*, `, ""), "IncompleteSignatureException", "requires 'SignedHeaders' parameter"},
		{"no credential", edit(`Credential=[^,]*, `, ""), "IncompleteSignatureException", "requires 'Credential' parameter"},
		{"two signatures", edit(`$`, ", Signature=00"), "IncompleteSignatureException", "repeated parameter"},
		{"no spaces between parameters", edit(`, `, ","), "", ""},
		{"host not signed", edit(`;host;`, ";"), "InvalidSignatureException", "'Host'"},
		{"signed headers out of order", edit(`content-length;content-type`, "content-type;content-length"), "IncompleteSignatureException", "ascending"},
		{"signed headers repeated", edit(`;host;`, ";host;host;"), "IncompleteSignatureException", "ascending"},
		{"signed headers in upper case", edit(`;host;`, ";Host;"), "IncompleteSignatureException", "lower-case"},
		{"the scope's date", edit(`/\d{8}/`, "/20200101/"), "InvalidSignatureException", "Date in Credential scope does not match"},
		{"the scope's region", edit(`/us-east-1/`, "/eu-west-1/"), "InvalidSignatureException", "this service is us-east-1"},
		{"the scope's service", edit(`/signer/`, "/ecr/"), "InvalidSignatureException", "correct service: 'signer'"},
		{"the scope's end", edit(`aws4_request`, "aws5_request"), "InvalidSignatureException", "valid terminator: 'aws4_request'"},
		{"the scope's length", edit(`/signer/`, "/"), "IncompleteSignatureException", "exactly 5 slash-delimited"},
		{"the key", edit(`AKIA\w{16}`, "AKIAAAAAAAAAAAAAAAAA"), "UnrecognizedClientException", "security token included in the request is invalid"},
		{"another scheme", setHeader("Authorization", "Basic QVdTOng="), "IncompleteSignatureException", `"Basic"`},
		{"another algorithm", edit(`AWS4-HMAC-SHA256`, "AWS4-HMAC-SHA512"), "IncompleteSignatureException", "AWS4-HMAC-SHA256"},
		{"version 4A", edit(`AWS4-HMAC-SHA256`, "AWS4-ECDSA-P256-SHA256"), "IncompleteSignatureException", "Signature Version 4A (AWS4-ECDSA-P256-SHA256) is not supported here"},
		{"no authorization", func(r *http.Request) { r.Header.Del("Authorization") }, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"two authorizations", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, "IncompleteSignatureException", "one Authorization"},
		{"a huge authorization", edit(`$`, ", "+strings.Repeat("x", 9000)), "IncompleteSignatureException", "at most 8192 bytes"},
		{"a signature in the query too", func(r *http.Request) { r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00" }, "IncompleteSignatureException", "not in both"},
	}
	for _, test := range tests {
		r := w.sign(t, goodRequest())
		test.tamper(r)
		a := send(t, r)
		if test.code == "" {
			if a.status != 200 {
				t.Errorf("%s: %d %s", test.name, a.status, a.body)
			}
			continue
		}
		status := 403
		if test.code == "UnknownOperationException" {
			status = 404
		}
		if !carries(a, status, test.code) || !strings.Contains(strings.ReplaceAll(a.body, `\"`, `"`), test.says) {
			t.Errorf("%s: %d %s, want %s with %q", test.name, a.status, a.body, test.code, test.says)
		}
	}
	if log := w.Log.String(); strings.Contains(log, w.Root.Secret) || strings.Contains(log, "Signature=") {
		t.Error("the log has a secret or a signature")
	}
}

func TestContentHash(t *testing.T) {
	w := newWorld(t, (&toy{}).signer())
	for name, test := range map[string]struct{ sent, code string }{
		"right":            {hash(goodBody), ""},
		"wrong":            {hash("another body"), "InvalidSignatureException"},
		"unsigned payload": {"UNSIGNED-PAYLOAD", "InvalidSignatureException"},
		"streaming":        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "InvalidSignatureException"},
	} {
		q := goodRequest()
		q.header["X-Amz-Content-Sha256"] = test.sent
		a := send(t, w.sign(t, q))
		if test.code == "" && a.status != 200 || test.code != "" && !carries(a, 403, test.code) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestSkew(t *testing.T) {
	w := newWorld(t, (&toy{}).signer())
	now := time.Date(2026, 3, 1, 0, 2, 0, 500e6, time.UTC)
	w.Now = func() time.Time { return now }
	for _, test := range []struct {
		off  time.Duration
		says string // "" means accepted
	}{
		{-5 * time.Minute, ""},
		{5 * time.Minute, ""},
		{-5*time.Minute - time.Second, "Signature expired: 20260228T235659Z is now earlier than 20260228T235700Z (20260301T000200Z - 5 min.)"},
		{5*time.Minute + time.Second, "Signature not yet current: 20260301T000701Z is still later than 20260301T000700Z (20260301T000200Z + 5 min.)"},
		{-24 * time.Hour, "Signature expired: "},
	} {
		q := goodRequest()
		q.at = now.Truncate(time.Second).Add(test.off)
		a := send(t, w.sign(t, q))
		if test.says == "" && a.status != 200 || test.says != "" && (!carries(a, 403, "InvalidSignatureException") || !strings.Contains(a.body, test.says)) {
			t.Errorf("%v: %d %s", test.off, a.status, a.body)
		}
	}
}

func TestSessionTokenOfALongTermKey(t *testing.T) {
	w := newWorld(t, (&toy{}).signer())
	q := goodRequest()
	q.token = "anything"
	if a := send(t, w.sign(t, q)); !carries(a, 403, "UnrecognizedClientException") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestTargetsThatCouldBeReadTwoWays(t *testing.T) {
	w := newWorld(t, (&toy{}).signer())
	for _, path := range []string{"//signing-jobs", "/signing-jobs//x", "/a/../signing-jobs", "/./signing-jobs", "/a/%2e%2E/signing-jobs", "/a/.%2e", "/signing-jobs?a=%zz"} {
		a := raw(t, w, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if a.status != 400 || !strings.Contains(a.body, "SerializationException") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// raw sends bytes as they are.
func raw(t testing.TB, w *world, text string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, conn)
}

// TestAbsoluteForm sends what a client sends to an HTTP proxy: the service may
// stand as one.
func TestAbsoluteForm(t *testing.T) {
	w := newWorld(t, (&toy{}).signer())
	r := w.sign(t, request{method: "GET", path: "/signing-jobs?status=Succeeded"})
	var b bytes.Buffer
	if err := r.WriteProxy(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.String(), "GET http://127.0.0.1:") {
		t.Fatalf("not the absolute form: %s", b.String())
	}
	if a := raw(t, w, b.String()); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestSignedHopHeaders has headers signed that the SDK's signer leaves out.
func TestSignedHopHeaders(t *testing.T) {
	w := newWorld(t, (&toy{}).signer())
	for _, body := range []string{goodBody, ""} {
		path, method := "/signing-jobs/with-payload", "POST"
		if body == "" {
			path, method = "/signing-jobs", "GET"
		}
		host := strings.TrimPrefix(w.URL, "http://")
		headers := []string{"content-length:" + fmt.Sprint(len(body)), "expect:", "host:" + host, "user-agent:curl/8", "x-amz-date:" + time.Now().UTC().Format("20060102T150405Z")}
		signature := w.signByHand(method, path, headers, body)
		text := method + " " + path + " HTTP/1.1\r\nConnection: close\r\nExpect: \r\nUser-Agent: curl/8\r\nContent-Length: " + fmt.Sprint(len(body)) +
			"\r\nHost: " + host + "\r\nX-Amz-Date: " + strings.TrimPrefix(headers[4], "x-amz-date:") + "\r\nAuthorization: " + signature + "\r\n\r\n" + body
		if a := raw(t, w, text); a.status != 200 {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
		forged := strings.Replace(text, "curl/8", "curl/9", 1)
		if a := raw(t, w, forged); a.status != 403 {
			t.Errorf("%s with a forged user agent: %d %s", method, a.status, a.body)
		}
	}
}

// TestDateHeader signs the Date header where there is no X-Amz-Date.
func TestDateHeader(t *testing.T) {
	w := newWorld(t, (&toy{}).signer())
	host := strings.TrimPrefix(w.URL, "http://")
	now := time.Now().UTC()
	for _, signed := range []bool{true, false} {
		headers := []string{"host:" + host}
		if signed {
			headers = []string{"date:" + now.Format(http.TimeFormat), "host:" + host}
		}
		text := "GET /signing-jobs HTTP/1.1\r\nConnection: close\r\nHost: " + host + "\r\nDate: " + now.Format(http.TimeFormat) +
			"\r\nAuthorization: " + w.signByHand("GET", "/signing-jobs", headers, "") + "\r\n\r\n"
		a := raw(t, w, text)
		if signed && a.status != 200 || !signed && (a.status != 403 || !strings.Contains(a.body, "'Date' must be a 'SignedHeader'")) {
			t.Errorf("date signed %v: %d %s", signed, a.status, a.body)
		}
	}
}

// TestEitherQueryOrder signs parameters in the order AWS documents, by encoded
// value, where the SDK for Go's differs.
func TestEitherQueryOrder(t *testing.T) {
	w := newWorld(t, (&toy{}).signer())
	host := strings.TrimPrefix(w.URL, "http://")
	path := "/tags/arn%3Aaws%3Asigner%3Aus-east-1%3A111122223333%3A%2Fsigning-profiles%2Fp"
	date := "x-amz-date:" + time.Now().UTC().Format("20060102T150405Z")
	for order, accepted := range map[string]bool{"tagKeys=a%3A&tagKeys=a1": true, "tagKeys=a1&tagKeys=a%3A": true, "tagKeys=a1": false} {
		text := "DELETE " + path + "?tagKeys=a1&tagKeys=a%3A HTTP/1.1\r\nConnection: close\r\nHost: " + host + "\r\nX-Amz-Date: " + date[11:] +
			"\r\nAuthorization: " + w.signByHand("DELETE", path+"?"+order, []string{"host:" + host, date}, "") + "\r\n\r\n"
		if a := raw(t, w, text); (a.status == 200) != accepted {
			t.Errorf("%s: %d %s", order, a.status, a.body)
		}
	}
}
