// Package harden keeps what is in this process from others.
package harden

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Process keeps the memory of this process, which holds signing keys, out
// of core files and out of reach of other processes of the same user.
func Process() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core files: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid reading this process's memory: %w", err)
	}
	return nil
}
