package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of CPU times in /proc/PID/stat: USER_HZ is 100 on every
// architecture that Go supports.
const tick = 10 * time.Millisecond

// CPU is the processor time that the program has used so far, user and system,
// in steps of 10 ms.
func (p *Process) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseStat(text)
}

// parseStat adds fields 14 and 15, utime and stime (proc_pid_stat(5)). Field 2,
// the name, may hold spaces and parentheses: fields count from the last one.
func parseStat(text []byte) (time.Duration, error) {
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat has too few fields")
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * tick, err
}

// ResidentBytes is the memory that the program holds now.
func (p *Process) ResidentBytes() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseMemory(string(text), "VmRSS")
}

// PeakBytes is the most memory that the program held at once since it began, or
// since ForgetPeak.
func (p *Process) PeakBytes() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseMemory(string(text), "VmHWM")
}

// ForgetPeak lets PeakBytes begin anew, from what is held now (proc_pid_clear_refs(5)).
func (p *Process) ForgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

// parseMemory reads a field of /proc/PID/status that is in kB, in bytes.
func parseMemory(status, field string) (float64, error) {
	_, rest, ok := strings.Cut(status, "\n"+field+":")
	if !ok {
		return 0, fmt.Errorf("/proc/PID/status has no %s: has the program ended?", field)
	}
	line, _, _ := strings.Cut(rest, "\n")
	kilobytes, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(line, "kB")), 64)
	return kilobytes * 1024, err
}

// ThreadCPU is the processor time that work takes on this thread, in seconds.
func ThreadCPU(work func()) float64 {
	const thisThread = 1 // RUSAGE_THREAD, getrusage(2)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after syscall.Rusage
	syscall.Getrusage(thisThread, &before)
	work()
	syscall.Getrusage(thisThread, &after)
	nanoseconds := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	return time.Duration(nanoseconds).Seconds()
}
