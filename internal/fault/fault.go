// Package fault says how things go wrong, in words every edge can translate.
//
// Errors come in three layers and no more: a sentinel where a caller branches,
// a [Kind] so that every edge has a safe default, and plain %w context
// elsewhere. An error made here carries a message written for the person who
// sent the request; any other error is internal, and its text stays in the log.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is the class of a fault: what an edge falls back to when it has no code
// of its own for the error.
type Kind uint8

// The kinds. The zero value is Internal, so an error nobody classified is never
// shown to a caller.
const (
	Internal    Kind = iota // our mistake, or a dependency's; details stay in the log
	Invalid                 // the request is malformed or out of bounds; do not retry
	NotFound                // what the request names does not exist
	Conflict                // what is there already forbids the request
	Denied                  // the caller may not do this
	Limit                   // a quota or a size is exceeded
	Throttled               // too many requests; retry later
	Unavailable             // could not find out or do it now; retry may help
)

// String names the kind for logs.
func (k Kind) String() string {
	names := [...]string{"internal", "invalid", "not found", "conflict", "denied", "limit", "throttled", "unavailable"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", k)
}

// Error is an error whose message may be shown to the caller.
type Error struct {
	kind    Kind
	message string
	cause   error
}

// New makes a sentinel of the given kind. Compare with [errors.Is].
func New(kind Kind, message string) *Error {
	return &Error{kind: kind, message: message}
}

// Errorf makes an error of the given kind with a message for the caller.
// It does not wrap: give it only what the caller may see.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{kind: kind, message: fmt.Sprintf(format, args...)}
}

// Becausef makes an error that is sentinel, with a message that says more than
// the sentinel's own. It keeps the sentinel's kind.
func Becausef(sentinel *Error, format string, args ...any) *Error {
	return &Error{kind: sentinel.kind, message: fmt.Sprintf(format, args...), cause: sentinel}
}

// Hide makes an error of the given kind that shows message to the caller and
// keeps cause for the log.
func Hide(kind Kind, cause error, message string) *Error {
	return &Error{kind: kind, message: message, cause: cause}
}

// Error returns the message.
func (e *Error) Error() string { return e.message }

// Kind returns the error's class.
func (e *Error) Kind() Kind { return e.kind }

// Unwrap returns the sentinel or the hidden cause.
func (e *Error) Unwrap() error { return e.cause }

// KindOf returns the kind of the outermost fault in err's chain, or Internal.
func KindOf(err error) Kind {
	var f *Error
	if errors.As(err, &f) {
		return f.kind
	}
	return Internal
}

// Message returns what the caller may read of err, and whether there is
// anything: false means that err is internal and its text belongs in the log.
func Message(err error) (string, bool) {
	var f *Error
	if errors.As(err, &f) && f.kind != Internal {
		return f.message, true
	}
	return "", false
}

// Whole is err for the log: its text, and the causes it hides from callers.
func Whole(err error) string {
	text := err.Error()
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		if !strings.Contains(text, cause.Error()) {
			text += ": " + cause.Error()
		}
	}
	return text
}
