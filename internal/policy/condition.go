package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// condition is one key under one operator, with the values it is compared to.
type condition struct {
	key      key
	operator operator
	set      quantifier
	ifExists bool
	values   []operand
}

// quantifier says how many of a key's values must meet the condition.
type quantifier uint8

const (
	single    quantifier = iota // the key has one value
	anyValue                    // ForAnyValue:
	allValues                   // ForAllValues:
)

// conditions compiles the element Condition.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
func (p *parser) conditions(s *statement, n *node, where string) error {
	block := n.member("Condition")
	if block == nil {
		return nil
	}
	where += ".Condition"
	if block.kind != jsonObject {
		return at(where, errors.New("want an object"))
	}
	for _, m := range block.members {
		where := where + "." + m.name
		c, err := parseOperator(m.name)
		if err != nil {
			return at(where, err)
		}
		if m.value.kind != jsonObject {
			return at(where, errors.New("want an object"))
		}
		for _, k := range m.value.members {
			if c.values, err = p.operands(c.operator, &k.value, where+"."+k.name); err != nil {
				return err
			}
			if !strings.Contains(k.name, ":") {
				return at(where, malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."))
			}
			c.key = newKey(k.name)
			s.conditions = append(s.conditions, c)
		}
	}
	return nil
}

// parseOperator reads an operator with what may stand before and after it.
func parseOperator(name string) (c condition, err error) {
	base, any := strings.CutPrefix(name, "ForAnyValue:")
	base, all := strings.CutPrefix(base, "ForAllValues:")
	base, c.ifExists = strings.CutSuffix(base, "IfExists")
	operator, known := operators[base]
	switch {
	case !known, any && all, operator.compare == isNull && c.ifExists:
		return c, fmt.Errorf("there is no condition operator %.100q", name)
	case any:
		c.set = anyValue
	case all:
		c.set = allValues
	}
	c.operator = operator
	return c, nil
}

// operands reads the values of a key. Numbers and booleans may stand without
// quotes.
func (p *parser) operands(o operator, n *node, where string) ([]operand, error) {
	unquoted := *n
	unquoted.items = slices.Clone(n.items)
	for i := range unquoted.items {
		unquoted.items[i].unquote()
	}
	unquoted.unquote()
	return each(&unquoted, where, func(s string) (operand, error) { return o.operand(s, p.variables) })
}

func (n *node) unquote() {
	if n.kind == jsonNumber || n.kind == jsonBool {
		n.kind = jsonString
	}
}

// holds decides the condition. A key that is not there fails it, but meets a
// negated operator; a set that is not there, or has empty texts only, meets
// ForAllValues and fails ForAnyValue.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func (c *condition) holds(e *evaluation) bool {
	values, present := e.values(c.key)
	present = present && len(values) > 0 && (c.set == single || !allEmpty(values))
	switch {
	case c.operator.compare == isNull:
		return c.matches(e, nullText(present))
	case !present && c.ifExists:
		return true
	case !present && c.set != single:
		return c.set == allValues
	case !present:
		return c.operator.negated
	}
	any := c.set == anyValue || c.set == single && !c.operator.negated
	for _, v := range values {
		if c.meets(e, v) == any {
			return any
		}
	}
	return !any
}

// meets reports whether one value of the key is as the operator wants it.
func (c *condition) meets(e *evaluation, value string) bool {
	if !c.operator.negated {
		return c.matches(e, value)
	}
	return !c.matches(e, value) && (!e.allow || c.resolves(e))
}

// matches reports whether the value is one of those of the condition, negation
// aside.
func (c *condition) matches(e *evaluation, value string) bool {
	subject := c.operator.subject(value)
	for i := range c.values {
		if c.operator.matches(e, &c.values[i], &subject) {
			return true
		}
	}
	return false
}

// resolves reports whether all variables in the condition's values have a value.
func (c *condition) resolves(e *evaluation) bool {
	for i := range c.values {
		if v := &c.values[i]; !v.text.resolves(e) || !v.arn.resolves(e) {
			return false
		}
	}
	return true
}

// pins reports whether the key's value, if it has one, must be one of some texts
// that say something.
func (c *condition) pins() bool {
	switch c.operator.compare {
	case isText, isTextFold, isLike:
		open := func(v operand) bool { return v.text.open() }
		return !c.operator.negated && !slices.ContainsFunc(c.values, open)
	}
	return false
}

func allEmpty(values []string) bool {
	for _, v := range values {
		if v != "" {
			return false
		}
	}
	return true
}

func nullText(present bool) string {
	if present {
		return "false"
	}
	return "true"
}

// keys appends the names of the keys that c asks for.
func (c *condition) keys(names []string) []string {
	names = append(names, c.key.written)
	for i := range c.values {
		names = c.values[i].text.keys(names)
		for j := range c.values[i].arn.parts {
			names = c.values[i].arn.parts[j].keys(names)
		}
	}
	return names
}
