package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/journal"
)

// TestAuditFilesThatAreBeingWritten: their last line may be there in part, and the
// oldest may go while they are read.
func TestAuditFilesThatAreBeingWritten(t *testing.T) {
	home(t)
	dir := t.TempDir()
	files, err := audit.NewFiles(audit.FileOptions{Directory: dir, Size: 1 << 20, Age: time.Hour, Keep: time.Hour, Now: time.Now})
	if err == nil {
		err = files.Deliver(t.Context(), []journal.Entry{{Position: 1, Event: journal.Event{ID: "one", Name: "SignPayload", Time: time.Now()}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	names, err := audit.FileNames(dir)
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	whole := read(t, names[0])
	write(t, names[0], []byte(whole+whole[:len(whole)/2]))
	older := filepath.Join(dir, "audit-20200101T000000.000000Z.jsonl")
	if err := os.Symlink("removed", older); err != nil { // as if it were removed once it was listed
		t.Fatal(err)
	}
	shown := run(t, "", "audit", "--file", dir, "--output", "json").ok(t)
	if shown.stdout != whole {
		t.Errorf("shown: %q", shown.stdout)
	}
	write(t, names[0], []byte(strings.Replace(whole, "{", "", 1)+whole))
	run(t, "", "audit", "--file", dir).fails(t, names[0]+": line 1: ")
	os.Remove(names[0])
	os.Remove(older)
	run(t, "", "audit", "--file", dir).fails(t, "there are no audit files")
}
