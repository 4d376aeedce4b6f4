package ociapi_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

func TestCatalog(t *testing.T) {
	s := serve(t, nil, "team/b", "team/a", "app", "team-x", "other")
	read := func(path string) (names []string, r reply) {
		r = s.want(s.do("GET", path, nil), 200)
		var list struct{ Repositories []string }
		must(t, json.Unmarshal(r.body, &list))
		if list.Repositories == nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s", path, r.body)
		}
		return list.Repositories, r
	}
	for query, want := range map[string]string{"": "[app other team-x team/a team/b]", "?n=0": "[]", "?n=2": "[app other]", "?last=team-x": "[team/a team/b]", "?last=zz": "[]"} {
		if got, _ := read("/v2/_catalog" + query); fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	var walked []string
	for path := "/v2/_catalog?n=2"; path != ""; {
		names, r := read(path)
		walked, path = append(walked, names...), next(r)
	}
	if fmt.Sprint(walked) != "[app other team-x team/a team/b]" {
		t.Errorf("walked %v", walked)
	}
	if r := s.want(s.do("HEAD", "/v2/_catalog", nil), 200); len(r.body) > 0 || r.ContentLength <= 0 {
		t.Errorf("HEAD: %v", r.Header)
	}
	s.want(s.do("GET", "/v2/_catalog?n=x", nil), 400)
	s.want(s.do("GET", "/v2/_catalog?last=..%2f", nil), 400, "NAME_INVALID")
	s.want(s.do("POST", "/v2/_catalog", nil), 405, "UNSUPPORTED")
	s.denied.Store("ecr:DescribeRepositories")
	s.want(s.do("GET", "/v2/_catalog", nil), 403, "DENIED")
}

// TestAnonymousMount: without a source, whatever repository holds the blob will
// do, if the caller may read it there.
func TestAnonymousMount(t *testing.T) {
	s := serve(t, nil, "app", "other", "third")
	d := string(s.pushBlob("app", []byte("content")))
	absent := string(ociref.DigestOf(ociref.SHA256, []byte("absent")))
	s.denied.Store("ecr:GetDownloadUrlForLayer")
	s.want(s.do("POST", "/v2/other/blobs/uploads/?mount="+d, nil), 202)
	s.denied.Store("")
	s.want(s.do("HEAD", "/v2/other/blobs/"+d, nil), 404)
	s.want(s.do("POST", "/v2/other/blobs/uploads/?mount="+absent, nil), 202)
	s.want(s.do("POST", "/v2/other/blobs/uploads/?mount=nonsense", nil), 400, "DIGEST_INVALID")
	r := s.want(s.do("POST", "/v2/other/blobs/uploads/?mount="+d, nil), 201)
	if r.Header.Get("Location") != "/v2/other/blobs/"+d || r.Header.Get("Docker-Content-Digest") != d {
		t.Errorf("%v", r.Header)
	}
	s.want(s.do("GET", "/v2/other/blobs/"+d, nil), 200)
	s.want(s.do("POST", "/v2/absent/blobs/uploads/?mount="+d, nil), 404, "NAME_UNKNOWN")

	for i := range 9 { // those that are deleted do not count, whatever is left of them
		name := fmt.Sprint("gone", i)
		s.create(registry.NewRepository{Key: key(name)})
		s.want(s.do("POST", "/v2/"+name+"/blobs/uploads/?mount="+d, nil), 201)
		_, err := s.registry.DeleteRepository(t.Context(), key(name), true)
		must(t, err)
	}
	_, err := s.registry.DeleteRepository(t.Context(), key("app"), true)
	must(t, err)
	s.want(s.do("POST", "/v2/third/blobs/uploads/?mount="+d+"&from=app", nil), 202)
	s.want(s.do("POST", "/v2/third/blobs/uploads/?mount="+d, nil), 201)
	stranger := registry.Key{Account: "444455556666", Name: "theirs"}
	_, err = s.registry.CreateRepository(t.Context(), registry.NewRepository{Key: stranger})
	must(t, err)
	if names, err := s.registry.Holders(t.Context(), stranger.Account, ociref.Digest(d), 10); err != nil || len(names) > 0 {
		t.Errorf("another account's: %v %v", names, err)
	}
}
