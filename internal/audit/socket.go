package audit

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// socket is a stream that can be asked for what has come, without waiting for more. A
// deadline does not do that: one that has passed when the read begins, as it may have
// on a busy machine, keeps it from looking at all.
type socket struct {
	net.Conn
	atOnce bool // what has not come yet is os.ErrDeadlineExceeded
}

func (s *socket) Read(p []byte) (n int, err error) {
	if !s.atOnce {
		return s.Conn.Read(p)
	}
	raw, err := s.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return 0, err
	}
	looked := raw.Read(func(fd uintptr) bool {
		n, err = syscall.Read(int(fd), p)
		return true
	})
	switch {
	case looked != nil:
		return 0, looked
	case errors.Is(err, syscall.EAGAIN):
		return 0, os.ErrDeadlineExceeded
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// ended reports whether the other end has closed the stream, which is read through
// outer: itself, or TLS over it. What it says before that is of no interest here.
func (s *socket) ended(outer io.Reader) bool {
	s.atOnce = true
	defer func() { s.atOnce = false }()
	s.SetReadDeadline(time.Time{})
	words := make([]byte, 1024)
	for range 16 {
		if _, err := outer.Read(words); err != nil {
			return !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
	return false
}
