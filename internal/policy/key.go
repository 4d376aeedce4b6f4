package policy

import "strings"

// key is the name of a condition key, in lower case: names of keys have no case.
type key struct {
	name    string
	written string // as the document has it
	from    principalKey
}

// principalKey is what a key asks of the principal, if it does.
type principalKey uint8

const (
	notPrincipal principalKey = iota
	principalARN
	principalAccount
	principalType
	userID
	userName
)

// KeyName returns the name of a condition key as [Keys] is asked for it.
func KeyName(name string) string { return lower(name) }

func newKey(name string) key {
	k := key{name: lower(name), written: name}
	switch k.name {
	case "aws:principalarn":
		k.from = principalARN
	case "aws:principalaccount":
		k.from = principalAccount
	case "aws:principaltype":
		k.from = principalType
	case "aws:userid":
		k.from = userID
	case "aws:username":
		k.from = userName
	}
	return k
}

// of returns what the key says of p; "" means that it says nothing.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
func (k principalKey) of(p *Principal) string {
	switch k {
	case principalARN:
		if p.Kind == AssumedRole {
			return p.RoleARN
		}
		return p.ARN
	case principalAccount:
		return string(p.Account)
	case principalType:
		return [...]string{Anonymous: "Anonymous", Root: "Account", User: "User", AssumedRole: "AssumedRole", WebIdentity: ""}[p.Kind]
	case userID:
		return p.UserID
	case userName:
		if p.Kind == User {
			return p.ARN[strings.LastIndexByte(p.ARN, '/')+1:]
		}
	}
	return ""
}

// Has reports whether the request has a value for the condition key.
func (r *Request) Has(name string) bool {
	e := evaluation{Request: r}
	values, present := e.values(newKey(name))
	return present && len(values) > 0
}

// values returns the values of a key. They are good until the next call.
func (e *evaluation) values(k key) ([]string, bool) {
	if k.from != notPrincipal {
		if e.one[0] = k.from.of(&e.Principal); e.one[0] != "" {
			return e.one[:], true
		}
	}
	if e.Keys == nil {
		return nil, false
	}
	return e.Keys.Values(k.name)
}

// variable returns what a variable stands for: the one value of its key, or its
// default. A key of several values stands for nothing.
func (e *evaluation) variable(t *token) (string, bool) {
	if t.key.from != notPrincipal {
		if value := t.key.from.of(&e.Principal); value != "" {
			return value, true
		}
	}
	if e.Keys != nil {
		if values, present := e.Keys.Values(t.key.name); present && len(values) == 1 {
			return values[0], true
		} else if present && len(values) > 1 {
			return "", false
		}
	}
	if t.fallback != nil {
		return *t.fallback, true
	}
	return "", false
}
