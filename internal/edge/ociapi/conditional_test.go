package ociapi_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
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
	s.want(s.do("GET", path, nil, `If-Match: "other"`), 412, "DENIED")
	empty := "/v2/app/blobs/" + string(s.pushBlob("app", nil))
	s.want(s.do("GET", empty, nil, "Range: bytes=-5"), 200)
}

// TestConditionalChanges: nobody overwrites or removes what they have not seen.
func TestConditionalChanges(t *testing.T) {
	s := serve(t, nil, "app")
	image, content := s.pushImage("app", "v1", "config", "")
	other, _ := s.pushImage("app", "", "config", subjectJSON(image, "application/x", ""))
	is := func(d ociref.Digest) string { return `"` + string(d) + `"` }
	change := func(method, ref, condition string, status int) {
		t.Helper()
		r := s.do(method, "/v2/app/manifests/"+ref, bytes.NewReader(content), "Content-Type: "+registry.MediaTypeImage, condition)
		if s.want(r, status); status == 412 && r.code() != "DENIED" {
			t.Errorf("%s", r.body)
		}
	}
	tag := "sha256-" + image.Hex() // a view, which holds other
	view := s.want(s.do("HEAD", "/v2/app/manifests/"+tag, nil), 200).Header.Get("ETag")
	for _, tc := range []struct {
		method, ref, condition string
		status                 int
	}{
		{"PUT", "v1", "If-None-Match: *", 412},
		{"PUT", "v1", "If-Match: " + is(other), 412},
		{"PUT", "v1", "If-Match: W/" + is(image), 412},
		{"PUT", "v1", "If-Match: " + is(other) + ", " + is(image), 201},
		{"PUT", "v1", "If-Match: *", 201},
		{"PUT", "v1", "If-None-Match: W/" + is(image), 412},
		{"PUT", "v2", "If-Match: *", 412},
		{"PUT", "v2", "If-None-Match: *", 201},
		{"PUT", string(image), "If-None-Match: *", 412},
		{"PUT", string(image), "If-Match: " + is(image), 201},
		{"DELETE", "v2", "If-Match: " + is(other), 412},
		{"DELETE", "v2", "If-Match: " + is(image), 202},
		{"DELETE", "v2", "If-Match: *", 412},
		{"DELETE", string(other), "If-Match: " + is(image), 412},
	} {
		change(tc.method, tc.ref, tc.condition, tc.status)
	}
	content = indexJSON("", string(other))
	for condition, status := range map[string]int{"If-Match: " + view: 201, "If-Match: " + is(other): 412, "If-None-Match: *": 412} {
		s.want(s.do("PUT", "/v2/app/manifests/"+tag, bytes.NewReader(content), "Content-Type: "+registry.MediaTypeIndex, condition), status)
	}
}

// TestConditionalPushesAtOnce: of many who saw the same, one moves the tag.
func TestConditionalPushesAtOnce(t *testing.T) {
	s := serve(t, nil, "app")
	image, _ := s.pushImage("app", "v1", "config", "")
	var all sync.WaitGroup
	var moved atomic.Int32
	for i := range 8 {
		content := imageJSON("config", nil, fmt.Sprintf(`,"annotations":{"a":"%d"}`, i))
		all.Go(func() {
			r := s.do("PUT", "/v2/app/manifests/v1", bytes.NewReader(content), "Content-Type: "+registry.MediaTypeImage, `If-Match: "`+string(image)+`"`)
			if r.StatusCode == 201 {
				moved.Add(1)
			} else if r.StatusCode != 412 {
				t.Errorf("%s", r.Status)
			}
		})
	}
	all.Wait()
	if n := moved.Load(); n != 1 {
		t.Errorf("%d moved the tag", n)
	}
}
