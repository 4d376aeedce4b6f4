package ociapi_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/edge/ociapi"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// TestQuota: a full repository answers as ECR's does, and loses nothing.
func TestQuota(t *testing.T) {
	s := serve(t, func(ro *registry.Options, _ *ociapi.Options) { ro.MaxImages = 2 }, "app", "other")
	image, manifest := s.pushImage("app", "v1", "config", "")
	sig, signature := s.pushImage("app", "", "config", subjectJSON(image, registry.SignatureType, "x"))
	third := imageJSON("config", nil, "")
	r := s.want(s.putManifest("app", "v1", registry.MediaTypeImage, third), 403, "DENIED")
	if want := "The repository with name 'app' in registry with id '111122223333' already has the maximum allowed number of images which is '2'"; r.message() != want {
		t.Errorf("message: %s", r.message())
	}
	s.want(s.do("GET", "/v2/app/manifests/"+string(ociref.DigestOf(ociref.SHA256, third)), nil), 404, "MANIFEST_UNKNOWN")
	if r := s.do("HEAD", "/v2/app/manifests/v1", nil); r.Header.Get("Docker-Content-Digest") != string(image) {
		t.Error("the refused push moved its tag")
	}
	s.want(s.putManifest("app", "v2", registry.MediaTypeImage, manifest), 201) // what is there, again
	s.want(s.putManifest("app", string(sig), registry.MediaTypeImage, signature), 201)
	s.pushImage("other", "v1", "config", "")
	s.want(s.do("DELETE", "/v2/app/manifests/"+string(sig), nil), 202)
	s.want(s.putManifest("app", "v1", registry.MediaTypeImage, third), 201)
}

// TestTagQuota: an image takes a thousand tags, as ECR's does, and what it has can
// be pushed again.
func TestTagQuota(t *testing.T) {
	s := serve(t, nil, "app")
	image, manifest := s.pushImage("app", "", "config", "")
	tagged := func(first, count int) reply {
		query := url.Values{}
		for i := range count {
			query.Add("tag", fmt.Sprint("v", first+i))
		}
		return s.putManifest("app", string(image)+"?"+query.Encode(), registry.MediaTypeImage, manifest)
	}
	for i := range 10 {
		s.want(tagged(100*i, 100), 201)
	}
	r := s.want(tagged(1000, 1), 403, "DENIED")
	if !strings.Contains(r.message(), "maximum allowed number of tags which is '1000'") {
		t.Errorf("message: %s", r.message())
	}
	s.want(tagged(999, 1), 201)
}
