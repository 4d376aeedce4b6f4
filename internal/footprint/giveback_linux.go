package footprint

import (
	"bufio"
	"fmt"
	"io"
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
	all, err := unwritten(maps, program)
	if err != nil {
		return err
	}
	for _, m := range all {
		if _, _, failed := syscall.Syscall(syscall.SYS_MADVISE, m.from, m.length, syscall.MADV_DONTNEED); failed != 0 {
			return failed
		}
	}
	return nil
}

// mapped is a place in memory that a part of a file is mapped to.
type mapped struct{ from, length uintptr }

// unwritten are the mappings of a program that nobody has written to, among all of
// its process: what was written, as relocations and a debugger's breakpoints are, is
// in no file, be it in memory or swapped out.
func unwritten(smaps io.Reader, program string) (all []mapped, err error) {
	var m mapped // that the lines are about, if it is one of these
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasSuffix(line, " "+program):
			m = unwritable(line)
		case strings.HasPrefix(line, "Anonymous: ") || strings.HasPrefix(line, "Swap: "):
			if !strings.HasSuffix(line, " 0 kB") {
				m.length = 0
			}
		case strings.HasPrefix(line, "VmFlags:") && m.length > 0: // the last of a mapping
			all = append(all, m)
			m.length = 0
		}
	}
	return all, lines.Err()
}

// unwritable is the place of a mapping that cannot be written to, of code and
// constants; of another it has no length.
func unwritable(line string) mapped {
	var from, to uintptr
	var mode string
	if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || strings.Contains(mode, "w") {
		return mapped{}
	}
	return mapped{from, to - from}
}
