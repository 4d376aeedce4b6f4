//go:build !linux

package server

// HardenProcess does nothing here: forbid core files in the service manager.
func HardenProcess() error { return nil }
