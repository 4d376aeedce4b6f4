// Package peertest brings what nobody here wrote into tests: programs, file systems
// and AWS's SDK.
package peertest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Required reports whether tests are to do all they can, with every peer: nothing is
// skipped, and what can be thorough is. SEALWRIGHT_REQUIRE_PEERS=1 says so.
func Required() bool { return os.Getenv("SEALWRIGHT_REQUIRE_PEERS") == "1" }

// Missing skips t, whose peer is not here, or fails it where peers are [Required].
// The reason says what to do.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if Required() {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// Program is the path of the first program that is installed, of names or paths.
// Without one t is skipped as [Missing] does; debian is the package to install.
func Program(t testing.TB, debian string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(t, "none of "+strings.Join(names, ", ")+" is installed: apt-get install "+debian)
	return ""
}
