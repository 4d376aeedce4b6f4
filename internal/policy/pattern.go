package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// pattern is text with wildcards and policy variables. What a variable stands
// for is text, never a wildcard.
type pattern struct {
	tokens   []token
	fold     bool // ASCII letters match without regard to case; tokens are in lower case
	variable bool // a token is a variable
}

type token struct {
	kind     tokenKind
	text     string // of a literal
	key      *key   // of a variable
	fallback *string
}

type tokenKind uint8

const (
	literal tokenKind = iota
	star              // any characters, or none
	one               // any one character
	variable
)

// syntax says which characters of a pattern are more than themselves.
type syntax struct {
	wild      bool // * and ?
	variables bool // ${…}
}

// parsePattern reads a pattern. It fails for a variable that is none.
func parsePattern(s string, syn syntax) (pattern, error) {
	var p pattern
	for s != "" {
		switch {
		case syn.wild && s[0] == '*':
			p.add(token{kind: star})
			s = s[1:]
		case syn.wild && s[0] == '?':
			p.add(token{kind: one})
			s = s[1:]
		case syn.variables && strings.HasPrefix(s, "${"):
			inside, rest, closed := strings.Cut(s[2:], "}")
			t, err := parseVariable(inside)
			if err != nil || !closed {
				return pattern{}, fmt.Errorf("%.100q does not begin with a policy variable", s)
			}
			p.add(t)
			s = rest
		default:
			_, n := utf8.DecodeRuneInString(s)
			p.add(token{text: s[:n]})
			s = s[n:]
		}
	}
	return p, nil
}

// add joins what belongs together, so that each star is followed by another
// kind of token.
func (p *pattern) add(t token) {
	last := len(p.tokens) - 1
	switch {
	case last >= 0 && t.kind == literal && p.tokens[last].kind == literal:
		p.tokens[last].text += t.text
	case last >= 0 && t.kind == star && p.tokens[last].kind == star:
	default:
		p.tokens = append(p.tokens, t)
	}
	p.variable = p.variable || t.kind == variable
}

// open reports whether nothing of the pattern is fixed, not even that it is empty.
func (p *pattern) open() bool {
	return len(p.tokens) > 0 && !slices.ContainsFunc(p.tokens, func(t token) bool { return t.kind == literal })
}

var errVariable = errors.New("not a policy variable")

// parseVariable reads what stands between ${ and }: an escaped character, or a
// condition key, perhaps with a default in single quotes.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func parseVariable(inside string) (token, error) {
	if inside == "*" || inside == "?" || inside == "$" {
		return token{text: inside}, nil
	}
	name, fallback, given := strings.Cut(inside, ",")
	if name = strings.TrimSpace(name); !strings.Contains(name, ":") || strings.ContainsAny(name, "{$*?'\"") {
		return token{}, errVariable
	}
	k := newKey(name)
	t := token{kind: variable, key: &k}
	if !given {
		return t, nil
	}
	fallback = strings.TrimSpace(fallback)
	if len(fallback) < 2 || fallback[0] != '\'' || strings.IndexByte(fallback[1:], '\'') != len(fallback)-2 {
		return token{}, errVariable
	}
	fallback = fallback[1 : len(fallback)-1]
	t.fallback = &fallback
	return t, nil
}

// folded makes p match without regard to the case of ASCII letters.
func (p pattern) folded() pattern {
	for i := range p.tokens {
		p.tokens[i].text = lower(p.tokens[i].text)
	}
	p.fold = true
	return p
}

// resolves reports whether all variables of p have a value.
func (p *pattern) resolves(e *evaluation) bool {
	if !p.variable {
		return true
	}
	for i := range p.tokens {
		if t := &p.tokens[i]; t.kind == variable {
			if _, ok := e.variable(t); !ok {
				return false
			}
		}
	}
	return true
}

// matches reports whether all of s matches; a variable without a value matches
// nothing. It goes back to the last star only, so it takes at most len(s) times
// len(p) steps.
func (p *pattern) matches(e *evaluation, s string) bool {
	if len(p.tokens) == 1 && p.tokens[0].kind == literal {
		return len(s) == len(p.tokens[0].text) && p.prefix(p.tokens[0].text, s) >= 0
	}
	at, rest := 0, s     // the token to match, what is left to match
	after, from := -1, s // the token after the last star, where it was tried
	for at < len(p.tokens) || rest != "" {
		if at < len(p.tokens) && p.tokens[at].kind == star {
			at++
			after, from = at, rest
			if at == len(p.tokens) {
				return true
			}
			continue
		}
		if at < len(p.tokens) {
			if n := p.step(e, &p.tokens[at], rest); n >= 0 {
				at, rest = at+1, rest[n:]
				continue
			}
		}
		if after < 0 || from == "" {
			return false
		}
		_, n := utf8.DecodeRuneInString(from)
		from = from[n:]
		at, rest = after, from
	}
	return true
}

// step returns how many bytes of s the token t takes, or -1.
func (p *pattern) step(e *evaluation, t *token, s string) int {
	switch t.kind {
	case one:
		if s == "" {
			return -1
		}
		_, n := utf8.DecodeRuneInString(s)
		return n
	case variable:
		value, ok := e.variable(t)
		if !ok {
			return -1
		}
		return p.prefix(value, s)
	}
	return p.prefix(t.text, s)
}

// prefix returns the length of text if s begins with it, or -1.
func (p *pattern) prefix(text, s string) int {
	n := len(text)
	if len(s) < n || s[:n] != text && !(p.fold && equalFold(s[:n], text)) {
		return -1
	}
	return n
}

// equalFold compares without regard to the case of ASCII letters, so that no
// look-alike passes (the Kelvin sign is no k). Both are of one length.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// lower returns s with its ASCII letters in lower case.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lowerByte(c)
	}
	return string(b)
}

// keys appends the names of the variables of p.
func (p *pattern) keys(names []string) []string {
	for i := range p.tokens {
		if t := &p.tokens[i]; t.kind == variable {
			names = append(names, t.key.written)
		}
	}
	return names
}
