package envelope

import (
	"bytes"
	"encoding/json"

	"github.com/sealwright/sealwright/internal/fault"
)

// ErrEnvelope means that the bytes are not an envelope of the form [Sign] makes.
var ErrEnvelope = fault.New(fault.Invalid, "not a signature envelope of this service")

func refusef(format string, args ...any) error {
	return fault.Becausef(ErrEnvelope, "not a signature envelope of this service: "+format, args...)
}

// wire is the flattened JWS JSON serialization (RFC 7515, section 7.2.2).
type wire struct {
	Payload   string `json:"payload"`
	Protected string `json:"protected"`
	Header    struct {
		X5C [][]byte `json:"x5c"`
	} `json:"header"`
	Signature string `json:"signature"`
}

// Parse reads an envelope. It accepts exactly the bytes that [Sign] writes for
// the values it returns, so no two envelopes say the same: no other spelling, no
// field more, none twice. It does not verify the signature. It fails with
// [ErrEnvelope].
func Parse(data []byte) (*Envelope, error) {
	if len(data) > MaxSize {
		return nil, refusef("%d bytes, where %d are the most", len(data), MaxSize)
	}
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, refusef("not JSON of that shape")
	}
	e, err := w.values()
	if err != nil {
		return nil, err
	}
	again, err := e.Bytes()
	if err != nil {
		return nil, refusef("%v", err)
	}
	if !bytes.Equal(again, data) {
		return nil, refusef("spelled differently")
	}
	return e, nil
}

// values decodes the parts.
func (w *wire) values() (*Envelope, error) {
	header, err := base64url.DecodeString(w.Protected)
	if err != nil {
		return nil, refusef("the protected header is not base64url")
	}
	var p protected
	if err := json.Unmarshal(header, &p); err != nil {
		return nil, refusef("the protected header is not JSON of that shape")
	}
	e := &Envelope{Chain: w.Header.X5C}
	if e.Attributes, err = p.attributes(); err != nil {
		return nil, err
	}
	if e.Payload, err = base64url.DecodeString(w.Payload); err != nil {
		return nil, refusef("the payload is not base64url")
	}
	if e.Signature, err = base64url.DecodeString(w.Signature); err != nil {
		return nil, refusef("the signature is not base64url")
	}
	return e, nil
}

// Bytes writes the envelope. It is what [Sign] wrote if e was parsed.
func (e *Envelope) Bytes() ([]byte, error) {
	c, err := NewChain(e.Chain)
	if err != nil {
		return nil, err
	}
	return Sign(e.Attributes, c, e.Payload, func([]byte) ([]byte, error) { return e.Signature, nil })
}
