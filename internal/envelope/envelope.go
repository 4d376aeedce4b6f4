// Package envelope turns signatures into bytes and back: the JWS JSON envelope
// of the Notary Project, in the one form AWS Signer makes.
//
// Only that form is written and read here. Envelopes of other makers are
// notation-core-go's business.
//
// Source: https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-envelope-jws.md
package envelope

import (
	"time"
)

// Media types and names that are fixed.
const (
	MediaType        = "application/jose+json"
	PayloadMediaType = "application/vnd.cncf.notary.payload.v1+json"
	SigningScheme    = "notary.x509.signingAuthority"
	// VerificationPlugin is the plugin that must be there to verify: it checks
	// the trusted identity and asks for revocation.
	VerificationPlugin = "com.amazonaws.signer.notation.plugin"
)

// Bounds. An envelope of ours is about 8 KiB.
const (
	MaxPayload = 4096 // bytes, as SignPayload has it
	MaxSize    = 64 << 10
	maxChain   = 8
)

// signatureSize is r and s of P-384, side by side.
const signatureSize = 96

// Attributes are what a signature says beside its payload.
type Attributes struct {
	SigningTime       time.Time // the authentic signing time; whole seconds, UTC
	Expiry            time.Time // after SigningTime; whole seconds, UTC
	ProfileVersionARN string
	JobARN            string
}

// Envelope is a signature with everything needed to verify it.
type Envelope struct {
	Attributes
	Payload   []byte   // the exact bytes that were signed
	Chain     [][]byte // DER, leaf first, root last
	Signature []byte   // r and s, 48 big-endian bytes each
}
