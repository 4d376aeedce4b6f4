package blobstore

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/ociref"
)

// upload begins an upload and adds content.
func upload(t *testing.T, d *Dir, content string) (id string) {
	t.Helper()
	id, err := d.StartUpload(t.Context(), "scope")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Append(t.Context(), "scope", id, 0, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return id
}

// stands checks how far an upload is.
func stands(t *testing.T, d *Dir, id string, want int64) {
	t.Helper()
	if size, err := d.UploadSize(t.Context(), "scope", id); err != nil || size != want {
		t.Errorf("the upload is at %d, %v, want %d", size, err, want)
	}
}

// uploadFiles counts the files that uploads have of their own.
func uploadFiles(t *testing.T, d *Dir) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(d.root, "uploads"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestSmallUploadsShareAFile(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "store"))
	for range 3 * slotCount {
		id := upload(t, d, "content")
		if _, err := d.ReadUpload(t.Context(), "scope", id, ociref.DigestOf(ociref.SHA256, []byte("content")), 100); err != nil {
			t.Fatal(err)
		}
		if err := d.CancelUpload(t.Context(), "scope", id); err != nil {
			t.Fatal(err)
		}
	}
	if n := uploadFiles(t, d); n != 0 {
		t.Errorf("small uploads made %d files", n)
	}
	if info, err := d.small.file.Stat(); err != nil || info.Size() > slotSize {
		t.Errorf("one upload at a time takes %d bytes, %v", info.Size(), err)
	}
}

// TestOldestMovesOut: an upload that stands still gives its slot to a new one.
func TestOldestMovesOut(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "store"))
	var ids []string
	for range slotCount + 2 {
		ids = append(ids, upload(t, d, "content"))
	}
	if n := uploadFiles(t, d); n != 2 {
		t.Errorf("%d uploads have files, want 2", n)
	}
	for _, id := range ids[:2] {
		if _, small := d.small.find(uploadName("scope", id)); small {
			t.Error("one of the oldest two has its slot still")
		}
	}
	for _, id := range ids {
		stands(t, d, id, 7)
	}
}

// TestDeathWhileMovingOut: where a process died that moved an upload, the slot
// counts until the file has all of it, and the file from then on.
func TestDeathWhileMovingOut(t *testing.T) {
	for file, want := range map[string]int64{"": 7, "con": 7, "content": 7, "content and more": 16} {
		dir := filepath.Join(t.TempDir(), "store")
		d := open(t, dir)
		id := upload(t, d, "content")
		path := filepath.Join(dir, "uploads", uploadName("scope", id))
		if err := os.WriteFile(path, []byte(file), fileMode); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = open(t, dir)
		stands(t, d, id, want)
		content := ("content and more")[:want]
		got, err := d.ReadUpload(t.Context(), "scope", id, ociref.DigestOf(ociref.SHA256, []byte(content)), 100)
		if err != nil || string(got) != content {
			t.Errorf("a file of %q: read %q, %v", file, got, err)
		}
	}
}

// TestDamagedSlots: what is no header is a free slot.
func TestDamagedSlots(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	d := open(t, dir)
	id := upload(t, d, "content")
	for i, header := range []string{"x", "../../x 7 1\n", "name 99999999 1\n", "name -1 1\n", strings.Repeat("9", slotHeader)} {
		if _, err := d.small.file.WriteAt([]byte(header), int64(i+1)*slotSize); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = open(t, dir)
	stands(t, d, id, 7)
	if len(d.small.slots) != 1 || len(d.small.free) != slotCount-1 {
		t.Errorf("%d slots are taken and %d free", len(d.small.slots), len(d.small.free))
	}
	push(t, d, bytes.Repeat([]byte("x"), slotRoom))
}
