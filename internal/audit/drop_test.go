package audit

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/journal"
)

// TestLinesThatCouldNotBeTakenBack: a batch was written, and neither synced nor taken
// back. It comes again, and each line is there once.
func TestLinesThatCouldNotBeTakenBack(t *testing.T) {
	f, err := NewFiles(FileOptions{Directory: t.TempDir(), Size: 1 << 20, Age: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	entries := []journal.Entry{entryOf(1, "a"), entryOf(2, "b"), entryOf(3, "c"), entryOf(4, "d")}
	if err := f.Deliver(t.Context(), entries[:1]); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries[1:3] {
		if _, err := f.file.Write(RecordOf(e).Line()); err != nil {
			t.Fatal(err)
		}
	}
	f.file.Close() // nothing can be taken back through it
	f.drop()
	if err := f.Deliver(t.Context(), entries[1:]); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.file.Name())
	if err != nil {
		t.Fatal(err)
	}
	var ids string
	for line := range bytes.Lines(text) {
		r, err := ParseLine(line)
		if err != nil {
			t.Fatal(err)
		}
		ids += r.EventID
	}
	if ids != "abcd" {
		t.Errorf("the file has %q", ids)
	}
}

func entryOf(position journal.Position, id string) journal.Entry {
	return journal.Entry{Position: position, Event: journal.Event{ID: id, Name: "Test", Time: time.Unix(0, 0)}}
}
