// Package sigv4 verifies requests signed with AWS's Signature Version 4, in the
// Authorization header or, presigned, in the query string.
//
// It reckons the signature itself, from what was sent: the path and the query
// before anything decoded them, the Host that arrived, every header the client
// signed, and the real body. Signing again with AWS's SDK would cost more than
// twice as much and refuse clients that sign headers the SDK leaves out; it
// serves as the oracle of the fuzz test.
//
// A request is verified in three steps, so that what can be refused without the
// secret or the body is refused first: [Parse], [Signature.Check],
// [Verifier.Verify].
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
package sigv4

import (
	"fmt"
	"net/http"
)

// Reason is why a request is refused.
type Reason uint8

// The reasons.
const (
	Malformed  Reason = iota // the request target or its encoding is not acceptable
	Missing                  // there is no signature
	Incomplete               // the signature's parts are not all there, or not well-formed
	Mismatch                 // the signature is not one for this request, here and now
)

// Error is a refusal. Its message is for the person who sent the request; it
// holds neither a secret nor the signature that would have been right.
type Error struct {
	Reason  Reason
	message string
}

// Error returns the message.
func (e *Error) Error() string { return e.message }

func refuse(why Reason, format string, args ...any) *Error {
	return &Error{why, fmt.Sprintf(format, args...)}
}

// Message is a request with what a signature covers.
type Message struct {
	Request *http.Request
	Target  Target // of the request, from [ParseTarget]
	Body    []byte // all of it
}
