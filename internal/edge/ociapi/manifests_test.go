package ociapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/edge/ociapi"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

func TestManifestRoundTrip(t *testing.T) {
	s := serve(t, nil, "team/app")
	d, manifest := s.pushImage("team/app", "v1", "config", `,"annotations":{"é":"\u0000"}, "unknown" : [1, {}]`)
	for _, reference := range []string{"v1", string(d)} {
		r := s.want(s.do("GET", "/v2/team/app/manifests/"+reference, nil, "Accept: text/plain"), 200)
		if !bytes.Equal(r.body, manifest) || r.Header.Get("Content-Type") != registry.MediaTypeImage || r.Header.Get("Docker-Content-Digest") != string(d) {
			t.Errorf("%s: %v %s", reference, r.Header, r.body)
		}
		h := s.want(s.do("HEAD", "/v2/team/app/manifests/"+reference, nil), 200)
		if h.ContentLength != int64(len(manifest)) || h.Header.Get("Docker-Content-Digest") != string(d) || len(h.body) != 0 {
			t.Errorf("HEAD %s: %v", reference, h.Header)
		}
	}
	long := ociref.DigestOf(ociref.SHA512, manifest)
	r := s.want(s.putManifest("team/app", string(long), registry.MediaTypeImage+"; charset=utf-8", manifest), 201)
	if r.Header.Get("Docker-Content-Digest") != string(long) || r.Header.Get("Location") != "/v2/team/app/manifests/"+string(long) {
		t.Errorf("sha512: %v", r.Header)
	}
	s.want(s.do("GET", "/v2/team/app/manifests/"+string(long), nil), 200)
}

func TestManifestRefusals(t *testing.T) {
	s := serve(t, nil, "app")
	_, good := s.pushImage("app", "good", "config", "")
	wrong := string(ociref.DigestOf(ociref.SHA256, nil))
	for name, c := range map[string]struct {
		reference, mediaType string
		content              []byte
		status               int
		code                 string
	}{
		"not JSON":               {"x", registry.MediaTypeImage, []byte("hello"), 400, "MANIFEST_INVALID"},
		"empty":                  {"x", registry.MediaTypeImage, nil, 400, "MANIFEST_INVALID"},
		"an unknown media type":  {"x", "application/vnd.example+json", good, 400, "MANIFEST_INVALID"},
		"another media type":     {"x", registry.MediaTypeIndex, good, 400, "MANIFEST_INVALID"},
		"a broken media type":    {"x", "a/b/c; =", good, 400, "MANIFEST_INVALID"},
		"another digest":         {wrong, registry.MediaTypeImage, good, 400, "DIGEST_INVALID"},
		"a malformed digest":     {"sha256:00", registry.MediaTypeImage, good, 400, "DIGEST_INVALID"},
		"a malformed tag":        {".hidden", registry.MediaTypeImage, good, 400, "TAG_INVALID"},
		"a tag too long":         {strings.Repeat("a", 129), registry.MediaTypeImage, good, 400, "TAG_INVALID"},
		"a layer that is absent": {"x", registry.MediaTypeImage, imageJSON("config", []string{"absent"}, ""), 404, "MANIFEST_BLOB_UNKNOWN"},
		"a child that is absent": {"x", registry.MediaTypeIndex, indexJSON("", wrong), 404, "MANIFEST_BLOB_UNKNOWN"},
		"more than 4 MiB":        {"x", registry.MediaTypeImage, bytes.Repeat([]byte(" "), registry.DefaultMaxManifest+1), 413, "SIZE_INVALID"},
		"tags beside a tag":      {"x?tag=y", registry.MediaTypeImage, good, 400, "UNSUPPORTED"},
		"too many tags":          {string(ociref.DigestOf(ociref.SHA256, good)) + "?tag=a" + strings.Repeat("&tag=a", 100), registry.MediaTypeImage, good, 400, "UNSUPPORTED"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.want(s.putManifest("app", c.reference, c.mediaType, c.content), c.status, c.code)
			if r.message() == "" {
				t.Error("no message")
			}
		})
	}
	if got := s.tags("app", ""); fmt.Sprint(got) != "[good]" {
		t.Errorf("refused pushes left tags: %v", got)
	}
}

// indexJSON is an index of manifests that are there or not.
func indexJSON(extra string, children ...string) []byte {
	var list []string
	for _, c := range children {
		list = append(list, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":1}`, registry.MediaTypeImage, c))
	}
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[%s]%s}`, registry.MediaTypeIndex, strings.Join(list, ","), extra)
}

// tags lists a page of tags.
func (s *service) tags(repository, query string) []string {
	s.t.Helper()
	r := s.want(s.do("GET", "/v2/"+repository+"/tags/list"+query, nil), 200)
	var list struct {
		Name string
		Tags []string
	}
	must(s.t, json.Unmarshal(r.body, &list))
	if list.Name != repository || list.Tags == nil {
		s.t.Errorf("tags: %s", r.body)
	}
	return list.Tags
}

func TestUnknownRepository(t *testing.T) {
	s := serve(t, nil, "app")
	const words = "The repository with name 'absent' does not exist in the registry with id '111122223333'"
	r := s.want(s.do("POST", "/v2/absent/blobs/uploads/", nil), 404, "NAME_UNKNOWN")
	if !strings.HasPrefix(r.message(), words) || !strings.Contains(r.message(), "aws ecr create-repository --repository-name absent") {
		t.Errorf("message: %s", r.message())
	}
	for _, path := range []string{"/manifests/latest", "/tags/list", "/blobs/sha256:" + strings.Repeat("0", 64), "/referrers/sha256:" + strings.Repeat("0", 64)} {
		if r := s.want(s.do("GET", "/v2/absent"+path, nil), 404, "NAME_UNKNOWN"); r.message() != words {
			t.Errorf("%s: %s", path, r.message())
		}
	}
	s.want(s.do("GET", "/v2/app/manifests/latest", nil), 404, "MANIFEST_UNKNOWN")
	s.want(s.do("DELETE", "/v2/app/manifests/latest", nil), 404, "MANIFEST_UNKNOWN")
}

func TestBadNames(t *testing.T) {
	s := serve(t, nil, "app")
	for _, name := range []string{"..", "../app", "app/..", "App", "a//b", "%2e%2e", "app%2f..%2fx", "a%00b", "-app", "a", strings.Repeat("a", 257)} {
		s.want(s.do("GET", "/v2/"+name+"/tags/list", nil), 400, "NAME_INVALID")
	}
	s.want(s.do("POST", "/v2/app/blobs/uploads/?from=..%2Fx&mount=sha256:"+strings.Repeat("0", 64), nil), 400, "NAME_INVALID")
	if allow := s.want(s.do("POST", "/v2/app/tags/list", nil), 405, "UNSUPPORTED").Header.Get("Allow"); allow != "GET, HEAD" {
		t.Errorf("Allow is %q", allow)
	}
}

func TestImmutableTag(t *testing.T) {
	s := serve(t, nil)
	s.create(registry.NewRepository{Key: key("app"), Mutability: registry.ImmutableWithExclusion, Exclusions: []string{"dev-*"}})
	s.pushImage("app", "v1", "one", "")
	s.pushImage("app", "v1", "one", "") // the same again is no change
	_, two := s.pushImage("app", "dev-1", "two", "")
	r := s.want(s.putManifest("app", "v1", registry.MediaTypeImage, two), 400, "TAG_INVALID")
	if want := "The image tag 'v1' already exists in the 'app' repository and cannot be overwritten because the tag is immutable."; r.message() != want {
		t.Errorf("message: %s", r.message())
	}
	s.pushImage("app", "dev-1", "one", "") // excluded from immutability
}

func TestTagsList(t *testing.T) {
	s := serve(t, nil, "app")
	if got := s.tags("app", ""); len(got) != 0 {
		t.Errorf("tags of an empty repository: %v", got)
	}
	d, manifest := s.pushImage("app", "", "config", "")
	r := s.want(s.putManifest("app", string(d)+"?tag=b&tag=a&tag=B&tag=10&tag=9", registry.MediaTypeImage, manifest), 201)
	if got := r.Header.Values("OCI-Tag"); len(got) != 5 {
		t.Errorf("OCI-Tag: %v", got)
	}
	for query, want := range map[string]string{"": "[10 9 B a b]", "?n=2": "[10 9]", "?n=0": "[]", "?n=99999999": "[10 9 B a b]", "?last=9": "[B a b]", "?n=1&last=B": "[a]", "?last=zzz": "[]"} {
		if got := fmt.Sprint(s.tags("app", query)); got != want {
			t.Errorf("tags%s: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"?n=-1", "?n=x", "?n=99999999999999999999", "?last=..%2f"} {
		s.want(s.do("GET", "/v2/app/tags/list"+query, nil), 400)
	}
	if link := s.do("GET", "/v2/app/tags/list?n=0", nil).Header.Get("Link"); link != "" {
		t.Errorf("n=0 links to %s", link)
	}
	var walked []string
	for path := "/v2/app/tags/list?n=2"; path != ""; {
		r := s.want(s.do("GET", path, nil), 200)
		var page struct{ Tags []string }
		must(t, json.Unmarshal(r.body, &page))
		walked, path = append(walked, page.Tags...), next(r)
	}
	if fmt.Sprint(walked) != "[10 9 B a b]" {
		t.Errorf("walked %v", walked)
	}
}

// next is where a page's Link goes, "" at the end.
func next(r reply) string {
	path, found := strings.CutSuffix(r.Header.Get("Link"), `>; rel="next"`)
	if !found {
		return ""
	}
	return strings.TrimPrefix(path, "<")
}

// referrersOf reads a page of referrers.
func (s *service) referrersOf(path string) (digests []ociref.Digest, r reply) {
	s.t.Helper()
	r = s.want(s.do("GET", path, nil), 200)
	var index struct {
		SchemaVersion int
		MediaType     string
		Manifests     []struct {
			MediaType, ArtifactType string
			Digest                  ociref.Digest
			Size                    int64
			Annotations             map[string]string
		}
	}
	must(s.t, json.Unmarshal(r.body, &index))
	if index.SchemaVersion != 2 || index.MediaType != registry.MediaTypeIndex || r.Header.Get("Content-Type") != registry.MediaTypeIndex || index.Manifests == nil {
		s.t.Errorf("referrers: %v %.200s", r.Header, r.body)
	}
	for _, m := range index.Manifests {
		digests = append(digests, m.Digest)
	}
	return digests, r
}

// subjectJSON is the end of a manifest that refers to a subject.
func subjectJSON(subject ociref.Digest, artifactType, annotation string) string {
	return fmt.Sprintf(`,"subject":{"mediaType":%q,"digest":%q,"size":1},"artifactType":%q,"annotations":{"a":%q}`, registry.MediaTypeImage, subject, artifactType, annotation)
}

func TestReferrers(t *testing.T) {
	s := serve(t, nil, "app")
	subject, _ := s.pushImage("app", "v1", "config", "")
	base := "/v2/app/referrers/" + string(subject)
	if got, _ := s.referrersOf(base); len(got) != 0 {
		t.Errorf("referrers of a fresh image: %v", got)
	}
	s.pushBlob("app", []byte("sig"))
	first := imageJSON("sig", nil, subjectJSON(subject, "application/one", "x"))
	r := s.want(s.putManifest("app", string(ociref.DigestOf(ociref.SHA256, first)), registry.MediaTypeImage, first), 201)
	if r.Header.Get("OCI-Subject") != string(subject) {
		t.Errorf("OCI-Subject is %q", r.Header.Get("OCI-Subject"))
	}
	second, _ := s.pushImage("app", "", "config", subjectJSON(subject, "application/two+json", "y"))
	all, _ := s.referrersOf(base)
	if len(all) != 2 || all[1] != second {
		t.Errorf("referrers: %v", all)
	}
	some, r := s.referrersOf(base + "?artifactType=" + url.QueryEscape("application/two+json"))
	if len(some) != 1 || some[0] != second || r.Header.Get("OCI-Filters-Applied") != "artifactType" {
		t.Errorf("filtered: %v %v", some, r.Header)
	}
	s.want(s.do("GET", "/v2/app/referrers/latest", nil), 400, "DIGEST_INVALID")
	s.want(s.do("GET", base+"?last=nonsense", nil), 400)
	s.want(s.do("GET", base+"?"+strings.Repeat("artifactType=a&", 11), nil), 400)
	s.want(s.do("DELETE", "/v2/app/manifests/"+string(subject), nil), 202)
	s.want(s.do("GET", "/v2/app/manifests/"+string(second), nil), 404, "MANIFEST_UNKNOWN")
	if got, _ := s.referrersOf(base); len(got) != 0 {
		t.Errorf("referrers outlived their subject: %v", got)
	}
}

// TestReferrersPages: pages stay within 4 MiB and together have everything once.
func TestReferrersPages(t *testing.T) {
	s := serve(t, func(_ *registry.Options, _ *ociapi.Options) {}, "app")
	subject, _ := s.pushImage("app", "v1", "config", "")
	want := map[ociref.Digest]bool{}
	for i := range 10 {
		d, _ := s.pushImage("app", "", "config", subjectJSON(subject, "application/big", fmt.Sprint(i, strings.Repeat("x", 1<<20))))
		want[d] = true
	}
	pages := 0
	for path := "/v2/app/referrers/" + string(subject) + "?artifactType=application%2Fbig"; path != ""; pages++ {
		got, r := s.referrersOf(path)
		if len(r.body) > 4<<20 {
			t.Errorf("a page of %d bytes", len(r.body))
		}
		for _, d := range got {
			if !want[d] {
				t.Errorf("%s is on two pages", d)
			}
			delete(want, d)
		}
		path = next(r)
	}
	if len(want) != 0 || pages != 4 {
		t.Errorf("%d referrers are on none of %d pages", len(want), pages)
	}
}

func TestDeletes(t *testing.T) {
	s := serve(t, nil, "app")
	d, _ := s.pushImage("app", "v1", "config", "")
	index := indexJSON("", string(d))
	s.want(s.putManifest("app", "multi", registry.MediaTypeIndex, index), 201)
	s.want(s.do("DELETE", "/v2/app/manifests/"+string(d), nil), 409, "DENIED")
	s.want(s.do("DELETE", "/v2/app/manifests/v1", nil), 202)
	s.want(s.do("GET", "/v2/app/manifests/v1", nil), 404)
	s.want(s.do("GET", "/v2/app/manifests/"+string(d), nil), 200) // untagged, not deleted
	s.want(s.do("DELETE", "/v2/app/manifests/"+string(ociref.DigestOf(ociref.SHA256, index)), nil), 202)
	s.want(s.do("GET", "/v2/app/manifests/multi", nil), 404)
	s.want(s.do("DELETE", "/v2/app/manifests/"+string(d), nil), 202)
	s.want(s.do("DELETE", "/v2/app/manifests/"+string(d), nil), 404, "MANIFEST_UNKNOWN")
}

// TestTooLargeIsTold: also to a client that sends all of a manifest before it looks
// for an answer, whether it says how much it sends or not.
func TestTooLargeIsTold(t *testing.T) {
	s := serve(t, func(o *registry.Options, _ *ociapi.Options) { o.MaxManifest = 1000 }, "app")
	const size = 7 << 20
	for _, length := range []string{fmt.Sprintf("Content-Length: %d\r\n\r\n", size), fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", size)} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		must(t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "PUT /v2/app/manifests/v1 HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\n%s%s\r\n0\r\n\r\n", conn.RemoteAddr(),
			base64.StdEncoding.EncodeToString([]byte("AWS:"+s.password)), length, strings.Repeat(" ", size))
		must(t, err)
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		if r.StatusCode != 413 {
			t.Errorf("%.20s: %s", length, r.Status)
		}
	}
}

// gate is a store of manifests whose pushes wait until they are let through.
type gate struct {
	registry.ManifestStore
	entered, open chan struct{}
}

func (g *gate) PutManifest(ctx context.Context, m registry.Manifest, tags []ociref.Tag, rules registry.Rules, e journal.Event) (bool, error) {
	g.entered <- struct{}{}
	<-g.open
	return g.ManifestStore.PutManifest(ctx, m, tags, rules, e)
}

// TestPushesShareRoom: manifests that are being pushed have so much memory
// together. Who finds none in time is told to try again.
func TestPushesShareRoom(t *testing.T) {
	g := &gate{entered: make(chan struct{}, 2), open: make(chan struct{})}
	s := serve(t, func(ro *registry.Options, oo *ociapi.Options) {
		g.ManifestStore, ro.Manifests = ro.Manifests, g
		ro.MaxManifest, oo.Room, oo.Patience = 1000, 1000, 50*time.Millisecond
	}, "app")
	s.pushBlob("app", []byte("config"))
	large := imageJSON("config", nil, fmt.Sprintf(`,"annotations":{"a":%q}`, strings.Repeat("a", 500)))
	first := make(chan reply)
	go func() { first <- s.putManifest("app", "first", registry.MediaTypeImage, large) }()
	<-g.entered
	if r := s.want(s.putManifest("app", "second", registry.MediaTypeImage, large), 429, "TOOMANYREQUESTS"); r.Header.Get("Retry-After") == "" {
		t.Error("429 does not say when to try again")
	}
	close(g.open)
	s.want(<-first, 201)
	s.want(s.putManifest("app", "third", registry.MediaTypeImage, large), 201)
}
