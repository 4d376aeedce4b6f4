package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/durable"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/ownerfile"
)

// A file's name says when it was begun, so names sort by time.
const (
	filePrefix = "audit-"
	fileSuffix = ".jsonl"
	fileTime   = "20060102T150405.000000Z"
)

// FileOptions say where audit files are and when a new one begins. All are
// required but Keep and Now.
type FileOptions struct {
	Directory string
	Size      int64            // bytes, above which a file takes no more lines
	Age       time.Duration    // since a file was begun, after which it takes no more
	Keep      time.Duration    // how long a file is kept after its last line; 0 is for good
	Now       func() time.Time // nil means time.Now
}

// Files is a sink of lines in files. It is used by one goroutine, and holds the
// directory alone: another process that has it open makes Deliver fail.
type Files struct {
	o      FileOptions
	unlock func()
	file   *os.File // nil: the newest has yet to be opened
	begun  time.Time
	size   int64            // of file, all of it synced
	last   journal.Position // synced by this process
	found  Record           // the last line of file, when it was opened; zero once that was held against what came
}

// NewFiles makes the directory, if need be.
func NewFiles(o FileOptions) (*Files, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(o.Directory, 0o700); err != nil {
		return nil, fmt.Errorf("audit files: %w", err)
	}
	return &Files{o: o}, nil
}

// Deliver implements [journal.Sink]: what it returns nil for is on the disk.
func (f *Files) Deliver(_ context.Context, entries []journal.Entry) error {
	for len(entries) > 0 {
		if entries[0].Position <= f.last {
			entries = entries[1:] // of a batch that failed further on
			continue
		}
		n, err := f.deliver(entries)
		if err != nil {
			return fmt.Errorf("audit file: %w", err)
		}
		f.last = entries[n-1].Position
		entries = entries[n:]
	}
	return nil
}

// deliver writes as many entries as go into one file, one at least.
func (f *Files) deliver(entries []journal.Entry) (n int, err error) {
	if err := f.ready(); err != nil {
		return 0, err
	}
	if n := f.written(entries); n > 0 {
		return n, nil
	}
	var lines bytes.Buffer
	for n < len(entries) && (n == 0 || f.size+int64(lines.Len()) < f.o.Size) {
		lines.Write(RecordOf(entries[n]).Line())
		n++
	}
	if _, err = f.file.Write(lines.Bytes()); err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		f.drop()
		return 0, err
	}
	f.size += int64(lines.Len())
	return n, nil
}

// written is how many of entries the file had when it was opened: of a batch that
// failed, lines may have been left that could not be taken back.
func (f *Files) written(entries []journal.Entry) int {
	at := slices.IndexFunc(entries, func(e journal.Entry) bool { return e.Position == f.found.JournalPosition && e.ID == f.found.EventID })
	f.found = Record{}
	return at + 1
}

// drop takes back what may have been written of lines that failed, and has the
// file opened anew, which takes back a broken line that is left.
func (f *Files) drop() {
	f.file.Truncate(f.size)
	f.file.Close()
	f.file = nil
}

// ready sees to it that there is a file which takes lines.
func (f *Files) ready() error {
	if f.file == nil {
		if err := f.reopen(); err != nil {
			return err
		}
	}
	if f.file != nil && f.size < f.o.Size && f.o.Now().Sub(f.begun) < f.o.Age {
		return nil
	}
	return f.rotate()
}

// reopen goes on with the newest file, if there is one. What it has is synced before
// anything is made of it: who wrote it may have failed, or ended, before.
func (f *Files) reopen() error {
	if err := f.lock(); err != nil {
		return err
	}
	names, err := FileNames(f.o.Directory)
	if err != nil || len(names) == 0 {
		return err
	}
	name := names[len(names)-1]
	file, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	size, err := wholeLines(file)
	if err == nil {
		err = errors.Join(file.Truncate(size), file.Sync())
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size, f.begun = file, size, begunAt(name)
	if line, err := lastLine(name); err == nil {
		f.found, _ = ParseLine(line) // if it is none of ours, it is of no entry
	}
	return nil
}

// lock takes the directory, once.
func (f *Files) lock() (err error) {
	if f.unlock == nil {
		f.unlock, err = ownerfile.TryLock(filepath.Join(f.o.Directory, "audit"))
	}
	return err
}

// rotate begins a file, and removes those that need not be kept. Its name comes
// after all others, whatever the clock says.
func (f *Files) rotate() error {
	now := f.o.Now().UTC().Truncate(time.Microsecond)
	if !now.After(f.begun) {
		now = f.begun.Add(time.Microsecond)
	}
	name := filepath.Join(f.o.Directory, filePrefix+now.Format(fileTime)+fileSuffix)
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if err := durable.SyncDir(f.o.Directory); err != nil {
		return errors.Join(err, file.Close(), os.Remove(name))
	}
	if f.file != nil {
		f.file.Close() // all of it is synced
	}
	f.file, f.size, f.begun = file, 0, now
	return f.expire(now)
}

// expire removes files whose last line is too old: those that were followed by
// another that long ago.
func (f *Files) expire(now time.Time) error {
	if f.o.Keep == 0 {
		return nil
	}
	names, err := FileNames(f.o.Directory)
	for i := 0; err == nil && i+1 < len(names) && begunAt(names[i+1]).Before(now.Add(-f.o.Keep)); i++ {
		err = os.Remove(names[i])
	}
	return err
}

// Last implements [journal.Knower].
func (f *Files) Last(context.Context) (journal.Position, string, error) {
	if f.file == nil {
		if err := f.reopen(); err != nil {
			return 0, "", err
		}
	}
	names, err := FileNames(f.o.Directory)
	if err != nil {
		return 0, "", err
	}
	for _, name := range slices.Backward(names) {
		line, err := lastLine(name)
		if err != nil {
			return 0, "", err
		}
		if r, err := ParseLine(line); err == nil {
			return r.JournalPosition, r.EventID, nil
		}
	}
	return 0, "", nil
}

// Close gives the directory back.
func (f *Files) Close() error {
	var err error
	if f.file != nil {
		err = f.file.Close()
		f.file = nil
	}
	if f.unlock != nil {
		f.unlock()
		f.unlock = nil
	}
	return err
}

// FileNames lists the audit files of a directory, oldest first.
func FileNames(directory string) ([]string, error) {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries { // sorted by name
		if name := filepath.Join(directory, e.Name()); !begunAt(name).IsZero() {
			names = append(names, name)
		}
	}
	return names, err
}

// begunAt is the time in a file's name, or zero if the name is none of ours.
func begunAt(name string) time.Time {
	text, ours := strings.CutPrefix(filepath.Base(name), filePrefix)
	text, ends := strings.CutSuffix(text, fileSuffix)
	at, err := time.Parse(fileTime, text)
	if !ours || !ends || err != nil {
		return time.Time{}
	}
	return at
}

// maxLine bounds a line that is looked for from the end of a file.
const maxLine = 1 << 20

// wholeLines is how long a file is without a last line that was broken off.
func wholeLines(file *os.File) (int64, error) {
	tail, size, err := readTail(file)
	if err != nil {
		return 0, err
	}
	end := bytes.LastIndexByte(tail, '\n') + 1
	if end == 0 && int64(len(tail)) < size {
		return 0, fmt.Errorf("%s ends in no line of ours: move it away", file.Name())
	}
	return size - int64(len(tail)-end), nil
}

// lastLine is the last whole line of a file, or nothing.
func lastLine(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	tail, _, err := readTail(file)
	if err != nil {
		return nil, err
	}
	tail = tail[:bytes.LastIndexByte(tail, '\n')+1]
	tail = bytes.TrimSuffix(tail, []byte("\n"))
	return tail[bytes.LastIndexByte(tail, '\n')+1:], nil
}

func readTail(file *os.File) (tail []byte, size int64, err error) {
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	size = info.Size()
	tail = make([]byte, min(size, maxLine))
	_, err = file.ReadAt(tail, size-int64(len(tail)))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return tail, size, err
}
