package footprint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestGiveBack: code and constants that are not in use leave the memory, and nothing
// is lost.
func TestGiveBack(t *testing.T) {
	all := wholeProgram(t)
	before := resident(t)
	if err := GiveBack(); err != nil {
		t.Fatal(err)
	}
	if after := resident(t); after > before-1000 {
		t.Errorf("%d kB of files are in memory, %d before", after, before)
	}
	if wholeProgram(t) != all {
		t.Error("the program is another")
	}
}

// wholeProgram brings all code and constants into memory, and returns them.
func wholeProgram(t *testing.T) string {
	t.Helper()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	copied, err := os.Create(filepath.Join(t.TempDir(), "copy"))
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	for line := range strings.Lines(string(maps)) {
		if from, length := unwritable(line); length > 0 && strings.HasSuffix(line, " "+program+"\n") {
			if n, _, failed := syscall.Syscall(syscall.SYS_WRITE, copied.Fd(), from, length); failed != 0 || n != length {
				t.Fatalf("%d of %d bytes: %v", n, length, failed)
			}
		}
	}
	text, err := os.ReadFile(copied.Name())
	if err != nil || len(text) == 0 {
		t.Fatalf("%d bytes: %v", len(text), err)
	}
	return string(text)
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
