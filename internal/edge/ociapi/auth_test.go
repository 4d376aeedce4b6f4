package ociapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/ociapi"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/registry"
)

const challenge = `/",service="ecr.amazonaws.com"`

// refused checks a 401: challenge, code, and words that say what to do.
func refused(t *testing.T, s *service, r reply, words string) {
	t.Helper()
	s.want(r, 401)
	if got, want := r.Header.Get("WWW-Authenticate"), `Basic realm="`+s.url+challenge; got != want {
		t.Errorf("WWW-Authenticate is %q, want %q", got, want)
	}
	if r.Header.Get("Docker-Distribution-Api-Version") != "registry/2.0" {
		t.Error("no Docker-Distribution-Api-Version")
	}
	if r.Request.Method != http.MethodHead && (r.code() != "UNAUTHORIZED" || !strings.Contains(r.message(), words) || !strings.Contains(r.message(), "sealwright login")) {
		t.Errorf("the message does not say %q and what to do: %s", words, r.body)
	}
}

func TestAuthentication(t *testing.T) {
	s := serve(t, nil, "app")
	for _, path := range []string{"/v2/", "/v2", "/v2/app/tags/list", "/v2/absent/manifests/latest", "/v2/../x"} {
		for _, method := range []string{"GET", "HEAD", "PUT"} {
			r, err := http.NewRequest(method, s.url+path, nil)
			must(t, err)
			refused(t, s, s.send(r), "authentication required")
		}
	}
	for name, c := range map[string]struct{ header, words string }{
		"bearer":        {"Bearer abc", "not valid"},
		"anonymous":     {"Bearer anonymous", "authentication required"},
		"negotiate":     {"Negotiate abc", "authentication required"},
		"another user":  {basic("admin", s.password), "user name"},
		"forged":        {basic("AWS", s.password[:len(s.password)-4]+"AAAA"), "not valid"},
		"empty":         {basic("AWS", ""), "not valid"},
		"very long":     {basic("AWS", strings.Repeat("A", 10_000)), "not valid"},
		"not base64":    {"Basic %%%", "authentication required"},
		"no user":       {"Basic " + base64.StdEncoding.EncodeToString([]byte(s.password)), "authentication required"},
		"binary noise":  {basic("AWS", "\x00\xff\n"), "not valid"},
		"only the user": {basic("AWS:", ""), "not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, s, s.do("GET", "/v2/", nil, "Authorization: "+c.header), c.words)
		})
	}
	s.want(s.do("GET", "/v2/", nil), 200)
	s.want(s.do("HEAD", "/v2/", nil), 200)
	s.want(s.do("GET", "/v2", nil), 200)
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// TestExpiredToken: 401 with a challenge, so that clients ask their helper again.
func TestExpiredToken(t *testing.T) {
	s := serve(t, nil, "app")
	s.clock.Store(access.TokenLifetime.Microseconds() + time.Second.Microseconds())
	refused(t, s, s.do("GET", "/v2/", nil), "token has expired")
	s.password = s.token()
	s.want(s.do("GET", "/v2/", nil), 200)
}

// lostRecords is a store of tokens whose database does not answer.
type lostRecords struct{ ociapi.TokenVerifier }

func (lostRecords) VerifyToken(context.Context, string) (access.Principal, string, error) {
	return access.Principal{}, "", fault.Hide(fault.Unavailable, errors.New("disk I/O error"), "try again later")
}

// TestHiddenCause: what the caller is not told, the log is.
func TestHiddenCause(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, func(_ *registry.Options, oo *ociapi.Options) {
		oo.Tokens, oo.Logger = lostRecords{}, slog.New(slog.NewTextHandler(&log, nil))
	}, "app")
	r := s.want(s.do("GET", "/v2/", nil), 503, "UNAVAILABLE")
	if strings.Contains(r.message(), "disk") || !strings.Contains(log.String(), "disk I/O error") {
		t.Errorf("the caller is told %q, the log %q", r.message(), log.String())
	}
}

// TestRotatedKey: a token ends with the key it was made with.
func TestRotatedKey(t *testing.T) {
	s := serve(t, nil, "app")
	_, err := s.access.RotateRootKey(t.Context())
	must(t, err)
	refused(t, s, s.do("GET", "/v2/", nil), "not valid")
}

// TestEveryRouteIsGuarded denies each action in turn, and expects the requests
// it guards to say who, what, on what and why.
func TestEveryRouteIsGuarded(t *testing.T) {
	s := serve(t, nil, "app", "other")
	const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, c := range []struct{ method, path, action string }{
		{"POST", "/v2/app/blobs/uploads/?mount=" + digest + "&from=other", "ecr:CompleteLayerUpload"},
		{"GET", "/v2/app/manifests/latest", "ecr:BatchGetImage"},
		{"HEAD", "/v2/app/manifests/latest", "ecr:BatchGetImage"},
		{"PUT", "/v2/app/manifests/latest", "ecr:PutImage"},
		{"DELETE", "/v2/app/manifests/latest", "ecr:BatchDeleteImage"},
		{"GET", "/v2/app/blobs/" + digest, "ecr:GetDownloadUrlForLayer"},
		{"HEAD", "/v2/app/blobs/" + digest, "ecr:BatchCheckLayerAvailability"},
		{"DELETE", "/v2/app/blobs/" + digest, "ecr:BatchDeleteImage"},
		{"POST", "/v2/app/blobs/uploads/", "ecr:InitiateLayerUpload"},
		{"POST", "/v2/app/blobs/uploads/?digest=" + digest, "ecr:UploadLayerPart"},
		{"POST", "/v2/app/blobs/uploads/?digest=" + digest, "ecr:CompleteLayerUpload"},
		{"GET", "/v2/app/blobs/uploads/x", "ecr:UploadLayerPart"},
		{"PATCH", "/v2/app/blobs/uploads/x", "ecr:UploadLayerPart"},
		{"PUT", "/v2/app/blobs/uploads/x?digest=" + digest, "ecr:CompleteLayerUpload"},
		{"DELETE", "/v2/app/blobs/uploads/x", "ecr:UploadLayerPart"},
		{"GET", "/v2/app/tags/list", "ecr:ListImages"},
		{"GET", "/v2/app/referrers/" + digest, "ecr:BatchGetImage"},
	} {
		s.denied.Store(c.action)
		r := s.want(s.do(c.method, c.path, nil), 403)
		if c.method == "HEAD" {
			continue
		}
		const resource = "arn:aws:ecr:us-east-1:111122223333:repository/app"
		want := "User: arn:aws:iam::111122223333:root is not authorized to perform: " + c.action + " on resource: " + resource + " because the test says so"
		detail := `"detail":{"principal":"arn:aws:iam::111122223333:root","action":"` + c.action + `","resource":"` + resource + `","reason":"because the test says so"}`
		if r.code() != "DENIED" || r.message() != want || !strings.Contains(string(r.body), detail) {
			t.Errorf("%s %s: %s, want %s and %s", c.method, c.path, r.body, want, detail)
		}
	}
	s.denied.Store("ecr:GetAuthorizationToken") // what a token was made under is not asked again
	s.want(s.do("GET", "/v2/", nil), 200)
}

// TestAuthorizationComesOnce: two headers can be read two ways.
func TestAuthorizationComesOnce(t *testing.T) {
	s := serve(t, nil, "app")
	r, err := http.NewRequest("GET", s.url+"/v2/", nil)
	must(t, err)
	r.Header["Authorization"] = []string{basic("AWS", s.password), basic("AWS", "x")}
	refused(t, s, s.send(r), "more than one")
}

// TestMountNeedsTheSource: who may not read a blob where it is does not get it
// by naming its digest, and does not learn that it is there.
func TestMountNeedsTheSource(t *testing.T) {
	s := serve(t, nil, "app", "other")
	d := s.pushBlob("other", []byte("secret"))
	for _, action := range []string{"ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"} {
		s.denied.Store(action)
		s.want(s.do("POST", "/v2/app/blobs/uploads/?from=other&mount="+string(d), nil), 202)
	}
	s.denied.Store("")
	s.want(s.do("HEAD", "/v2/app/blobs/"+string(d), nil), 404)
	s.want(s.do("POST", "/v2/app/blobs/uploads/?from=absent&mount="+string(d), nil), 202)
	r := s.want(s.do("POST", "/v2/app/blobs/uploads/?from=other&mount="+string(d), nil), 201)
	if got, want := r.Header.Get("Location"), "/v2/app/blobs/"+string(d); got != want {
		t.Errorf("Location is %q, want %q", got, want)
	}
	s.want(s.do("HEAD", "/v2/app/blobs/"+string(d), nil), 200)
}
