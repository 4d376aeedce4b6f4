package load

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// rawConn is a connection that Go's runtime does not know of: reading it blocks
// the thread, and its readiness wakes none.
type rawConn int

// dialRaw is Dial for a connection whose file descriptor can be polled.
func dialRaw(ctx context.Context, address string) (*Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	file, err := c.(*net.TCPConn).File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	raw := rawConn(fd)
	return newConn(raw), errors.Join(unix.SetNonblock(fd, false), raw.bound())
}

// bound bounds each wait for a part of an answer.
func (c rawConn) bound() error {
	t := unix.NsecToTimeval(int64(answerTimeout))
	return unix.SetsockoptTimeval(int(c), unix.SOL_SOCKET, unix.SO_RCVTIMEO, &t)
}

func (c rawConn) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(c), p)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (c rawConn) Write(p []byte) (written int, err error) {
	for written < len(p) && err == nil {
		var n int
		n, err = unix.Write(int(c), p[written:])
		written += max(n, 0)
		if err == unix.EINTR {
			err = nil
		}
	}
	return written, err
}

func (c rawConn) Close() error { return unix.Close(int(c)) }

// SetDeadline does nothing: see bound.
func (rawConn) SetDeadline(time.Time) error { return nil }
