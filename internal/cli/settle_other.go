//go:build !linux

package cli

import "runtime/debug"

// settle gives back the garbage on the heap that only the start needed.
func settle() error {
	debug.FreeOSMemory()
	return nil
}
