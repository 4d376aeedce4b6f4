package footprint

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// TestUnwritten: what was written to stays, in memory or swapped out: relocated
// constants and a debugger's breakpoints are in no file.
func TestUnwritten(t *testing.T) {
	mapping := func(place, mode, file, anonymous, swap string) string {
		return place + " " + mode + " 00000000 fe:01 1234                       " + file + "\n" +
			"Size:               4 kB\nRss:                4 kB\nAnonymous:      " + anonymous + " kB\nAnonHugePages:         0 kB\n" +
			"Swap:           " + swap + " kB\nSwapPss:               0 kB\nVmFlags: rd ex mr mw me sd\n"
	}
	smaps := mapping("00400000-014e6000", "r-xp", "/bin/program", "0", "0") +
		mapping("014e6000-026a2000", "r--p", "/bin/program", "0", "0") +
		mapping("026a2000-026a3000", "r--p", "/bin/program", "4", "0") +
		mapping("026a3000-026a4000", "r--p", "/bin/program", "0", "4") +
		mapping("026a4000-0275c000", "rw-p", "/bin/program", "0", "0") +
		mapping("7f0000000000-7f0000001000", "r-xp", "/lib/other", "0", "0") +
		mapping("7f0000001000-7f0000002000", "rw-p", "", "4", "0")
	got, err := unwritten(strings.NewReader(smaps), "/bin/program")
	if want := []mapped{{0x400000, 0x10e6000}, {0x14e6000, 0x11bc000}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%x, %v", got, err)
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
		if m := unwritable(line); m.length > 0 && strings.HasSuffix(line, " "+program+"\n") {
			if n, _, failed := syscall.Syscall(syscall.SYS_WRITE, copied.Fd(), m.from, m.length); failed != 0 || n != m.length {
				t.Fatalf("%d of %d bytes: %v", n, m.length, failed)
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
