package ociapi

import (
	"sync"

	"github.com/sealwright/sealwright/internal/fault"
)

// errManySlow is answered with 429, which clients take as "later".
var errManySlow = fault.New(fault.Throttled, "too many large answers are being sent at once: try again in a moment")

// largeAnswer is what an answer has more than that counts.
const largeAnswer = 64 << 10

// defaultSending lets 32 of the largest manifests be sent at once.
const defaultSending = 128 << 20

// sending bounds the memory that answers take while they are sent, which slow
// clients would else decide. The same bytes count once, whoever they are sent to,
// so that what is read from memory by all at once is refused to nobody.
type sending struct {
	mu   sync.Mutex
	left int64
	held map[*byte]int // to how many is being sent what begins there
}

func newSending(room int64) *sending { return &sending{left: room, held: map[*byte]int{}} }

// begin counts an answer until end is called. It fails with errManySlow when there
// is no room, and does not wait: the answer would wait with it.
func (s *sending) begin(body []byte) (end func(), err error) {
	if len(body) <= largeAnswer {
		return func() {}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[&body[0]] == 0 {
		if int64(len(body)) > s.left && len(s.held) > 0 {
			return nil, errManySlow
		}
		s.left -= int64(len(body))
	}
	s.held[&body[0]]++
	return func() { s.end(body) }, nil
}

func (s *sending) end(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[&body[0]]--; s.held[&body[0]] == 0 {
		delete(s.held, &body[0])
		s.left += int64(len(body))
	}
}
