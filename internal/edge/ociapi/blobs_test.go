package ociapi_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/edge/ociapi"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// start begins an upload and returns its location.
func (s *service) start(repository string) string {
	s.t.Helper()
	r := s.want(s.do("POST", "/v2/"+repository+"/blobs/uploads/", nil), 202)
	location := r.Header.Get("Location")
	if !strings.HasPrefix(location, "/v2/"+repository+"/blobs/uploads/") {
		s.t.Fatalf("Location is %q", location)
	}
	return location
}

func TestChunkedUpload(t *testing.T) {
	s := serve(t, nil, "app")
	at := s.start("app")
	r := s.want(s.do("PATCH", at, strings.NewReader("01234"), "Content-Range: 0-4"), 202)
	if got := r.Header.Get("Range"); got != "0-4" {
		t.Errorf("Range is %q", got)
	}
	r = s.want(s.do("PATCH", at, strings.NewReader("89"), "Content-Range: 8-9"), 416, "BLOB_UPLOAD_INVALID")
	if r.Header.Get("Range") != "0-4" || r.Header.Get("Location") != at {
		t.Errorf("416 does not say where to go on: %v", r.Header)
	}
	s.want(s.do("PATCH", at, strings.NewReader("01234"), "Content-Range: 0-4"), 416)
	for header, status := range map[string]int{"5-5": 400, "5-9": 400, "bytes 5-6/7": 416, "6-5": 416, "-1-2": 416, "99999999999999999999-1": 416} {
		s.want(s.do("PATCH", at, strings.NewReader("56"), "Content-Range: "+header), status)
	}
	r = s.want(s.do("GET", at, nil), 204)
	if r.Header.Get("Range") != "0-4" || r.Header.Get("Docker-Upload-UUID") == "" {
		t.Errorf("status of the upload: %v", r.Header)
	}
	s.want(s.do("HEAD", at, nil), 204)
	s.want(s.do("PATCH", at, strings.NewReader("5")), 202)
	d := ociref.DigestOf(ociref.SHA256, []byte("0123456"))
	r = s.want(s.do("PUT", at+"?digest="+string(d), strings.NewReader("6"), "Content-Range: 6-6"), 201)
	if r.Header.Get("Location") != "/v2/app/blobs/"+string(d) || r.Header.Get("Docker-Content-Digest") != string(d) {
		t.Errorf("created: %v", r.Header)
	}
	s.want(s.do("GET", at, nil), 404, "BLOB_UPLOAD_UNKNOWN")
	if got := s.want(s.do("GET", "/v2/app/blobs/"+string(d), nil), 200); string(got.body) != "0123456" {
		t.Errorf("blob is %q", got.body)
	}
}

func TestCancelUpload(t *testing.T) {
	s := serve(t, nil, "app")
	at := s.start("app")
	s.want(s.do("DELETE", at, nil), 204)
	for _, method := range []string{"DELETE", "GET", "PATCH"} {
		s.want(s.do(method, at, nil), 404, "BLOB_UPLOAD_UNKNOWN")
	}
}

func TestUploadStaysInItsRepository(t *testing.T) {
	s := serve(t, nil, "app", "other")
	at := s.start("app")
	elsewhere := strings.Replace(at, "/app/", "/other/", 1)
	s.want(s.do("PATCH", elsewhere, strings.NewReader("x")), 404, "BLOB_UPLOAD_UNKNOWN")
	s.want(s.do("DELETE", elsewhere, nil), 404)
	s.want(s.do("GET", at, nil), 204)
}

func TestLyingUploads(t *testing.T) {
	s := serve(t, nil, "app")
	d := string(ociref.DigestOf(ociref.SHA256, []byte("content")))
	s.want(s.do("POST", "/v2/app/blobs/uploads/?digest="+d, strings.NewReader("other")), 400, "DIGEST_INVALID")
	s.want(s.do("PUT", s.start("app")+"?digest="+d, strings.NewReader("other")), 400, "DIGEST_INVALID")
	s.want(s.do("PUT", s.start("app"), strings.NewReader("content")), 400, "DIGEST_INVALID")
	for _, bad := range []string{"sha256:00", "md5:" + strings.Repeat("0", 32), "sha256:..%2F..%2Fetc", strings.ToUpper(d)} {
		s.want(s.do("PUT", s.start("app")+"?digest="+bad, strings.NewReader("content")), 400, "DIGEST_INVALID")
		s.want(s.do("POST", "/v2/app/blobs/uploads/?digest="+bad, strings.NewReader("content")), 400, "DIGEST_INVALID")
		s.want(s.do("GET", "/v2/app/blobs/"+strings.ReplaceAll(bad, "%2F", "-"), nil), 400, "DIGEST_INVALID")
	}
	s.want(s.do("POST", "/v2/app/blobs/uploads/?digest-algorithm=md5", nil), 400, "DIGEST_INVALID")
	s.want(s.do("HEAD", "/v2/app/blobs/"+d, nil), 404)
}

// TestShortBody: a client that goes away in the middle leaves an upload that
// can go on.
func TestShortBody(t *testing.T) {
	s := serve(t, nil, "app")
	at := s.start("app")
	s.raw(t, fmt.Sprintf("PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 100\r\n\r\n0123", at, basic("AWS", s.password)), true)
	waitFor(t, func() bool { return s.do("GET", at, nil).Header.Get("Range") == "0-3" })
	d := ociref.DigestOf(ociref.SHA256, []byte("012345"))
	waitFor(t, func() bool { // until the broken request has let go
		return s.do("PUT", at+"?digest="+string(d), strings.NewReader("45"), "Content-Range: 4-5").StatusCode == 201
	})
	s.want(s.do("HEAD", "/v2/app/blobs/"+string(d), nil), 200)
}

// waitFor asks until the answer is yes.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		if t.Context().Err() != nil {
			t.Fatal("waited in vain")
		}
		time.Sleep(time.Millisecond)
	}
}

// raw sends bytes and returns what comes back; closeWrite ends the sending side.
func (s *service) raw(t *testing.T, request string, closeWrite bool) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	must(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, request)
	must(t, err)
	if closeWrite {
		must(t, conn.(*net.TCPConn).CloseWrite())
	}
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

// TestAbsurdLength is refused before a byte of the body is read: the client here
// never sends one.
func TestAbsurdLength(t *testing.T) {
	s := serve(t, nil, "app")
	at := s.start("app")
	for _, c := range []string{
		"PATCH " + at, "PUT " + at + "?digest=sha256:" + strings.Repeat("0", 64), "PUT /v2/app/manifests/latest",
		"POST /v2/app/blobs/uploads/?digest=sha256:" + strings.Repeat("0", 64),
	} {
		answer := s.raw(t, fmt.Sprintf("%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 9000000000000000000\r\nConnection: close\r\n\r\n", c, basic("AWS", s.password)), false)
		if !strings.HasPrefix(answer, "HTTP/1.1 413 ") || !strings.Contains(answer, "SIZE_INVALID") {
			t.Errorf("%s: %.200s", c, answer)
		}
	}
}

func TestTooMuch(t *testing.T) {
	s := serve(t, func(ro *registry.Options, _ *ociapi.Options) { ro.MaxUpload, ro.MaxManifest = 1000, 1000 }, "app")
	content := bytes.Repeat([]byte("x"), 1001)
	d := string(ociref.DigestOf(ociref.SHA256, content))
	unsized := func() io.Reader { return io.MultiReader(bytes.NewReader(content)) } // chunked: no Content-Length
	s.want(s.do("POST", "/v2/app/blobs/uploads/?digest="+d, unsized()), 413, "SIZE_INVALID")
	at := s.start("app")
	s.want(s.do("PATCH", at, bytes.NewReader(content[:600])), 202)
	s.want(s.do("PATCH", at, bytes.NewReader(content[:401])), 413, "SIZE_INVALID")
	s.want(s.do("PATCH", at, unsized()), 413, "SIZE_INVALID")
	s.want(s.do("PUT", "/v2/app/manifests/latest", unsized(), "Content-Type: "+registry.MediaTypeImage), 413, "SIZE_INVALID")
	s.pushBlob("app", content[:1000])
}

// TestSlowUpload: a client that sends nothing for as long as the patience is
// told so, and the connection ends.
func TestSlowUpload(t *testing.T) {
	s := serve(t, func(_ *registry.Options, oo *ociapi.Options) { oo.Patience = 50 * time.Millisecond }, "app")
	at := s.start("app")
	answer := s.raw(t, fmt.Sprintf("PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 100\r\n\r\n0123", at, basic("AWS", s.password)), false)
	if !strings.HasPrefix(answer, "HTTP/1.1 408 ") {
		t.Errorf("answer: %.300s", answer)
	}
	if got := s.want(s.do("GET", at, nil), 204).Header.Get("Range"); got != "0-3" {
		t.Errorf("the upload stands at %q", got)
	}
}

// TestSlowReader: whoever asks for a large manifest and does not take it is cut
// off, and so does not keep it in memory.
func TestSlowReader(t *testing.T) {
	cut := make(signal, 1)
	s := serve(t, func(_ *registry.Options, oo *ociapi.Options) {
		oo.Patience, oo.Logger = time.Second, slog.New(slog.NewTextHandler(cut, nil))
	}, "app")
	s.pushImage("app", "large", "config", fmt.Sprintf(`,"annotations":{"a":%q}`, strings.Repeat("a", 4<<20-1000)))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	must(t, err)
	defer conn.Close()
	must(t, conn.(*net.TCPConn).SetReadBuffer(4096))
	_, err = fmt.Fprintf(conn, "GET /v2/app/manifests/large HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n", basic("AWS", s.password))
	must(t, err)
	<-cut
}

// signal is a log that tells that something was written to it.
type signal chan struct{}

func (s signal) Write(p []byte) (int, error) {
	select {
	case s <- struct{}{}:
	default:
	}
	return len(p), nil
}

// TestRanges asks blobs that lie in the records and in the blob store the same.
func TestRanges(t *testing.T) {
	s := serve(t, nil, "app")
	for _, n := range []int{1_000, 100_000} {
		s.ranges(n)
	}
}

func (s *service) ranges(n int) {
	s.t.Helper()
	content := make([]byte, n)
	rand.Read(content)
	path := "/v2/app/blobs/" + string(s.pushBlob("app", content))
	for header, want := range map[string][]byte{
		"bytes=0-0": content[:1], fmt.Sprintf("bytes=%d-", n-1): content[n-1:], "bytes=-500": content[n-500:], "bytes=10-20": content[10:21], "bytes=0-999999": content,
	} {
		if r := s.want(s.do("GET", path, nil, "Range: "+header), 206); !bytes.Equal(r.body, want) {
			s.t.Errorf("%s: %d bytes, want %d", header, len(r.body), len(want))
		}
	}
	s.want(s.do("GET", path, nil, fmt.Sprintf("Range: bytes=%d-", n)), 416)
	r := s.want(s.do("GET", path, nil), 200)
	if !bytes.Equal(r.body, content) || r.ContentLength != int64(n) || r.Header.Get("Content-Type") != "application/octet-stream" {
		s.t.Errorf("whole blob: %v", r.Header)
	}
	s.want(s.do("GET", path, nil, "If-None-Match: "+r.Header.Get("ETag")), 304)
	head := s.want(s.do("HEAD", path, nil), 200)
	if head.ContentLength != int64(n) || head.Header.Get("Docker-Content-Digest") != r.Header.Get("Docker-Content-Digest") {
		s.t.Errorf("HEAD: %v", head.Header)
	}
}

func TestDeleteBlob(t *testing.T) {
	s := serve(t, nil, "app", "other")
	d, _ := s.pushImage("app", "latest", "config", "")
	layer := string(ociref.DigestOf(ociref.SHA256, []byte("a layer")))
	s.want(s.do("DELETE", "/v2/app/blobs/"+layer, nil), 409, "DENIED")
	s.want(s.do("DELETE", "/v2/other/blobs/"+layer, nil), 404, "BLOB_UNKNOWN")
	s.want(s.do("DELETE", "/v2/app/manifests/"+string(d), nil), 202)
	s.want(s.do("DELETE", "/v2/app/blobs/"+layer, nil), 202)
	s.want(s.do("GET", "/v2/app/blobs/"+layer, nil), 404, "BLOB_UNKNOWN")
}

// TestFileIsGivenToTheConnection: what the handler writes to must offer
// io.ReaderFrom, and be offered a file.
func TestFileIsGivenToTheConnection(t *testing.T) {
	s := serve(t, nil, "app")
	d := s.pushBlob("app", make([]byte, registry.DefaultSmallBlob+1))
	w := &readerFrom{header: http.Header{}}
	r, err := http.NewRequest("GET", "/v2/app/blobs/"+string(d), nil)
	must(t, err)
	r.SetBasicAuth("AWS", s.password)
	ociapi.New(ociapi.Options{Registry: s.registry, Tokens: s.access, Authorizer: s}).ServeHTTP(w, r)
	limited, ok := w.from.(*io.LimitedReader)
	if !ok {
		t.Fatalf("ReadFrom got a %T", w.from)
	}
	if kind := fmt.Sprintf("%T", limited.R); kind != "*os.File" {
		t.Errorf("ReadFrom got a %s, sendfile needs an *os.File", kind)
	}
}

type readerFrom struct {
	header http.Header
	from   io.Reader
}

func (w *readerFrom) Header() http.Header         { return w.header }
func (w *readerFrom) WriteHeader(int)             {}
func (w *readerFrom) Write(p []byte) (int, error) { return len(p), nil }
func (w *readerFrom) ReadFrom(r io.Reader) (int64, error) {
	w.from = r
	return io.Copy(io.Discard, r)
}
