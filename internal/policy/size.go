package policy

import "unsafe"

// Size returns how many bytes p takes in memory, roughly: what a document costs to
// remember is up to seventy times its length. A nil Policy takes none.
func (p *Policy) Size() int64 {
	if p == nil {
		return 0
	}
	n := room(p.statements)
	for i := range p.statements {
		s := &p.statements[i]
		n += text(s.sid) + room(s.actions) + room(s.resources) + room(s.conditions) + s.principals.size()
		for j := range s.actions {
			n += text(s.actions[j].service) + s.actions[j].name.size()
		}
		for j := range s.resources {
			n += s.resources[j].size()
		}
		for j := range s.conditions {
			n += s.conditions[j].size()
		}
	}
	return n
}

// room is what the elements of a list take without what they refer to.
func room[T any](list []T) int64 { return int64(cap(list)) * int64(unsafe.Sizeof(*new(T))) }

// text is what a text takes, rounded up as allocations are.
func text(s string) int64 { return int64(len(s)+15) &^ 15 }

func texts[T ~string](list []T) int64 {
	n := room(list)
	for _, s := range list {
		n += text(string(s))
	}
	return n
}

func (ps *principals) size() int64 {
	if ps == nil {
		return 0
	}
	return int64(unsafe.Sizeof(*ps)) + texts(ps.accounts) + texts(ps.names) + texts(ps.providers)
}

func (p *pattern) size() int64 {
	n := room(p.tokens)
	for i := range p.tokens {
		t := &p.tokens[i]
		n += text(t.text)
		if t.key != nil {
			n += int64(unsafe.Sizeof(*t.key)) + text(t.key.name) + text(t.key.written)
		}
		if t.fallback != nil {
			n += int64(unsafe.Sizeof(*t.fallback)) + text(*t.fallback)
		}
	}
	return n
}

func (p *arnPattern) size() int64 {
	n := room(p.parts)
	for i := range p.parts {
		n += p.parts[i].size()
	}
	return n
}

func (c *condition) size() int64 {
	n := text(c.key.name) + text(c.key.written) + room(c.values)
	for i := range c.values {
		v := &c.values[i]
		n += v.text.size() + v.arn.size() + text(v.plain)
	}
	return n
}
