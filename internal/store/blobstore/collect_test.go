package blobstore

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// readable checks that a blob can be opened and has its bytes.
func readable(t *testing.T, d *Dir, digest ociref.Digest, content string) {
	t.Helper()
	f, size, err := d.Open(t.Context(), digest)
	if err != nil || size != int64(len(content)) {
		t.Fatalf("open: %d bytes, %v", size, err)
	}
	defer f.Close()
	got := make([]byte, size)
	if _, err := f.Read(got); err != nil || string(got) != content {
		t.Errorf("read %q, %v", got, err)
	}
}

// TestOrderOfCollection: a name that comes back is on the disk before the other
// one goes.
func TestOrderOfCollection(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "store"))
	digest := push(t, d, []byte("content"))
	var steps []string
	onStep(t, func(s string) error { steps = append(steps, s); return nil })
	a, err := d.SetAside(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Restore(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if a, err = d.SetAside(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if err := d.Discard(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if want := []string{"set aside", "restore", "sync restored", "set aside", "discard"}; !slices.Equal(steps, want) {
		t.Errorf("%q, want %q", steps, want)
	}
	if _, _, err := d.Open(t.Context(), digest); !errors.Is(err, registry.ErrBlobNotFound) {
		t.Errorf("discarded: %v", err)
	}
}

// TestFailedStepOfCollection fails each step in turn: the blob can be read all
// the while, what is aside is listed, and the step can be made again.
func TestFailedStepOfCollection(t *testing.T) {
	for _, failing := range []string{"set aside", "restore", "sync restored", "discard"} {
		for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
			t.Run(failing+" "+cause.Error(), func(t *testing.T) { failCollection(t, failing, cause) })
		}
	}
}

func failCollection(t *testing.T, failing string, cause error) {
	d := open(t, filepath.Join(t.TempDir(), "store"))
	digest := push(t, d, []byte("content"))
	finish := d.Restore
	if failing == "discard" {
		finish = d.Discard
	}
	settle := func() error {
		left, err := d.LeftAside(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(left) > 0 {
			return finish(t.Context(), left[0])
		}
		a, err := d.SetAside(t.Context(), digest)
		if err != nil {
			return err
		}
		return finish(t.Context(), a)
	}
	onStep(t, func(s string) error {
		if s == failing {
			return cause
		}
		return nil
	})
	if err := settle(); !errors.Is(err, cause) {
		t.Fatalf("%v, want %v", err, cause)
	}
	readable(t, d, digest, "content")
	testOnlyStep = nil
	if err := settle(); err != nil {
		t.Fatal(err)
	}
	if left, err := d.LeftAside(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left aside: %v, %v", left, err)
	}
	if _, _, err := d.Open(t.Context(), digest); (failing == "discard") != errors.Is(err, registry.ErrBlobNotFound) {
		t.Errorf("in the end: %v", err)
	}
}

// TestContentsGoOnPastWhatCannotBeRead: a shard that is no directory is told, and
// those after it are listed.
func TestContentsGoOnPastWhatCannotBeRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	d := open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "blobs", "sha256", "00"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	digest := push(t, d, []byte("content"))
	var found []ociref.Digest
	failures := 0
	for after, parts := "", 0; parts < 1000; parts++ {
		list, next, err := d.Contents(t.Context(), after, time.Now().Add(time.Hour))
		if err != nil {
			failures++
		}
		found = append(found, list...)
		if after = next; next == "" {
			break
		}
	}
	if failures != 1 || !slices.Equal(found, []ociref.Digest{digest}) {
		t.Errorf("%d failures, found %v", failures, found)
	}
}
