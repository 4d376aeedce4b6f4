// Package shorthand reads the aws program's shorthand syntax for structures:
//
//	parameter = keyval *("," keyval)
//	keyval    = key "=" values
//	key       = 1*(letter / digit / any of -_.#/:)
//	values    = value *("," value) / list / hash
//	list      = "[" [item *("," item)] "]"
//	hash      = "{" [key "=" item *("," key "=" item)] "}"
//	item      = value / list / hash
//	value     = word / "'" … "'" / '"' … '"'
//
// A comma after a value goes on with the list if what follows is a value, and
// with the next key if that is followed by "=". Within words "\," is a comma;
// within quotes a backslash escapes the quote and itself.
//
// Two slips that the aws program makes something of are errors here: a doubled
// comma, and a quote whose only end is an escaped one.
//
// Source: awscli/shorthand.py; https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html
package shorthand

import (
	"fmt"
	"strings"
)

// maxNesting bounds the depth of lists and structures. No operation's input has
// more than a handful of levels.
const maxNesting = 32

// parser reads one text from pos on.
type parser struct {
	in    string
	pos   int
	depth int
}

// Parse reads a whole text into a structure whose values are strings, lists
// ([]any) and structures (map[string]any). Errors say what was expected, in the
// aws program's words, and point at where.
func Parse(in string) (map[string]any, error) {
	p := &parser{in: in}
	result := map[string]any{}
	for {
		key, err := p.key()
		if err != nil {
			return nil, err
		}
		if _, again := result[key]; again {
			return nil, p.fail("Second instance of key \"%s\" encountered", key)
		}
		if result[key], err = p.values(); err != nil {
			return nil, err
		}
		if p.atEnd() {
			return result, nil
		}
		if err := p.expect(','); err != nil {
			return nil, err
		}
	}
}

// key reads a key and the "=" after it.
func (p *parser) key() (string, error) {
	start := p.pos
	for !p.atEnd() && isKeyByte(p.in[p.pos]) {
		p.pos++
	}
	key := p.in[start:p.pos]
	return key, p.expect('=')
}

func (p *parser) values() (any, error) {
	switch p.current() {
	case '[', '{':
		return p.item()
	}
	first, err := p.value(inFirst)
	if err != nil {
		return nil, err
	}
	list := []any{first}
	for p.space(); p.current() == ','; p.space() {
		comma := p.pos
		p.pos++
		p.space()
		start := p.pos
		next, err := p.value(inLater)
		none := err != nil || p.pos == start
		if p.space(); none && p.atEnd() {
			return nil, p.fail("Expected: a value, received: 'EOF'")
		}
		if none || p.current() != ',' && !p.atEnd() {
			p.pos = comma // it was the next key
			break
		}
		list = append(list, next)
	}
	if len(list) == 1 {
		return first, nil
	}
	return list, nil
}

// item reads a list, a structure or one value within brackets.
func (p *parser) item() (any, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, p.fail("Nested deeper than %d levels", maxNesting)
	}
	defer func() { p.depth-- }()
	switch p.current() {
	case '[':
		return p.list()
	case '{':
		return p.hash()
	}
	return p.value(inFirst)
}

func (p *parser) list() (any, error) {
	list := []any{}
	err := p.bracketed('[', ']', func() error {
		item, err := p.item()
		list = append(list, item)
		return err
	})
	return list, err
}

func (p *parser) hash() (any, error) {
	hash := map[string]any{}
	err := p.bracketed('{', '}', func() error {
		key, err := p.key()
		if err == nil {
			hash[key], err = p.item()
		}
		return err
	})
	return hash, err
}

// bracketed reads elements separated by commas between two brackets.
func (p *parser) bracketed(open, end byte, element func() error) error {
	if err := p.expect(open); err != nil {
		return err
	}
	for p.current() != end {
		if err := element(); err != nil {
			return err
		}
		p.space()
		if p.current() != end {
			if err := p.expect(','); err != nil {
				return err
			}
		}
	}
	p.pos++
	return nil
}

// value reads a quoted value, or a word that goes on with the bytes that part
// allows. A word may be empty.
func (p *parser) value(part func(byte) bool) (string, error) {
	if quote := p.current(); quote == '\'' || quote == '"' {
		return p.quoted(quote)
	}
	var b strings.Builder
word:
	for !p.atEnd() {
		c, size := p.in[p.pos], 1
		switch {
		case strings.HasPrefix(p.in[p.pos:], `\,`):
			c, size = ',', 2
		case b.Len() == 0 && !startsWord(c), b.Len() > 0 && !part(c):
			break word
		}
		b.WriteByte(c)
		p.pos += size
	}
	return strings.TrimRight(b.String(), " \t\r\n"), nil
}

func (p *parser) quoted(quote byte) (string, error) {
	var b strings.Builder
	for p.pos++; !p.atEnd(); p.pos++ {
		c := p.in[p.pos]
		if c == quote {
			p.pos++
			return b.String(), nil
		}
		if c == '\\' && p.pos+1 < len(p.in) && (p.in[p.pos+1] == quote || p.in[p.pos+1] == '\\') {
			p.pos++
			c = p.in[p.pos]
		}
		b.WriteByte(c)
	}
	return "", p.fail("Expected: '%c', received: 'EOF'", quote)
}

// expect reads one byte and the space around it.
func (p *parser) expect(want byte) error {
	p.space()
	if p.atEnd() {
		return p.fail("Expected: '%c', received: 'EOF'", want)
	}
	if c := p.in[p.pos]; c != want {
		return p.fail("Expected: '%c', received: '%c'", want, c)
	}
	p.pos++
	p.space()
	return nil
}

func (p *parser) space() {
	for !p.atEnd() && strings.IndexByte(" \t\r\n\v\f", p.in[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *parser) atEnd() bool { return p.pos >= len(p.in) }

// current is the byte to be read, 0 at the end.
func (p *parser) current() byte {
	if p.atEnd() {
		return 0
	}
	return p.in[p.pos]
}

// fail says what is wrong and points at where.
func (p *parser) fail(format string, args ...any) error {
	where := p.in + "\n" + strings.Repeat(" ", p.pos) + "^"
	return fmt.Errorf("%s for input:\n%s", fmt.Sprintf(format, args...), where)
}

func isKeyByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.#/:", c) >= 0
}

// startsWord is whether a word may begin with c.
func startsWord(c byte) bool { return strings.IndexByte(" \t\r\n\v\f\"',=[{", c) < 0 }

// inFirst is whether a word that follows "=" or stands in brackets may hold c.
func inFirst(c byte) bool { return strings.IndexByte("\"',]}", c) < 0 }

// inLater is whether a word after a comma may hold c: it ends at "=", since it
// may be the next key.
func inLater(c byte) bool { return strings.IndexByte("\"',=", c) < 0 }
