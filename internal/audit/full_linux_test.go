package audit_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/sealwright/sealwright/internal/journal"
)

// TestFullDisk: files may not grow, as on a disk that is full in the middle of a
// batch; once there is room again, each line is there once.
func TestFullDisk(t *testing.T) {
	c := newCabinet(t)
	f := c.open()
	c.deliver(f, 1)
	info, err := os.Stat(c.names()[0])
	if err != nil {
		t.Fatal(err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	full := before
	full.Cur = uint64(info.Size() * 5 / 2)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	err = f.Deliver(ctx, []journal.Entry{entry(2), entry(3), entry(4)})
	if back := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); back != nil {
		t.Fatal(back)
	}
	if err == nil {
		t.Fatal("there was room for all")
	}
	c.want(1)
	c.deliver(f, 2, 3, 4)
	c.want(1, 2, 3, 4)
}
