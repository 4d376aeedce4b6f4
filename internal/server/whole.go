package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
)

// wholeListener accepts connections on which an answer can be sent in one piece.
type wholeListener struct{ net.Listener }

// Accept implements [net.Listener].
func (l wholeListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		return &wholeConn{TCPConn: tcp}, err
	}
	return c, err
}

// wholeConn holds back what is written while it is told to. net/http has 4 KiB to
// gather an answer in, and sends one that is a little longer, as each signature is,
// in two pieces, of which each wakes the client. One goroutine writes at a time.
type wholeConn struct {
	*net.TCPConn
	held *[]byte // nil: nothing is held back
}

// Write implements [io.Writer].
func (c *wholeConn) Write(p []byte) (int, error) {
	if c.held == nil {
		return c.TCPConn.Write(p)
	}
	*c.held = append(*c.held, p...)
	return len(p), nil
}

// ReadFrom keeps sendfile.
func (c *wholeConn) ReadFrom(r io.Reader) (int64, error) {
	c.release()
	return c.TCPConn.ReadFrom(r)
}

// heldRoom is for most answers; more is held if need be, and not kept.
const heldRoom = 16 << 10

var heldPieces = sync.Pool{New: func() any { b := make([]byte, 0, heldRoom); return &b }}

// release sends what was held back. If that fails, some of it may have been sent,
// so the connection is of no further use.
func (c *wholeConn) release() {
	if c.held == nil {
		return
	}
	held := c.held
	c.held = nil
	if _, err := c.TCPConn.Write(*held); err != nil {
		c.TCPConn.Close()
	}
	if cap(*held) == heldRoom {
		*held = (*held)[:0]
		heldPieces.Put(held)
	}
}

type connKey struct{}

// withConn lets the requests of a connection know it.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if whole, ok := c.(*wholeConn); ok {
		return context.WithValue(ctx, connKey{}, whole)
	}
	return ctx
}

// whole has the answer to a request leave in one piece when the returned function
// is called, by the handler and after a flush.
func whole(r *http.Request) (send func()) {
	c, ok := r.Context().Value(connKey{}).(*wholeConn)
	if !ok {
		return func() {}
	}
	c.held = heldPieces.Get().(*[]byte)
	return c.release
}
