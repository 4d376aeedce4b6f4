package awshttp_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// signByHand is Signature Version 4 written from its description, for requests
// that the SDK's signer would not make. target is path and canonical query;
// headers are "name:value" in order, one of them x-amz-date or date.
func (w *world) signByHand(method, target string, headers []string, body string) string {
	path, query, _ := strings.Cut(target, "?")
	names := make([]string, len(headers))
	at := ""
	for i, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		names[i] = name
		switch name {
		case "x-amz-date":
			at = value
		case "date":
			t, _ := http.ParseTime(value)
			at = t.Format("20060102T150405Z")
		}
	}
	if at == "" {
		at = time.Now().UTC().Format("20060102T150405Z")
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{method, strings.ReplaceAll(path, "%", "%25"), query, strings.Join(headers, "\n") + "\n", signed, hash(body)}, "\n")
	scope := at[:8] + "/" + region + "/signer/aws4_request"
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", at, scope, hash(canonical)}, "\n")
	key := []byte("AWS4" + w.Root.Secret)
	for _, part := range append(strings.Split(scope, "/"), toSign) {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return "AWS4-HMAC-SHA256 Credential=" + w.Root.AccessKeyID + "/" + scope + ", SignedHeaders=" + signed + ", Signature=" + hex.EncodeToString(key)
}

func readAnswer(t testing.TB, conn net.Conn) answer {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}
