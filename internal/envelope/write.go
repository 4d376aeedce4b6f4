package envelope

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// Chain is a certificate chain made ready to be written many times.
type Chain struct {
	tail []byte // from after the protected header up to the signature's first character
}

// NewChain takes DER certificates, leaf first, up to and including the
// self-signed root. It does not look into them: whoever issued the leaf has
// checked that the chain holds, once, and not for every signature.
func NewChain(certificates [][]byte) (*Chain, error) {
	if len(certificates) == 0 || len(certificates) > maxChain {
		return nil, fmt.Errorf("envelope: a chain has 1 to %d certificates, not %d", maxChain, len(certificates))
	}
	for _, der := range certificates {
		if len(der) == 0 {
			return nil, errors.New("envelope: an empty certificate in the chain")
		}
	}
	x5c, err := json.Marshal(certificates) // standard base64, as x5c wants it
	if err != nil {
		return nil, fmt.Errorf("envelope: encode the chain: %w", err)
	}
	tail := append([]byte(`","header":{"x5c":`), x5c...)
	return &Chain{append(tail, `},"signature":"`...)}, nil
}

// Sign makes an envelope around payload, byte for byte. sign is given the
// SHA-384 digest of what is signed and returns r and s side by side, 48
// big-endian bytes each. It fails when a is incomplete, the payload out of
// bounds, or with sign's error.
func Sign(a Attributes, c *Chain, payload []byte, sign func(digest []byte) ([]byte, error)) ([]byte, error) {
	if len(payload) == 0 || len(payload) > MaxPayload {
		return nil, fmt.Errorf("envelope: the payload must have 1 to %d bytes, not %d", MaxPayload, len(payload))
	}
	header, err := a.encode()
	if err != nil {
		return nil, err
	}
	input := signingInput(header, payload)
	digest := sha512.Sum384(input)
	signature, err := sign(digest[:])
	if err != nil {
		return nil, err
	}
	if len(signature) != signatureSize {
		return nil, fmt.Errorf("envelope: the signature has %d bytes, not %d", len(signature), signatureSize)
	}
	return c.assemble(input, base64url.EncodedLen(len(header)), signature), nil
}

var base64url = base64.RawURLEncoding.Strict()

// signingInput is what is signed: header and payload, encoded, with a dot
// between them (RFC 7515, section 5.1).
func signingInput(header, payload []byte) []byte {
	input := make([]byte, 0, base64url.EncodedLen(len(header))+1+base64url.EncodedLen(len(payload)))
	input = base64url.AppendEncode(input, header)
	input = append(input, '.')
	return base64url.AppendEncode(input, payload)
}

// assemble writes the flattened JWS JSON. Nothing in it needs escaping: all
// that varies is base64. headerSize is where the dot is.
func (c *Chain) assemble(input []byte, headerSize int, signature []byte) []byte {
	out := make([]byte, 0, len(input)+len(c.tail)+160)
	out = append(out, `{"payload":"`...)
	out = append(out, input[headerSize+1:]...)
	out = append(out, `","protected":"`...)
	out = append(out, input[:headerSize]...)
	out = append(out, c.tail...)
	out = base64url.AppendEncode(out, signature)
	return append(out, `"}`...)
}
