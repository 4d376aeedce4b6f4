package blobstore

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

const crashContent = "content of a blob that is pushed while the process dies"

// TestCrash kills a process that pushes, before each step, and looks at what it
// left: what it acknowledged is there, nothing is half there, and the push can
// be made again. (What a loss of power adds to this is the order of the syncs,
// which TestOrder holds fast.)
func TestCrash(t *testing.T) {
	if dir := os.Getenv("BLOBSTORE_CRASH_DIR"); dir != "" {
		dieAt(t, dir, os.Getenv("BLOBSTORE_CRASH_AT"))
		return
	}
	for _, at := range []string{"note", "write", "create", "copy", "sync file", "mkdir", "sync parent", "rename", "sync dir", "never"} {
		t.Run(at, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			acknowledged := pushAndDie(t, dir, at)
			if acknowledged != (at == "never") {
				t.Errorf("acknowledged: %v", acknowledged)
			}
			checkAfterCrash(t, dir, acknowledged)
		})
	}
}

// pushAndDie runs this test program again as a process that dies before a step.
func pushAndDie(t *testing.T, dir, at string) (acknowledged bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrash$", "-test.v")
	cmd.Env = append(os.Environ(), "BLOBSTORE_CRASH_DIR="+dir, "BLOBSTORE_CRASH_AT="+at)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	if !killed && at != "never" {
		t.Fatalf("the process did not die at %q: %v\n%s", at, err, out)
	}
	return strings.Contains(string(out), "acknowledged "+string(crashDigest()))
}

func crashDigest() ociref.Digest { return ociref.DigestOf(ociref.SHA256, []byte(crashContent)) }

// checkAfterCrash opens the store as a restarted service does.
func checkAfterCrash(t *testing.T, dir string, acknowledged bool) {
	d := open(t, dir)
	f, size, err := d.Open(t.Context(), crashDigest())
	switch {
	case err == nil:
		f.Close()
		holdsWhole(t, d, crashDigest(), []byte(crashContent))
	case !errors.Is(err, registry.ErrBlobNotFound) || acknowledged:
		t.Fatalf("after the crash: size %d, %v (acknowledged: %v)", size, err, acknowledged)
	}
	holdsWhole(t, d, push(t, d, []byte(crashContent)), []byte(crashContent))
}

// dieAt pushes in the process that dies.
func dieAt(t *testing.T, dir, at string) {
	d := open(t, dir)
	onStep(t, func(s string) error {
		if s == at {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	})
	fmt.Println("acknowledged", push(t, d, []byte(crashContent)))
}
