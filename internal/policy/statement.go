package policy

import (
	"errors"
	"strings"
)

// statement is one compiled statement.
type statement struct {
	sid          string
	deny         bool
	actions      []action
	notAction    bool
	resources    []arnPattern // none: what the policy is attached to
	notResource  bool
	principals   *principals // nil in identity-based policies
	notPrincipal bool
	conditions   []condition
	from, to     int // bytes [from, to) of the document
}

// statement compiles one statement.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
func (p *parser) statement(n *node, where string) (s statement, err error) {
	if err := n.only("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"); err != nil {
		return s, at(where, err)
	}
	s.from, s.to = n.from, n.to
	for _, read := range []func(*statement, *node, string) error{p.sid, p.effect, p.actions, p.resources, p.principals, p.conditions} {
		if err := read(&s, n, where); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (p *parser) sid(s *statement, n *node, where string) error {
	sid := n.member("Sid")
	if sid == nil {
		return nil
	}
	where += ".Sid"
	switch {
	case sid.kind != jsonString:
		return at(where, errors.New("want a string"))
	case strings.Trim(sid.text, lettersAndDigits) != "" && !p.freeSid:
		return at(where, malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"))
	case len(sid.text) > maxSid:
		return at(where, errors.New("it is too long"))
	case sid.text != "" && p.sids[sid.text]:
		return at(where, malformed("Statement IDs (SID) in a single policy must be unique."))
	}
	p.sids[sid.text] = true
	s.sid = sid.text
	return nil
}

// maxSid bounds a Sid in bytes. Those of identity-based policies are letters
// and digits; services that attach policies to resources permit more.
const maxSid = 512

func (p *parser) effect(s *statement, n *node, where string) error {
	effect := n.member("Effect")
	if effect == nil {
		return at(where, malformed("Missing required field Effect"))
	}
	if effect.kind != jsonString || effect.text != "Allow" && effect.text != "Deny" {
		return at(where+".Effect", errors.New("want Allow or Deny"))
	}
	s.deny = effect.text == "Deny"
	return nil
}

// either returns the member called name or the one called Not and name, which of
// them it is and its path. It fails when both are there.
func (n *node) either(name, where string) (found *node, not bool, path string, err error) {
	yes, no := n.member(name), n.member("Not"+name)
	switch {
	case yes != nil && no != nil:
		return nil, false, "", at(where, errors.New(name+" and Not"+name+" exclude each other"))
	case no != nil:
		return no, true, where + ".Not" + name, nil
	}
	return yes, false, where + "." + name, nil
}

func (p *parser) actions(s *statement, n *node, where string) error {
	found, not, where, err := n.either("Action", where)
	if err != nil {
		return err
	}
	if found == nil || found.kind == jsonList && len(found.items) == 0 {
		return at(where, malformed("Policy statement must contain actions."))
	}
	s.notAction = not
	s.actions, err = each(found, where, p.action)
	return err
}

func (p *parser) action(s string) (action, error) {
	a, err := parseAction(s)
	switch {
	case err != nil || p.service == "" || a.service == p.service:
		return a, err
	case p.service != "sts":
		return a, malformed("Action %.100s is not one of %s here.", s, p.service)
	}
	return a, malformed("AssumeRole policy may only specify STS AssumeRole actions.")
}

func (p *parser) resources(s *statement, n *node, where string) error {
	found, not, where, err := n.either("Resource", where)
	switch {
	case err != nil:
		return err
	case found != nil && p.resource == forbidden:
		return at(where, malformed("Has prohibited field Resource"))
	case found == nil && p.resource == required, found != nil && found.kind == jsonList && len(found.items) == 0:
		return at(where, malformed("Policy statement must contain resources."))
	case found == nil:
		return nil
	}
	s.notResource = not
	s.resources, err = each(found, where, func(t string) (arnPattern, error) { return parseResource(t, p.variables) })
	return err
}

// applies reports whether the statement is about the request, who asks aside.
func (s *statement) applies(e *evaluation) bool {
	e.allow = !s.deny
	return s.hasAction(e) && s.hasResource(e) && s.holds(e)
}

func (s *statement) hasAction(e *evaluation) bool {
	for i := range s.actions {
		if s.actions[i].matches(e) {
			return !s.notAction
		}
	}
	return s.notAction
}

func (s *statement) hasResource(e *evaluation) bool {
	if len(s.resources) == 0 {
		return true
	}
	for i := range s.resources {
		r := &s.resources[i]
		if r.matches(e, e.Resource, &e.arn) || s.notResource && e.allow && !r.resolves(e) {
			return !s.notResource
		}
	}
	return s.notResource
}

func (s *statement) holds(e *evaluation) bool {
	for i := range s.conditions {
		if !s.conditions[i].holds(e) {
			return false
		}
	}
	return true
}

// keys appends the names of the condition keys that s asks for.
func (s *statement) keys(names []string) []string {
	for i := range s.conditions {
		names = s.conditions[i].keys(names)
	}
	for i := range s.resources {
		for j := range s.resources[i].parts {
			names = s.resources[i].parts[j].keys(names)
		}
	}
	return names
}
