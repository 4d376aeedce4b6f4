//go:build !linux

package harden

// Process does nothing here: forbid core files in the service manager.
func Process() error { return nil }
