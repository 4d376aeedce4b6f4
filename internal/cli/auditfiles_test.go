package cli_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/journal"
)

// TestAuditFilesThatAreBeingWritten: their last line may be there in part.
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
	shown := run(t, "", "audit", "--file", dir, "--output", "json").ok(t)
	if shown.stdout != whole {
		t.Errorf("shown: %q", shown.stdout)
	}
	write(t, names[0], []byte(strings.Replace(whole, "{", "", 1)+whole))
	run(t, "", "audit", "--file", dir).fails(t, names[0]+": line 1: ")
	os.Remove(names[0])
	run(t, "", "audit", "--file", dir).fails(t, "there are no audit files")
}
