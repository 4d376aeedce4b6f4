package ociapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
)

// ticket makes a ticket for root, for whatever it says.
func (s *service) ticket(what string) string {
	s.t.Helper()
	c, err := s.access.RootCredentials(s.t.Context())
	must(s.t, err)
	_, p, err := s.access.Credential(s.t.Context(), c.AccessKeyID, "")
	must(s.t, err)
	ticket, err := s.access.IssueTicket(s.t.Context(), p, c.AccessKeyID, what)
	must(s.t, err)
	return ticket
}

// plain asks for a path with no header at all.
func (s *service) plain(method, path, ticket string) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path+"?ticket="+url.QueryEscape(ticket), nil)
	must(s.t, err)
	return s.send(r)
}

// TestTicket: a ticket opens the layer it is for, and nothing else, while whoever
// it was made for may read it.
func TestTicket(t *testing.T) {
	s := serve(t, nil, "app", "other")
	content := []byte("a layer")
	digest, absent := ociref.DigestOf(ociref.SHA256, content), ociref.DigestOf(ociref.SHA256, []byte("absent"))
	s.pushBlob("app", content)
	s.pushBlob("other", content)
	ticket, path := s.ticket(s.registry.LayerName(key("app"), digest)), "/v2/app/blobs/"+string(digest)
	if r := s.plain("GET", path, ticket); r.StatusCode != 200 || string(r.body) != string(content) {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if r := s.plain("HEAD", path, ticket); r.StatusCode != 200 {
		t.Fatal(r.StatusCode)
	}
	for _, refused := range []struct{ method, path, ticket string }{
		{"GET", "/v2/other/blobs/" + string(digest), ticket}, {"GET", "/v2/app/blobs/" + string(absent), ticket}, {"DELETE", path, ticket},
		{"GET", "/v2/", ticket}, {"GET", "/v2/_catalog", ticket}, {"GET", "/v2/app/tags/list", ticket}, {"POST", "/v2/app/blobs/uploads/", ticket},
		{"GET", path, ""}, {"GET", path, ticket[1:]}, {"GET", path, ticket[:len(ticket)-2] + "AA"}, {"GET", path, strings.Repeat("A", 20_000)},
		{"GET", path, s.password}, {"GET", path, s.ticket("")}, {"GET", path, s.ticket("arn:aws:ecr:us-east-1:" + string(account) + ":repository/app")},
	} {
		s.want(s.plain(refused.method, refused.path, refused.ticket), 401, "UNAUTHORIZED")
	}
	s.denied.Store("ecr:GetDownloadUrlForLayer")
	s.want(s.plain("GET", path, ticket), 403, "DENIED")
	s.denied.Store("")
	s.clock.Store((61 * time.Minute).Microseconds())
	s.want(s.plain("GET", path, ticket), 401, "UNAUTHORIZED")
}
