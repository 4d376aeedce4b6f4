package ociapi_test

import (
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/ociref"
)

func TestNotModified(t *testing.T) {
	s := serve(t, nil, "app")
	image, _ := s.pushImage("app", "v1", "config", "")
	blob := string(ociref.DigestOf(ociref.SHA256, []byte("config")))
	for path, digest := range map[string]string{
		"/v2/app/manifests/v1": string(image), "/v2/app/manifests/" + string(image): string(image), "/v2/app/blobs/" + blob: blob,
	} {
		tag := `"` + digest + `"`
		for _, method := range []string{"GET", "HEAD"} {
			for _, have := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
				r := s.want(s.do(method, path, nil, "If-None-Match: "+have), 304)
				if r.Header.Get("ETag") != tag || r.Header.Get("Docker-Content-Digest") != digest || len(r.body) > 0 {
					t.Errorf("%s %s with %s: %v", method, path, have, r.Header)
				}
			}
			s.want(s.do(method, path, nil, `If-None-Match: "other"`), 200)
			s.want(s.do(method, path, nil, "If-None-Match: "+digest), 200) // not an entity tag
		}
	}
	s.want(s.do("GET", "/v2/app/manifests/absent", nil, "If-None-Match: *"), 404, "MANIFEST_UNKNOWN")
}

// TestRangeNotSatisfiable: the protocol's own error, and where the blob ends.
func TestRangeNotSatisfiable(t *testing.T) {
	s := serve(t, nil, "app")
	path := "/v2/app/blobs/" + string(s.pushBlob("app", []byte("0123456789")))
	for _, ranges := range []string{"bytes=10-", "bytes=99-100", "bytes=5-4", "bytes=x-", "bytes=-0", "bytes=-00, -0"} {
		r := s.want(s.do("GET", path, nil, "Range: "+ranges), 416, "SIZE_INVALID")
		if r.Header.Get("Content-Type") != "application/json" || len(r.Header.Values("X-Content-Type-Options")) != 1 || r.message() == "" {
			t.Errorf("%s: %v %s", ranges, r.Header, r.body)
		}
		if at := r.Header.Get("Content-Range"); (strings.HasPrefix(ranges, "bytes=1") || strings.HasPrefix(ranges, "bytes=-")) && at != "bytes */10" {
			t.Errorf("%s: Content-Range is %q", ranges, at)
		}
		for _, name := range []string{"ETag", "Docker-Content-Digest", "Accept-Ranges"} {
			if r.Header.Get(name) != "" {
				t.Errorf("%s: an error with %s", ranges, name)
			}
		}
	}
	if r := s.want(s.do("GET", path, nil, "Range: bytes=-3"), 206); string(r.body) != "789" {
		t.Errorf("suffix: %s", r.body)
	}
	if r := s.want(s.do("GET", path, nil, "Range: bytes=0-0,-1"), 206); !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/byteranges") {
		t.Errorf("two ranges: %v", r.Header)
	}
	s.want(s.do("HEAD", path, nil, "Range: bytes=10-"), 200) // a range is GET's alone
	for ranges, part := range map[string]string{"Bytes=2-3": "23", "bytes=2-3,-0": "23", "bytes=-20": "0123456789"} {
		if r := s.want(s.do("GET", path, nil, "Range: "+ranges), 206); string(r.body) != part {
			t.Errorf("%s: %q", ranges, r.body)
		}
	}
	for _, ranges := range []string{"items=0-3", "lines", "bytes"} { // no unit of ours
		if r := s.want(s.do("GET", path, nil, "Range: "+ranges), 200); len(r.body) != 10 {
			t.Errorf("%s: %q", ranges, r.body)
		}
	}
	empty := "/v2/app/blobs/" + string(s.pushBlob("app", nil))
	s.want(s.do("GET", empty, nil, "Range: bytes=-5"), 200)
}
