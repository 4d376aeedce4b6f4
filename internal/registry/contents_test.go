package registry_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// opens checks a blob's bytes, read from the middle too, as ranges are.
func (s *service) opens(key registry.Key, content string) {
	s.t.Helper()
	f, size, err := s.OpenBlob(s.t.Context(), key, ociref.DigestOf(ociref.SHA256, []byte(content)))
	must(s.t, err)
	defer f.Close()
	got, err := io.ReadAll(f)
	if string(got) != content || size != int64(len(content)) || err != nil {
		s.t.Errorf("read %d bytes of size %d, want %d: %v", len(got), size, len(content), err)
	}
	_, err = f.Seek(size/2, io.SeekStart)
	must(s.t, err)
	if got, err = io.ReadAll(f); string(got) != content[len(content)/2:] || err != nil {
		s.t.Errorf("from the middle: %d bytes, %v", len(got), err)
	}
}

// isFile reports whether the blob store has the content.
func (s *service) isFile(content string) bool {
	s.t.Helper()
	d := ociref.DigestOf(ociref.SHA256, []byte(content))
	_, err := os.Stat(filepath.Join(s.blobs, "blobs", "sha256", d.Hex()[:2], d.Hex()))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return err == nil
}

// withSmallBlob is the service on the same stores with another bound.
func (s *service) withSmallBlob(bound int64) *service {
	s.t.Helper()
	other := *s
	o := s.options
	o.SmallBlob = bound
	var err error
	other.Service, err = registry.New(o)
	must(s.t, err)
	return &other
}

func TestSmallBlobsAreRecords(t *testing.T) {
	s := open(t)
	for _, content := range []string{"", "small", strings.Repeat("x", registry.DefaultSmallBlob), strings.Repeat("x", registry.DefaultSmallBlob+1)} {
		s.blob(content)
		s.opens(app, content)
		if file := s.isFile(content); file != (len(content) > registry.DefaultSmallBlob) {
			t.Errorf("%d bytes are a file: %t", len(content), file)
		}
	}
}

// TestOneContentInBothPlaces: what was pushed under another bound is found, can be
// mounted, and may come a second time; and goes from both places.
func TestOneContentInBothPlaces(t *testing.T) {
	s := open(t)
	other := registry.Key{Account: app.Account, Name: "other"}
	_, err := s.CreateRepository(t.Context(), registry.NewRepository{Key: other})
	must(t, err)
	old := s.withSmallBlob(-1)
	small, large := "small", strings.Repeat("large", 10_000)
	old.blob(small)
	s.withSmallBlob(1 << 20).blob(large)
	if !s.isFile(small) || s.isFile(large) {
		t.Fatal("the bound is not the service's")
	}
	for _, content := range []string{small, large} {
		d := ociref.DigestOf(ociref.SHA256, []byte(content))
		for range 2 {
			s.opens(app, content)
			old.opens(app, content)
			must(t, s.MountBlob(t.Context(), other, app, d))
			s.opens(other, content)
			s.blob(content) // now it is in both
		}
		for _, key := range []registry.Key{app, other} {
			must(t, s.DeleteBlob(t.Context(), key, d))
		}
	}
	s.now = time.Now().Add(2 * registry.DefaultBlobGrace) // past the age of files
	c, err := s.Collect(t.Context())
	must(t, err)
	if c.Blobs != 4 || s.isFile(small) || s.isFile(large) {
		t.Errorf("collected %+v", c)
	}
}

// TestLostContent: a blob that is recorded and whose bytes are gone is the
// service's failure, not a blob that never was; to push it again repairs it.
func TestLostContent(t *testing.T) {
	s := open(t)
	files := s.withSmallBlob(-1)
	d := files.blob("content")
	must(t, os.RemoveAll(filepath.Join(s.blobs, "blobs", "sha256", d.Hex()[:2])))
	if _, _, err := s.OpenBlob(t.Context(), app, d); err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("opened: %v, want an internal error", err)
	}
	s.blob("content")
	s.opens(app, "content")
}

// TestSmallUploadEndsWhenItIsLinked: not before, so that it can be completed again
// when the records failed.
func TestSmallUploadEndsWhenItIsLinked(t *testing.T) {
	s := open(t)
	u, err := s.StartUpload(t.Context(), app)
	must(t, err)
	_, err = s.AppendUpload(t.Context(), u, 0, strings.NewReader("content"))
	must(t, err)
	d := ociref.DigestOf(ociref.SHA256, []byte("content"))
	o := s.options
	o.Links = hookedLinks{o.Links, func(step string) error { return errors.New("the records are out of order") }}
	failing, err := registry.New(o)
	must(t, err)
	if _, err := failing.CommitUpload(t.Context(), u, d); err == nil {
		t.Fatal("the failure was not told")
	}
	_, err = s.CommitUpload(t.Context(), u, d)
	must(t, err)
	s.opens(app, "content")
	if _, err := s.UploadSize(t.Context(), u); !errors.Is(err, registry.ErrUploadNotFound) {
		t.Errorf("in the end: %v, want ErrUploadNotFound", err)
	}
}
