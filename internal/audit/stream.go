package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sealwright/sealwright/internal/journal"
)

// Stream is a sink of lines on a writer, such as standard output. It is as
// durable as whoever reads them makes it. It is used by one goroutine.
type Stream struct {
	w       io.Writer
	writing chan error // of a write that has not returned; nil: there is none
}

// NewStream writes to w, which need not know of contexts.
func NewStream(w io.Writer) *Stream { return &Stream{w: w} }

// errStuck is why nothing is delivered while a write does not return.
var errStuck = errors.New("audit stream: nobody reads it: the write before has not returned")

// Deliver implements [journal.Sink]. When nobody reads the other end, it gives up
// waiting as ctx ends, and writes nothing more until the write returns.
func (s *Stream) Deliver(ctx context.Context, entries []journal.Entry) error {
	if s.writing != nil {
		select {
		case <-s.writing: // its lines come again
			s.writing = nil
		default:
			return errStuck
		}
	}
	var lines bytes.Buffer
	for _, e := range entries {
		lines.Write(RecordOf(e).Line())
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.w.Write(lines.Bytes())
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("audit stream: %w", err)
		}
		return nil
	case <-ctx.Done():
		s.writing = done
		return ctx.Err()
	}
}
