package blobstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// tryPush uploads and commits content under its SHA-256.
func tryPush(t *testing.T, d *Dir, content []byte) (ociref.Digest, error) {
	t.Helper()
	digest := ociref.DigestOf(ociref.SHA256, content)
	id, err := d.StartUpload(t.Context(), "scope")
	if err != nil {
		return digest, err
	}
	if _, err := d.Append(t.Context(), "scope", id, 0, bytes.NewReader(content)); err != nil {
		return digest, err
	}
	_, err = d.Commit(t.Context(), "scope", id, digest)
	return digest, err
}

// onStep runs hook before each step until the test ends.
func onStep(t *testing.T, hook func(step string) error) {
	testOnlyStep = hook
	t.Cleanup(func() { testOnlyStep = nil })
}

// TestOrder holds the steps against the order the package describes: the bytes
// are synced before the name is there, the name before the answer.
func TestOrder(t *testing.T) {
	var steps []string
	d := open(t, filepath.Join(t.TempDir(), "store"))
	onStep(t, func(s string) error { steps = append(steps, s); return nil })
	push(t, d, []byte("content"))
	want := []string{"note", "write", "note", "create", "copy", "note", "sync file", "mkdir", "sync parent", "rename", "sync dir"}
	if !slices.Equal(steps, want) {
		t.Errorf("first push: %q, want %q", steps, want)
	}
	steps = nil
	push(t, d, []byte("content"))
	if want := []string{"note", "write", "note", "create", "copy", "note", "rename", "sync dir"}; !slices.Equal(steps, want) {
		t.Errorf("second push: %q, want %q", steps, want)
	}
}

// TestFailedStep fails each step in turn: the push is not acknowledged, and a
// push after it is, whole.
func TestFailedStep(t *testing.T) {
	for _, failing := range []string{"note", "write", "create", "copy", "sync file", "mkdir", "sync parent", "rename", "sync dir"} {
		for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
			t.Run(failing+" "+cause.Error(), func(t *testing.T) { failStep(t, failing, cause) })
		}
	}
}

func failStep(t *testing.T, failing string, cause error) {
	d := open(t, filepath.Join(t.TempDir(), "store"))
	content := []byte("content")
	onStep(t, func(s string) error {
		if s == failing {
			return cause
		}
		return nil
	})
	_, err := tryPush(t, d, content)
	if !errors.Is(err, cause) {
		t.Fatalf("push: %v, want %v", err, cause)
	}
	if full := errors.Is(err, registry.ErrStorageFull); full != (cause == syscall.ENOSPC) {
		t.Errorf("%v is ErrStorageFull: %v", cause, full)
	}
	if message, told := fault.Message(err); told && message != registry.ErrStorageFull.Error() {
		t.Errorf("the client is told %q", message)
	}
	testOnlyStep = nil
	holdsWhole(t, d, push(t, d, content), content)
}

// holdsWhole checks a blob's bytes.
func holdsWhole(t *testing.T, d *Dir, digest ociref.Digest, content []byte) {
	t.Helper()
	path, err := d.blobPath(digest)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); !bytes.Equal(got, content) {
		t.Errorf("blob is %d bytes, want %d: %v", len(got), len(content), err)
	}
}

// TestFailedSyncIsNotTriedAgain: the kernel reports lost bytes once, so the
// upload must not be committed a second time.
func TestFailedSyncIsNotTriedAgain(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "store"))
	id, err := d.StartUpload(t.Context(), "scope")
	if err != nil {
		t.Fatal(err)
	}
	digest := ociref.DigestOf(ociref.SHA256, nil)
	onStep(t, func(s string) error {
		if s == "sync file" {
			return syscall.EIO
		}
		return nil
	})
	if _, err := d.Commit(t.Context(), "scope", id, digest); !errors.Is(err, syscall.EIO) {
		t.Fatalf("commit: %v", err)
	}
	testOnlyStep = nil
	if _, err := d.Commit(t.Context(), "scope", id, digest); !errors.Is(err, registry.ErrUploadNotFound) {
		t.Errorf("again: %v, want ErrUploadNotFound", err)
	}
}

// TestShortWrite: a write that stops half way leaves file and hash agreeing.
func TestShortWrite(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "store"))
	content := bytes.Repeat([]byte("x"), 3*bufferSize)
	id, err := d.StartUpload(t.Context(), "scope")
	if err != nil {
		t.Fatal(err)
	}
	writes := 0
	onStep(t, func(s string) error {
		if s == "write" {
			if writes++; writes == 3 {
				return syscall.ENOSPC
			}
		}
		return nil
	})
	if _, err := d.Append(t.Context(), "scope", id, 0, onlyReader{bytes.NewReader(content)}); !errors.Is(err, registry.ErrStorageFull) {
		t.Fatalf("append: %v, want ErrStorageFull", err)
	}
	size, err := d.UploadSize(t.Context(), "scope", id)
	if err != nil || size != slotRoom+1+bufferSize {
		t.Fatalf("size %d, %v", size, err)
	}
	if _, err := d.Append(t.Context(), "scope", id, size, bytes.NewReader(content[size:])); err != nil {
		t.Fatal(err)
	}
	digest := ociref.DigestOf(ociref.SHA256, content)
	if _, err := d.Commit(t.Context(), "scope", id, digest); err != nil {
		t.Fatal(err)
	}
	holdsWhole(t, d, digest, content)
}

// onlyReader hides everything but Read, as a request body does.
type onlyReader struct{ r *bytes.Reader }

func (o onlyReader) Read(p []byte) (int, error) { return o.r.Read(p) }
