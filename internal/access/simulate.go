package access

import (
	"slices"
	"strings"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/policy"
)

// Simulation asks what policies would decide, of requests that nobody makes.
type Simulation struct {
	Principal Principal     // who would ask, a role by its own ARN; the zero Principal is some user of Account
	Account   arn.AccountID // of the principal, where there is none
	Owner     arn.AccountID // of the resources that name no account; "" is the principal's
	Identity  []Document
	Boundary  *Document
	Resource  []Document // attached to each resource
	Keys      []Key      // all condition keys there are, beside those that say who asks
}

// Verdict is what a Simulation says of one action and one resource.
type Verdict struct {
	Decision
	Explicit bool               // denied by a statement, not for want of one that allows
	Bounded  bool               // the permissions boundary allows, or there is none
	Matched  []MatchedStatement // what bore on the decision: with an explicit denial, what denies
	Missing  []string           // condition keys that policies ask for and Keys does not have
}

// MatchedStatement is where a statement stands.
type MatchedStatement struct {
	Policy   string // Document.Name
	From, To Position
}

// Position counts lines and columns from 1; columns are bytes.
type Position struct{ Line, Column int }

// simulator is a Simulation with its policies compiled.
type simulator struct {
	*Simulation
	grants policy.Grants
	keys   simulatedKeys
	asker  policy.Principal

	missing                      []string // as in Verdict
	identityLines, resourceLines []lines
}

// simulatedKeys are condition keys by their names in lower case.
type simulatedKeys map[string][]string

// Values returns the values of a condition key.
func (k simulatedKeys) Values(name string) ([]string, bool) {
	values, present := k[name]
	return values, present
}

// Compile checks the documents and returns a function that decides. It fails
// with policy.ErrMalformed.
func (s *Simulation) Compile() (func(action, resource string) Verdict, error) {
	m := &simulator{Simulation: s, keys: simulatedKeys{}, asker: s.caller(), identityLines: linesOf(s.Identity), resourceLines: linesOf(s.Resource)}
	for _, k := range s.Keys {
		m.keys[policy.KeyName(k.Name)] = k.Values
	}
	var err error
	if m.grants.Identity, err = readAll(s.Identity, policy.ParseIdentity); err != nil {
		return nil, err
	}
	if m.grants.Resource, err = readAll(s.Resource, policy.ParseResource); err != nil {
		return nil, err
	}
	if s.Boundary != nil {
		boundary, err := readAll([]Document{*s.Boundary}, policy.ParseIdentity)
		if err != nil {
			return nil, err
		}
		m.grants.Boundary = &boundary[0]
	}
	m.missing = m.absent()
	return m.decide, nil
}

// caller is who would ask, as policies see it.
func (s *Simulation) caller() policy.Principal {
	asked := s.Principal.asked()
	switch a, err := arn.Parse(s.Principal.ARN); {
	case s.Principal.ARN == "":
		return policy.Principal{Kind: policy.User, Account: s.Account}
	case err == nil && strings.HasPrefix(a.Resource, "role/"):
		asked.Kind, asked.ARN, asked.RoleARN = policy.AssumedRole, "", s.Principal.ARN
	}
	return asked
}

func readAll(documents []Document, parse func(string) (*policy.Policy, error)) ([]policy.Attached, error) {
	var all []policy.Attached
	for _, d := range documents {
		compiled, err := parse(d.Text)
		if err != nil {
			return nil, err
		}
		all = append(all, policy.Attached{Policy: compiled, Name: d.Name})
	}
	return all, nil
}

func (m *simulator) decide(action, resource string) Verdict {
	r := &policy.Request{Principal: m.asker, Action: action, Resource: resource, ResourceAccount: m.owner(resource), Keys: m.keys}
	d := policy.Decide(r, &m.grants)
	v := Verdict{Explicit: d.Explicit(), Bounded: true, Missing: m.missing}
	if v.Decision.Allowed = d.Allowed; !d.Allowed {
		v.Reason = d.Explain(action)
	}
	v.Matched = append(v.matched(m.identityLines, m.grants.Identity, r), v.matched(m.resourceLines, m.grants.Resource, r)...)
	if b := m.grants.Boundary; b != nil {
		all := b.Policy.Matches(r)
		v.Bounded = len(all) > 0 && !slices.ContainsFunc(all, func(s policy.Match) bool { return s.Deny })
	}
	return v
}

// owner is the account that a resource is of.
func (m *simulator) owner(resource string) arn.AccountID {
	a, err := arn.Parse(resource)
	switch {
	case err == nil && a.Account != "":
		return a.Account
	case m.Owner != "":
		return m.Owner
	}
	return m.asker.Account
}

func (v *Verdict) matched(documents []lines, compiled []policy.Attached, r *policy.Request) (all []MatchedStatement) {
	for i, a := range compiled {
		for _, s := range a.Policy.Matches(r) {
			if v.Explicit && !s.Deny {
				continue
			}
			all = append(all, MatchedStatement{a.Name, documents[i].position(s.From), documents[i].position(s.To)})
		}
	}
	return all
}

// lines is where the lines of a text end.
type lines []int

func linesOf(documents []Document) []lines {
	all := make([]lines, len(documents))
	for i, d := range documents {
		for at, c := range []byte(d.Text) {
			if c == '\n' {
				all[i] = append(all[i], at)
			}
		}
	}
	return all
}

func (l lines) position(offset int) Position {
	before, _ := slices.BinarySearch(l, offset)
	begin := 0
	if before > 0 {
		begin = l[before-1] + 1
	}
	return Position{before + 1, offset - begin + 1}
}

// absent returns the condition keys that are asked for and not there. They are
// the same whatever is asked.
func (m *simulator) absent() (names []string) {
	all := append(slices.Clone(m.grants.Identity), m.grants.Resource...)
	if m.grants.Boundary != nil {
		all = append(all, *m.grants.Boundary)
	}
	r := &policy.Request{Principal: m.asker, Keys: m.keys}
	for _, a := range all {
		names = append(names, a.Policy.Keys()...)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), r.Has)
}

// Size is how many bytes of policies each decision reads.
func (s *Simulation) Size() (n int) {
	all := append(slices.Clone(s.Identity), s.Resource...)
	if s.Boundary != nil {
		all = append(all, *s.Boundary)
	}
	for _, d := range all {
		n += len(d.Text)
	}
	return n
}
