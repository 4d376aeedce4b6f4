// Package load is a small HTTP/1.1 client and a closed loop around it: the part
// of the bench that makes servers work.
//
// Client and server share the machine's cores, so what the client spends is
// taken from the server. Hence requests are made before they are timed, answers
// are parsed by hand, and a request costs no allocation.
package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"time"
)

const (
	readBuffer = 64 << 10 // also the longest header line
	copyBuffer = 256 << 10
	maxBody    = 16 << 20 // of an answer that is kept
	// answerTimeout bounds one exchange; a server that needs longer has hung.
	answerTimeout = 60 * time.Second
)

// Conn is one kept-alive connection. It is not for concurrent use.
type Conn struct {
	net    wire
	reader *bufio.Reader
	body   []byte
	armed  time.Time
}

// wire is what a Conn needs of a connection.
type wire interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
}

// Answer is what the bench looks at of a response.
type Answer struct {
	Status   int
	Location string
	Link     string
	Size     int64  // of the body
	Body     []byte // valid until the next request; nil from Drain
}

// Dial connects to host:port.
func Dial(ctx context.Context, address string) (*Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return newConn(c), nil
}

func newConn(w wire) *Conn { return &Conn{net: w, reader: bufio.NewReaderSize(w, readBuffer)} }

// Close closes the connection.
func (c *Conn) Close() error { return c.net.Close() }

// Do sends a request and reads its answer with the body, which may be 16 MiB
// long. After an error the connection is of no further use.
func (c *Conn) Do(r Request) (Answer, error) {
	a, body, err := c.exchange(r)
	if err != nil {
		return a, err
	}
	return c.keep(a, body)
}

// receive reads an answer to a request that was sent.
func (c *Conn) receive() (Answer, error) {
	a, body, err := c.readHead(false)
	if err != nil {
		return a, err
	}
	return c.keep(a, body)
}

// keep reads the body of an answer.
func (c *Conn) keep(a Answer, body io.Reader) (_ Answer, err error) {
	c.body, err = readAll(body, c.body[:0])
	a.Body, a.Size = c.body, int64(len(c.body))
	return a, err
}

// Drain is Do for a body of any length, which is read and forgotten.
func (c *Conn) Drain(r Request) (a Answer, err error) {
	a, body, err := c.exchange(r)
	if err != nil {
		return a, err
	}
	if cap(c.body) < copyBuffer {
		c.body = make([]byte, copyBuffer)
	}
	// The struct hides bufio's WriterTo, which would copy in its own small pieces.
	a.Size, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{body}, c.body[:copyBuffer])
	return a, err
}

// Expect is Do for a request whose answer must have a status.
func (c *Conn) Expect(status int, r Request) (Answer, error) {
	a, err := c.Do(r)
	if err == nil && a.Status != status {
		err = unexpected(r, a, status)
	}
	return a, err
}

func unexpected(r Request, a Answer, status int) error {
	line, _, _ := bytes.Cut(r, []byte("\r\n"))
	return fmt.Errorf("%s: status %d, not %d: %.300s", line, a.Status, status, a.Body)
}

// exchange sends r and reads the answer's head.
func (c *Conn) exchange(r Request) (Answer, io.Reader, error) {
	if now := time.Now(); now.Sub(c.armed) > time.Second { // setting a deadline costs too much to do each time
		c.armed = now
		if err := c.net.SetDeadline(now.Add(answerTimeout)); err != nil {
			return Answer{}, nil, err
		}
	}
	if _, err := c.net.Write(r); err != nil {
		return Answer{}, nil, err
	}
	return c.readHead(bytes.HasPrefix(r, []byte("HEAD ")))
}

func (c *Conn) readHead(headOnly bool) (a Answer, body io.Reader, err error) {
	line, err := c.line()
	if err != nil {
		return a, nil, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return a, nil, fmt.Errorf("not an HTTP/1.1 answer: %.40q", line)
	}
	if a.Status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, nil, fmt.Errorf("not a status line: %.40q", line)
	}
	length, err := c.readHeader(&a)
	switch {
	case err != nil:
		return a, nil, err
	case headOnly || a.Status == 204 || a.Status == 304:
		return a, eof{}, nil
	case length == chunked:
		return a, &chunkedBody{chunks: httputil.NewChunkedReader(c.reader), conn: c}, nil
	case length < 0:
		return a, nil, errors.New("an answer without Content-Length cannot be told from a broken one")
	}
	return a, io.LimitReader(c.reader, length), nil
}

const chunked = -2 // the length of a body in chunks

// readHeader reads header lines to the empty one, and returns the length of the
// body: -1 if the header does not say.
func (c *Conn) readHeader(a *Answer) (length int64, err error) {
	length = -1
	for {
		line, err := c.line()
		if err != nil || len(line) == 0 {
			return length, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case equalFold(name, "content-length"):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return 0, fmt.Errorf("bad Content-Length %q", value)
			}
		case equalFold(name, "transfer-encoding"):
			length = chunked
		case equalFold(name, "location"):
			a.Location = string(value)
		case equalFold(name, "link"):
			a.Link = string(value)
		}
	}
}

// line reads a line without its end. It is valid until the next read.
func (c *Conn) line() ([]byte, error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// equalFold compares a header's name with a lower-case one.
func equalFold(name []byte, lower string) bool {
	return len(name) == len(lower) && bytes.EqualFold(name, []byte(lower))
}

// readAll appends what r holds to buf, whose room it uses.
func readAll(r io.Reader, buf []byte) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			if len(buf) >= maxBody {
				return buf, fmt.Errorf("an answer of more than %d bytes", maxBody)
			}
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// chunkedBody reads chunks and then the trailer, so that the next answer begins
// where it should.
type chunkedBody struct {
	chunks io.Reader
	conn   *Conn
}

func (b *chunkedBody) Read(p []byte) (int, error) {
	n, err := b.chunks.Read(p)
	if err == io.EOF {
		var ignored Answer
		if _, err := b.conn.readHeader(&ignored); err != nil {
			return n, err
		}
	}
	return n, err
}
