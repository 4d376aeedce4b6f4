package footprint

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
)

// GiveBack gives memory back that nothing needs now: garbage on the heap, and the
// pages of the program, code and constants, which are more than half of what an idle
// service has in memory. What is needed again is mapped again, from the file or the
// cache it is in already.
func GiveBack() error {
	debug.FreeOSMemory()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer maps.Close()
	var from, length uintptr // of the mapping that the lines are about, if it is the program's
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasSuffix(line, " "+program):
			from, length = unwritable(line)
		case strings.HasPrefix(line, "Anonymous: ") && !strings.HasSuffix(line, " 0 kB"):
			length = 0 // a debugger has written into it
		case strings.HasPrefix(line, "VmFlags:") && length > 0: // the last of a mapping
			if _, _, failed := syscall.Syscall(syscall.SYS_MADVISE, from, length, syscall.MADV_DONTNEED); failed != 0 {
				return failed
			}
			length = 0
		}
	}
	return lines.Err()
}

// unwritable is the place of a mapping that cannot be written to, of code and
// constants; of another it has no length.
func unwritable(line string) (from, length uintptr) {
	var to uintptr
	var mode string
	if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || strings.Contains(mode, "w") {
		return 0, 0
	}
	return from, to - from
}
