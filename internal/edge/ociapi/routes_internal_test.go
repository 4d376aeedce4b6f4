package ociapi

import (
	"net/http"
	"strings"
	"testing"
)

// TestRoutesHaveActions: what has no access action cannot be routed.
func TestRoutesHaveActions(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range routes() {
		if !strings.HasPrefix(row.action, "ecr:") || row.handle == nil {
			t.Errorf("route %v %s has action %q", row.endpoint, row.method, row.action)
		}
		if id := string(rune(row.endpoint)) + row.method; seen[id] {
			t.Errorf("route %v %s is there twice", row.endpoint, row.method)
		} else {
			seen[id] = true
		}
	}
}

func TestParseTarget(t *testing.T) {
	for path, want := range map[string]target{
		"/v2":                              {},
		"/v2/":                             {},
		"/v2/_catalog":                     {endpoint: endpointCatalog},
		"/v2/app/manifests/latest":         {endpointManifest, "app", "latest"},
		"/v2/a/b/c/blobs/sha256:00":        {endpointBlob, "a/b/c", "sha256:00"},
		"/v2/app/blobs/uploads":            {endpointUploads, "app", "uploads"},
		"/v2/app/blobs/uploads/":           {endpointUploads, "app", ""},
		"/v2/app/blobs/uploads/id":         {endpointUpload, "app", "id"},
		"/v2/app/tags/list":                {endpointTags, "app", "list"},
		"/v2/app/referrers/sha256:00":      {endpointReferrers, "app", "sha256:00"},
		"/v2/manifests/manifests/latest":   {endpointManifest, "manifests", "latest"},
		"/v2/app/blobs/blobs/uploads/id":   {endpointUpload, "app/blobs", "id"},
		"/v2/tags/list/tags/list":          {endpointTags, "tags/list", "list"},
		"/v2/app/tags/manifests/list":      {endpointManifest, "app/tags", "list"},
		"/v2/app/blobs/uploads/tags/list":  {endpointTags, "app/blobs/uploads", "list"},
		"/v2/app/manifests/blobs/uploads/": {endpointUploads, "app/manifests", ""},
	} {
		if got, err := parseTarget(path); err != nil || got != want {
			t.Errorf("parseTarget(%q) = %v, %v; want %v", path, got, err, want)
		}
	}
	for _, path := range []string{"", "/", "/v1/", "/v2x/app/tags/list", "/v2/app", "/v2//tags/list", "/v2/../tags/list", "/v2/a//b/tags/list",
		"/v2/a/../b/manifests/x", "/v2/%2e%2e/manifests/x", "/v2/App/tags/list", "/v2/app/tags/other", "/v2/app/", "/v2/_catalog/", "/v2/app/_catalog",
		"/v2/" + strings.Repeat("a", 257) + "/tags/list", "/v2/a\x00/tags/list", "/v2/app/blobs/uploads/id/more"} {
		if got, err := parseTarget(path); err == nil {
			t.Errorf("parseTarget(%q) = %v", path, got)
		}
	}
}

// FuzzParseTarget: what is parsed writes back to the path it came from, so no
// path names something that another reading of it would not.
func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"/v2/", "/v2/app/manifests/latest", "/v2/a/b/blobs/uploads/", "/v2/a/tags/list", "/v2/../x", "/v2/a/referrers/sha256:00"} {
		f.Add(seed)
	}
	words := map[endpoint]string{endpointManifest: "/manifests/", endpointBlob: "/blobs/", endpointUploads: "/blobs/",
		endpointUpload: "/blobs/uploads/", endpointTags: "/tags/", endpointReferrers: "/referrers/"}
	f.Fuzz(func(t *testing.T, path string) {
		got, err := parseTarget(path)
		if err != nil || got.endpoint == endpointPing || got.endpoint == endpointCatalog {
			return
		}
		back := "/v2/" + string(got.name) + words[got.endpoint] + got.last
		if got.endpoint == endpointUploads && got.last == "" {
			back = "/v2/" + string(got.name) + "/blobs/uploads/"
		}
		if back != path || strings.Contains(string(got.name), "..") || strings.Contains(string(got.name), "//") {
			t.Errorf("parseTarget(%q) = %v, which is %q", path, got, back)
		}
	})
}

func FuzzParseContentRange(f *testing.F) {
	for _, seed := range []string{"0-0", "0-1023", "5-4", "-1", "bytes 0-1/2", "0-9223372036854775807", "00-1", "+1-2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		first, last, ok := parseContentRange(s)
		if ok && (first < 0 || last < first || last-first+1 <= 0) {
			t.Errorf("parseContentRange(%q) = %d, %d", s, first, last)
		}
	})
}

func TestMethodsAreNamed(t *testing.T) {
	if _, err := findRoute(endpointTags, http.MethodPost); err == nil || !strings.Contains(err.Error(), "GET") {
		t.Errorf("POST to tags: %v", err)
	}
}
