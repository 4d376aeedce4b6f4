package signing

import (
	"bytes"
	"encoding/json"
	"errors"
)

// members reads a JSON object and refuses members given twice, which
// encoding/json would not. data must be valid JSON. Its errors are for the
// caller to read.
func members(data []byte) (map[string]json.RawMessage, error) {
	data = bytes.Trim(data, whitespace)
	if len(data) == 0 || data[0] != '{' {
		return nil, errors.New("not a JSON object")
	}
	found := make(map[string]json.RawMessage, 4)
	rest := bytes.TrimLeft(data[1:], whitespace)
	for rest[0] != '}' {
		end := stringEnd(rest)
		name := text(rest[:end])
		if _, twice := found[name]; twice {
			return nil, errors.New("a member is given twice")
		}
		_, rest, _ = bytes.Cut(rest[end:], []byte(":"))
		end = valueEnd(rest)
		found[name] = bytes.Trim(rest[:end], whitespace)
		if rest[end] == ',' {
			end++
		}
		rest = bytes.TrimLeft(rest[end:], whitespace)
	}
	return found, nil
}

// whitespace is JSON's (RFC 8259, section 2).
const whitespace = " \t\r\n"

// stringEnd is where the string ends that data begins with.
func stringEnd(data []byte) int {
	for i := 1; ; i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// valueEnd is where the comma or brace is that follows the value data begins
// with.
func valueEnd(data []byte) int {
	for i, depth := 0, 0; ; i++ {
		switch data[i] {
		case '"':
			i += stringEnd(data[i:]) - 1
		case '{', '[':
			depth++
		case ',', '}', ']':
			if depth == 0 {
				return i
			}
			if data[i] != ',' {
				depth--
			}
		}
	}
}

func isString(value json.RawMessage) bool { return len(value) > 0 && value[0] == '"' }

// text is the string that value is, or "" if it is none.
func text(value json.RawMessage) string {
	if !isString(value) {
		return ""
	}
	if !bytes.ContainsRune(value, '\\') {
		return string(value[1 : len(value)-1])
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}
