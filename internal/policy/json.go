package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Bounds of any document. Narrower ones, such as 6,144 characters for a managed
// policy, are its keeper's.
const (
	maxBytes = 64 << 10
	maxDepth = 10 // a condition's list of values is at depth 6
)

// node is a JSON value with what encoding/json loses: the order and the
// repetition of names, and where in the text it stands.
type node struct {
	kind     jsonKind
	text     string // of a string, a number (as written) or a bool
	members  []member
	items    []node
	from, to int // bytes [from, to) of the document
}

type member struct {
	name  string
	value node
}

type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonString
	jsonNumber
	jsonBool
	jsonList
	jsonObject
)

// readJSON reads one JSON value and nothing after it. Names that repeat within
// an object, text that is not UTF-8 and lone surrogates are refused: readers
// differ on what they mean.
func readJSON(document string) (node, error) {
	switch {
	case len(document) > maxBytes:
		return node{}, fmt.Errorf("the document has more than %d bytes", maxBytes)
	case !utf8.ValidString(document):
		return node{}, errors.New("the document is not UTF-8")
	case !json.Valid([]byte(document)):
		return node{}, errors.New("the document is not JSON")
	}
	r := reader{json.NewDecoder(strings.NewReader(document)), document}
	r.UseNumber()
	n, err := r.value(0)
	if err != nil {
		return node{}, err
	}
	if _, err := r.Token(); err != io.EOF {
		return node{}, errors.New("something follows the document")
	}
	return n, nil
}

type reader struct {
	*json.Decoder
	document string
}

func (r reader) value(depth int) (node, error) {
	from := int(r.InputOffset())
	token, err := r.Token()
	if err != nil {
		return node{}, err
	}
	from += len(r.document[from:]) - len(strings.TrimLeft(r.document[from:], " \t\r\n,:"))
	return r.after(token, from, depth)
}

// after reads the value that token begins.
func (r reader) after(token json.Token, from, depth int) (n node, err error) {
	n.from = from
	switch t := token.(type) {
	case string:
		n.kind, n.text = jsonString, t
		if strings.ContainsRune(t, utf8.RuneError) {
			err = errors.New("a string has a character that is none (U+FFFD or a lone surrogate)")
		}
	case json.Number:
		n.kind, n.text = jsonNumber, t.String()
	case bool:
		n.kind, n.text = jsonBool, fmt.Sprint(t)
	case json.Delim:
		err = r.nested(&n, t, depth)
	}
	n.to = int(r.InputOffset())
	return n, err
}

func (r reader) nested(n *node, open json.Delim, depth int) error {
	if depth == maxDepth {
		return fmt.Errorf("the document nests more than %d deep", maxDepth)
	}
	n.kind = jsonList
	if open == '{' {
		n.kind = jsonObject
	}
	for r.More() {
		if len(n.members)+len(n.items) == maxValues {
			return fmt.Errorf("an object or a list has more than %d parts", maxValues)
		}
		var name string
		if n.kind == jsonObject {
			key, err := r.value(depth + 1)
			if err != nil {
				return err
			}
			if name = key.text; n.member(name) != nil {
				return fmt.Errorf("%.100q comes twice in one object", name)
			}
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.add(name, v)
	}
	_, err := r.Token() // the closing delimiter
	return err
}

func (n *node) add(name string, v node) {
	if n.kind == jsonObject {
		n.members = append(n.members, member{name, v})
	} else {
		n.items = append(n.items, v)
	}
}

// member returns the value of a name of an object, or nil.
func (n *node) member(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i].value
		}
	}
	return nil
}
