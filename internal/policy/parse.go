package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
)

// grammar is what differs among the kinds of policies.
type grammar struct {
	principal    presence
	notPrincipal bool // may stand instead of Principal
	resource     presence
	service      string // the only one whose actions may be named; "" is any
	freeSid      bool   // a Sid may have other characters than letters and digits
}

// presence of an element; the zero presence forbids it.
type presence uint8

const (
	forbidden presence = iota
	optional
	required
)

// Bounds of a document's parts.
const (
	maxStatements = 500
	maxValues     = 1000 // of one element or one condition key
)

// parser compiles one document.
type parser struct {
	grammar
	variables bool // the document's version has them
	sids      map[string]bool
}

func parse(document string, g grammar) (*Policy, error) {
	n, err := readJSON(document)
	if err != nil {
		return nil, at("", err)
	}
	p := parser{grammar: g, sids: map[string]bool{}}
	return p.document(&n)
}

// at says where in the document err is.
func at(path string, err error) error {
	if path == "" {
		path = "the document"
	}
	if message, aws := fault.Message(err); aws {
		return malformed("%s At %s.", strings.TrimSuffix(message, ".")+".", path)
	}
	return malformed("Syntax errors in policy. At %s: %v.", path, err)
}

// document reads the elements outside statements.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
func (p *parser) document(n *node) (*Policy, error) {
	if err := n.only("Version", "Id", "Statement"); err != nil {
		return nil, at("", err)
	}
	if id := n.member("Id"); id != nil && id.kind != jsonString {
		return nil, at("Id", errors.New("want a string"))
	}
	if v := n.member("Version"); v != nil {
		if v.kind != jsonString || v.text != "2012-10-17" && v.text != "2008-10-17" {
			return nil, at("Version", malformed("Policy document must be version 2012-10-17 or greater."))
		}
		p.variables = v.text == "2012-10-17"
	}
	return p.statements(n.member("Statement"))
}

func (p *parser) statements(n *node) (*Policy, error) {
	if n == nil {
		return nil, at("", errors.New("want a Statement"))
	}
	items := n.items
	if n.kind == jsonObject {
		items = []node{*n}
	}
	if n.kind != jsonObject && n.kind != jsonList || len(items) == 0 || len(items) > maxStatements {
		return nil, at("Statement", fmt.Errorf("want one to %d statements", maxStatements))
	}
	compiled := &Policy{statements: make([]statement, len(items))}
	for i := range items {
		s, err := p.statement(&items[i], path("Statement", i, n.kind == jsonList))
		if err != nil {
			return nil, err
		}
		compiled.statements[i] = s
	}
	return compiled, nil
}

func path(name string, i int, inList bool) string {
	if !inList {
		return name
	}
	return name + "[" + strconv.Itoa(i) + "]"
}

// only checks that n is an object of nothing but these names.
func (n *node) only(names ...string) error {
	if n.kind != jsonObject {
		return errors.New("want an object")
	}
	for _, m := range n.members {
		known := false
		for _, name := range names {
			known = known || name == m.name
		}
		if !known {
			return fmt.Errorf("there is no element %.100q", m.name)
		}
	}
	return nil
}

// strings reads a string or a list of at least one.
func (n *node) strings(where string) ([]string, error) {
	items := n.items
	if n.kind != jsonList {
		items = []node{*n}
	}
	if len(items) == 0 || len(items) > maxValues {
		return nil, at(where, fmt.Errorf("want one to %d values", maxValues))
	}
	texts := make([]string, len(items))
	for i, item := range items {
		if item.kind != jsonString {
			return nil, at(path(where, i, n.kind == jsonList), errors.New("want a string"))
		}
		texts[i] = item.text
	}
	return texts, nil
}

// each compiles what strings reads, element by element.
func each[T any](n *node, where string, compile func(string) (T, error)) ([]T, error) {
	texts, err := n.strings(where)
	if err != nil {
		return nil, err
	}
	all := make([]T, len(texts))
	for i, t := range texts {
		if all[i], err = compile(t); err != nil {
			return nil, at(path(where, i, n.kind == jsonList), err)
		}
	}
	return all, nil
}
