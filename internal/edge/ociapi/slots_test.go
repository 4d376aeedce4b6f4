package ociapi_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/edge/ociapi"
	"github.com/sealwright/sealwright/internal/registry"
)

func TestUploadsBeyondTheirSlotsAreRefused(t *testing.T) {
	slots := ociapi.NewSlots(1, 0)
	s := serve(t, func(_ *registry.Options, oo *ociapi.Options) { oo.Uploads = slots }, "app")
	first := s.want(s.do("POST", "/v2/app/blobs/uploads/", nil), 202).Header.Get("Location")
	second := s.want(s.do("POST", "/v2/app/blobs/uploads/", nil), 202).Header.Get("Location")
	reader, writer := io.Pipe()
	answered := make(chan reply, 1)
	go func() { answered <- s.do("PATCH", first, reader) }()
	if _, err := io.WriteString(writer, "some bytes"); err != nil {
		t.Fatal(err)
	}
	for slots.Taken() == 0 {
		time.Sleep(time.Millisecond) // until the first has its slot
	}
	refused := s.want(s.do("PATCH", second, strings.NewReader("others")), 429, "TOOMANYREQUESTS")
	if refused.Header.Get("Retry-After") == "" || slots.Refused() != 1 {
		t.Errorf("Retry-After %q, %d refused", refused.Header.Get("Retry-After"), slots.Refused())
	}
	s.want(s.do("GET", second, nil), 204) // what takes no body takes no slot
	writer.Close()
	s.want(<-answered, 202)
	s.want(s.do("PATCH", second, strings.NewReader("others")), 202)
	if slots.Taken() != 0 {
		t.Errorf("%d slots are taken, and nothing arrives", slots.Taken())
	}
}

func TestUploadsWaitForASlot(t *testing.T) {
	slots := ociapi.NewSlots(1, time.Minute)
	s := serve(t, func(_ *registry.Options, oo *ociapi.Options) { oo.Uploads = slots }, "app")
	answers := make(chan reply, 8)
	for range cap(answers) {
		location := s.want(s.do("POST", "/v2/app/blobs/uploads/", nil), 202).Header.Get("Location")
		go func() { answers <- s.do("PATCH", location, strings.NewReader("bytes")) }()
	}
	for range cap(answers) {
		s.want(<-answers, 202)
	}
}

func TestNoteNamesOperationAndPrincipal(t *testing.T) {
	var notes []string
	note := func(_ http.ResponseWriter, operation, principal string) {
		notes = append(notes, operation+" "+principal)
	}
	s := serve(t, func(_ *registry.Options, oo *ociapi.Options) { oo.Note = note }, "app")
	s.do("HEAD", "/v2/app/manifests/latest", nil)
	s.do("HEAD", "/v2/app/blobs/sha256:"+strings.Repeat("0", 64), nil)
	s.do("GET", "/v2/app/tags/list", nil)
	s.do("GET", "/v2/app/nothing", nil)
	s.password = "wrong"
	s.do("GET", "/v2/", nil)
	const who = " arn:aws:iam::111122223333:root"
	if want := []string{"oci:getManifest" + who, "oci:headBlob" + who, "oci:listTags" + who}; !slices.Equal(notes, want) {
		t.Errorf("noted %q, want %q", notes, want)
	}
}
