package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestSettle: code and constants that are not in use leave the memory, and nothing
// is lost.
func TestSettle(t *testing.T) {
	New(IO{}) // goes through much of the program
	before := resident(t)
	if err := settle(); err != nil {
		t.Fatal(err)
	}
	if after := resident(t); after > before-1000 {
		t.Errorf("%d kB of files are in memory, %d before", after, before)
	}
	if New(IO{}).Name() != "sealwright" {
		t.Error("the program is another")
	}
}

// resident is how much of files this process has mapped in memory, in kB.
func resident(t *testing.T) (kilobytes int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "RssFile:")
	if _, err := fmt.Sscan(line, &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes
}
