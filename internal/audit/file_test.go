package audit_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/journal"
)

var ctx = context.Background()

// cabinet is a directory of audit files under a clock.
type cabinet struct {
	*testing.T
	dir  string
	now  time.Time
	size int64
	keep time.Duration
}

func newCabinet(t *testing.T) *cabinet {
	return &cabinet{T: t, dir: filepath.Join(t.TempDir(), "audit"), now: time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC), size: 1 << 20}
}

func (c *cabinet) open() *audit.Files {
	c.Helper()
	f, err := audit.NewFiles(audit.FileOptions{Directory: c.dir, Size: c.size, Age: time.Hour, Keep: c.keep, Now: func() time.Time { return c.now }})
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { f.Close() })
	return f
}

func (c *cabinet) deliver(f *audit.Files, positions ...journal.Position) {
	c.Helper()
	var entries []journal.Entry
	for _, p := range positions {
		entries = append(entries, entry(p))
	}
	if err := f.Deliver(ctx, entries); err != nil {
		c.Fatal(err)
	}
}

func (c *cabinet) names() []string {
	c.Helper()
	names, err := audit.FileNames(c.dir)
	if err != nil {
		c.Fatal(err)
	}
	return names
}

// positions are those of all lines, in order.
func (c *cabinet) positions() (all []journal.Position) {
	c.Helper()
	for _, name := range c.names() {
		text, err := os.ReadFile(name)
		if err != nil {
			c.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			r, err := audit.ParseLine(line)
			if err != nil || line[len(line)-1] != '\n' {
				c.Fatalf("%q: %v", line, err)
			}
			all = append(all, r.JournalPosition)
		}
	}
	return all
}

func (c *cabinet) want(positions ...journal.Position) {
	c.Helper()
	if got := c.positions(); !slices.Equal(got, positions) {
		c.Fatalf("the files hold %v, want %v", got, positions)
	}
}

func TestFilesRotate(t *testing.T) {
	c := newCabinet(t)
	c.size = int64(len(audit.RecordOf(entry(1)).Line())) + 1
	f := c.open()
	c.deliver(f, 1, 2, 3, 4, 5) // two to a file
	c.want(1, 2, 3, 4, 5)
	if n := len(c.names()); n != 3 {
		t.Fatalf("%d files", n)
	}
	c.now = c.now.Add(time.Hour)
	c.deliver(f, 6)
	c.now = c.now.Add(-24 * time.Hour) // somebody sets the clock back
	c.deliver(f, 7, 8)
	c.want(1, 2, 3, 4, 5, 6, 7, 8)
	info, err := os.Stat(c.names()[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestFilesExpire(t *testing.T) {
	c := newCabinet(t)
	c.keep = 24 * time.Hour
	f := c.open()
	other := filepath.Join(c.dir, "audit-notes.txt")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for p := range journal.Position(30) {
		c.deliver(f, p+1)
		c.now = c.now.Add(time.Hour)
	}
	var want []journal.Position
	for p := journal.Position(5); p <= 30; p++ {
		want = append(want, p)
	}
	c.want(want...)
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

// TestFilesGoOn: a line that a crash broke off is taken back, and the sink knows
// what it has.
func TestFilesGoOn(t *testing.T) {
	c := newCabinet(t)
	f := c.open()
	if p, _, err := f.Last(ctx); p != 0 || err != nil {
		t.Fatal(p, err)
	}
	c.deliver(f, 1, 2)
	f.Close()
	name := c.names()[0]
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	torn := audit.RecordOf(entry(3)).Line()
	if err := os.WriteFile(name, append(whole, torn[:len(torn)-1]...), 0o600); err != nil {
		t.Fatal(err)
	}
	f = c.open()
	if p, id, err := f.Last(ctx); p != 2 || id != entry(2).ID || err != nil {
		t.Fatal(p, id, err)
	}
	c.deliver(f, 3)
	c.want(1, 2, 3)
}

func TestFilesBelongToOne(t *testing.T) {
	c := newCabinet(t)
	f := c.open()
	c.deliver(f, 1)
	other := c.open()
	if err := other.Deliver(ctx, []journal.Entry{entry(2)}); err == nil {
		t.Fatal("two write to one directory")
	}
	f.Close()
	c.deliver(other, 2)
	c.want(1, 2)
}

// TestFilesFail: what could not be written is neither there in part nor twice.
func TestFilesFail(t *testing.T) {
	c := newCabinet(t)
	c.size = 1 // a file each
	f := c.open()
	c.deliver(f, 1)
	if err := os.Rename(c.dir, c.dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := f.Deliver(ctx, []journal.Entry{entry(2), entry(3)}); err == nil {
		t.Fatal("delivered into nowhere")
	}
	if err := os.Rename(c.dir+".away", c.dir); err != nil {
		t.Fatal(err)
	}
	c.deliver(f, 2, 3)
	c.want(1, 2, 3)
}
