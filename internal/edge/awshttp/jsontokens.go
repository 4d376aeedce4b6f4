package awshttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// jsonTokens are the tokens of a text that is well-formed. A [json.Decoder] would
// give the same, but it scans each scalar three times, and makes an error at its
// end that nobody sees.
type jsonTokens struct{ rest []byte }

// tokensOf refuses what is not one JSON value and nothing after it.
func tokensOf(body []byte) (*jsonTokens, error) {
	if json.Valid(body) {
		return &jsonTokens{body}, nil
	}
	var syntax *json.SyntaxError
	errors.As(json.Unmarshal(body, new(json.RawMessage)), &syntax)
	return nil, refuse(malformedInput, "The body is not well-formed JSON, near byte %d: %s. It must be one object and nothing after it.", syntax.Offset, syntax)
}

// more reports whether the list or structure under way has another token.
func (t *jsonTokens) more() bool {
	t.rest = bytes.TrimLeft(t.rest, " \t\r\n,:")
	return t.rest[0] != ']' && t.rest[0] != '}'
}

// next returns the next token; there must be one. Numbers are [json.Number].
func (t *jsonTokens) next() json.Token {
	t.more()
	switch c := t.rest[0]; c {
	case '{', '}', '[', ']':
		t.take(1)
		return json.Delim(c)
	case '"':
		return unquoteJSON(t.take(stringEnd(t.rest)))
	case 't':
		t.take(len("true"))
		return true
	case 'f':
		t.take(len("false"))
		return false
	case 'n':
		t.take(len("null"))
		return nil
	}
	return json.Number(t.take(numberEnd(t.rest)))
}

func (t *jsonTokens) take(n int) (taken []byte) {
	taken, t.rest = t.rest[:n], t.rest[n:]
	return taken
}

// stringEnd is where the string ends that text begins with.
func stringEnd(text []byte) int {
	for i := 1; ; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func numberEnd(text []byte) int {
	if end := bytes.IndexAny(text, " \t\r\n,]}"); end >= 0 {
		return end
	}
	return len(text)
}

func unquoteJSON(text []byte) (s string) {
	if bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return string(text[1 : len(text)-1])
	}
	json.Unmarshal(text, &s) // a string it is
	return s
}
