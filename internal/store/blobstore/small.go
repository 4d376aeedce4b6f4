package blobstore

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Most uploads are small and over in a moment, and to make, open and remove a
// file for each costs more than all else about them. So an upload begins in a
// slot of one file that stays, and moves to a file of its own when it grows out of
// the slot, when it becomes a blob, or when others need the slot more.
//
// A slot is a header (name, size, time of the last write), then the bytes. The
// header is written after the bytes it tells of, so a process killed in between
// leaves the upload as it was told. As with files of uploads nothing is synced.
const (
	slotCount  = 256 // as many bodies as arrive at once by default
	slotSize   = 64 << 10
	slotHeader = 128
	slotRoom   = slotSize - slotHeader
)

// smallUploads are the uploads in slots, by name. Only who holds an upload
// changes it.
type smallUploads struct {
	file *os.File

	mu    sync.Mutex
	slots map[string]slot
	free  []int64
}

type slot struct {
	number  int64
	size    int
	touched time.Time
}

// openSmall opens the file of slots, which is there for this process alone, and
// finds the uploads in it.
func openSmall(file *os.File, directory string) *smallUploads {
	s := &smallUploads{file: file, slots: map[string]slot{}}
	for n := range int64(slotCount) {
		l := slot{number: slotCount - 1 - n} // the first is taken first
		name, found := s.load(&l)
		if found && !movedOut(filepath.Join(directory, name), l.size) {
			s.slots[name] = l
		} else {
			s.free = append(s.free, l.number)
		}
	}
	return s
}

// load reads a slot's header. What is not one is a free slot.
func (s *smallUploads) load(l *slot) (name string, found bool) {
	header := make([]byte, slotHeader)
	if _, err := s.file.ReadAt(header, l.number*slotSize); err != nil {
		return "", false
	}
	var touched int64
	n, err := fmt.Sscanf(string(header), headerFormat, &name, &l.size, &touched)
	l.touched = time.UnixMicro(touched)
	return name, err == nil && n == 3 && l.size >= 0 && l.size <= slotRoom && name == filepath.Base(name)
}

// movedOut reports whether an upload has a file that has all bytes of its slot. One
// that has not was being written when the process died, and goes.
func movedOut(path string, size int) bool {
	info, err := os.Lstat(path)
	if err == nil && info.Size() < int64(size) {
		os.Remove(path)
	}
	return err == nil && info.Size() >= int64(size)
}

const headerFormat = "%s %d %d\n"

// note writes a slot's header; a name of "" frees it.
func (s *smallUploads) note(name string, l slot) error {
	if err := step("note"); err != nil {
		return err
	}
	header := make([]byte, 0, slotHeader)
	if name != "" {
		header = fmt.Appendf(header, headerFormat, name, l.size, l.touched.UnixMicro())
	}
	_, err := s.file.WriteAt(header[:slotHeader], l.number*slotSize)
	return err
}

// find tells where an upload stands, if it has a slot.
func (s *smallUploads) find(name string) (slot, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.slots[name]
	return l, ok
}

// start begins an upload; false: no slot is free.
func (s *smallUploads) start(name string) (bool, error) {
	l := slot{touched: time.Now()}
	s.mu.Lock()
	last := len(s.free) - 1
	if last >= 0 {
		l.number, s.free = s.free[last], s.free[:last]
	}
	s.mu.Unlock()
	if last < 0 {
		return false, nil
	}
	err := s.note(name, l)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.free = append(s.free, l.number)
		return false, err
	}
	s.slots[name] = l
	return true, nil
}

// add writes bytes, for which there is room, at the end of an upload.
func (s *smallUploads) add(name string, p []byte) (slot, error) {
	l, _ := s.find(name)
	if err := step("write"); err != nil {
		return l, err
	}
	if _, err := s.file.WriteAt(p, l.number*slotSize+slotHeader+int64(l.size)); err != nil {
		return l, err
	}
	longer := slot{number: l.number, size: l.size + len(p), touched: time.Now()}
	if err := s.note(name, longer); err != nil {
		return l, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slots[name] = longer
	return longer, nil
}

// read returns an upload's bytes.
func (s *smallUploads) read(l slot) ([]byte, error) {
	content := make([]byte, l.size)
	_, err := s.file.ReadAt(content, l.number*slotSize+slotHeader)
	return content, err
}

// remove forgets an upload, if it is in a slot. When that cannot be written down,
// it comes back after a restart, unless it has a file, and expires.
func (s *smallUploads) remove(name string) bool {
	l, ok := s.find(name)
	if !ok {
		return false
	}
	_ = s.note("", l)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.slots, name)
	s.free = append(s.free, l.number)
	return true
}

// idle lists the uploads that nothing was added to since a time, the longest
// left alone first.
func (s *smallUploads) idle(since time.Time) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, l := range s.slots {
		if l.touched.Before(since) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return s.slots[a].touched.Compare(s.slots[b].touched) })
	return names
}

// begin gives a new upload a slot, if need be that of one that stood still the
// longest.
func (d *Dir) begin(name string) error {
	if started, err := d.small.start(name); started || err != nil {
		return err
	}
	for _, other := range d.small.idle(time.Now()) {
		h, err := d.take(filepath.Join(d.root, "uploads", other))
		if err != nil {
			continue
		}
		err = d.moveOut(h)
		h.release()
		if err != nil {
			return err
		}
		break
	}
	if started, err := d.small.start(name); started || err != nil {
		return err
	}
	f, err := makeFile(filepath.Join(d.root, "uploads", name), nil) // all are busy, or there are none
	if err != nil {
		return err
	}
	return f.Close()
}

// moveOut moves an upload to a file of its own, if it is in a slot. No other process
// can come in between: who has slots does not share the store.
func (d *Dir) moveOut(h *held) error {
	if h.file != nil {
		return nil
	}
	content, err := d.small.read(h.slot)
	if err != nil {
		return err
	}
	if h.file, err = makeFile(h.path, content); err != nil {
		return err
	}
	sum := d.takeHash(h.path, 0)
	sum.Write(content)
	d.keepHash(h.path, sum, int64(len(content)))
	d.small.remove(h.name())
	return nil
}

// makeFile makes an upload's file.
func makeFile(path string, content []byte) (*os.File, error) {
	if err := step("create"); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
	if err != nil {
		return nil, err
	}
	if err = step("copy"); err == nil {
		_, err = f.Write(content)
	}
	if err != nil {
		f.Close()
		os.Remove(path)
		return nil, err
	}
	return f, nil
}
