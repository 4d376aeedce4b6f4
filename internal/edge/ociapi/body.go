package ociapi

import (
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
)

// minimalRate is the least a transfer must move, in bytes per second and on
// average, beyond the patience it starts with. There is no time limit on a
// transfer as such: a large blob on a slow line is fine, a connection held open
// for nothing is not.
const minimalRate = 8 << 10

// sent turns a failure to send, when the header has gone already, into the end
// of the connection. What was read is recorded, though it was not taken whole.
func (c *call) sent(err error) error {
	if err == nil {
		return nil
	}
	c.Logger.WarnContext(c.ctx(), "oci response cut off", "method", c.r.Method, "path", c.r.URL.Path, "request_id", c.requestID, "error", err)
	c.record(nil)
	panic(http.ErrAbortHandler)
}

// writeWithin gives the client time to take size bytes at the minimal rate. The
// deadline is one, since a writer that counts progress would hide the
// connection from sendfile. The function returned lifts it.
func (c *call) writeWithin(size int64) (lift func()) {
	control := http.NewResponseController(c.w)
	control.SetWriteDeadline(time.Now().Add(c.Patience + atMinimalRate(size)))
	return func() { control.SetWriteDeadline(time.Time{}) }
}

// send answers with bytes that are in memory, piece by piece at the minimal rate:
// a client that takes nothing must not keep them there. The flush sees to the last
// of them before the deadline is lifted.
func (c *call) send(body []byte) error {
	end, err := c.sending.begin(body)
	if err != nil {
		return err
	}
	defer end()
	control := http.NewResponseController(c.w)
	defer control.SetWriteDeadline(time.Time{})
	for piece := range slices.Chunk(body, max(1, int(c.Patience.Seconds()*minimalRate))) {
		control.SetWriteDeadline(time.Now().Add(c.Patience))
		if _, err := c.w.Write(piece); err != nil {
			return c.sent(err)
		}
	}
	return c.sent(control.Flush())
}

// atMinimalRate is how long n bytes may take.
func atMinimalRate(n int64) time.Duration {
	return time.Duration(n/minimalRate+1) * time.Second
}

// bodyWithin gives a body its first moments, also one that nobody will read:
// the server itself reads what little a refused request has left, to keep the
// connection, and would wait for it without end.
func (c *call) bodyWithin() {
	if c.r.ContentLength != 0 {
		http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(c.Patience))
	}
}

// body is the request's body under the rule of minimal rate. Its errors are
// faults.
func (c *call) body() io.Reader {
	return &pacedReader{
		r:        c.r.Body,
		control:  http.NewResponseController(c.w),
		patience: c.Patience,
		start:    time.Now(),
	}
}

// pacedReader moves the connection's read deadline along as bytes arrive.
type pacedReader struct {
	r        io.Reader
	control  *http.ResponseController
	patience time.Duration
	start    time.Time
	set      time.Time // when the deadline was moved last
	n        int64
}

// Read reads, by a deadline that is never more than the patience away, nor
// later than the minimal rate allows for what has come.
func (p *pacedReader) Read(b []byte) (int, error) {
	if now := time.Now(); now.Sub(p.set) > p.patience/16 {
		p.set = now
		deadline := now.Add(p.patience)
		if slow := p.start.Add(p.patience + atMinimalRate(p.n)); slow.Before(deadline) {
			deadline = slow
		}
		p.control.SetReadDeadline(deadline)
	}
	n, err := p.r.Read(b)
	p.n += int64(n)
	if err == io.EOF {
		// What comes next on this connection, the server times itself.
		p.control.SetReadDeadline(time.Time{})
	}
	return n, bodyError(err)
}

// bodyError tells the ways a body can end.
func bodyError(err error) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlow
	default:
		return fault.Hide(fault.Invalid, errors.Join(errBody, err), errBody.Error())
	}
}
