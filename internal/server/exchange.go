package server

import (
	"io"
	"net/http"
	"time"
)

// exchange is a request being answered, as log and metrics will tell of it. It
// is also the ResponseWriter that the edges are given. It hides nothing of the
// one below: ReadFrom keeps sendfile, Unwrap keeps [http.ResponseController].
type exchange struct {
	http.ResponseWriter
	begun                time.Time
	operation, principal string
	body                 countedBody
	status               int // 0 until the header is written
	sent                 int64
}

// Unwrap is for [http.ResponseController].
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// WriteHeader notes the status, if it is not an interim one.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write counts.
func (x *exchange) Write(p []byte) (int, error) {
	x.begin()
	n, err := x.ResponseWriter.Write(p)
	x.sent += int64(n)
	return n, err
}

// ReadFrom counts, and lets the connection read from a file by itself: the
// kernel then sends a blob without its bytes coming through here.
func (x *exchange) ReadFrom(r io.Reader) (int64, error) {
	x.begin()
	n, err := io.Copy(x.ResponseWriter, r)
	x.sent += n
	return n, err
}

// begin is what the first byte of a body does to the status.
func (x *exchange) begin() {
	if x.status == 0 {
		x.status = http.StatusOK
	}
}

// countBody counts what is read of a request's body. The request is a copy: the
// HTTP server looks at the body of its own to see whether it waits for a "100
// Continue".
func (x *exchange) countBody(r *http.Request) *http.Request {
	copied := *r
	x.body.ReadCloser = r.Body
	copied.Body = &x.body
	return &copied
}

// countedBody is a request's body.
type countedBody struct {
	io.ReadCloser
	read int64
}

// Read counts.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	return n, err
}

// note is what the edges tell of a request while they answer it.
func note(w http.ResponseWriter, operation, principal string) {
	if x, ok := w.(*exchange); ok {
		x.operation = operation
		if principal != "" {
			x.principal = principal
		}
	}
}
