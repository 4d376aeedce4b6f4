package policy

import (
	"errors"
	"slices"
	"strings"

	"github.com/sealwright/sealwright/internal/arn"
)

// principals is the element Principal or NotPrincipal.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
type principals struct {
	everyone  bool
	accounts  []arn.AccountID
	names     []string // of users, roles and sessions: ARNs, and AIDA…, AROA… and AROA…:session
	providers []string // of identities: ARNs and AWS's names
}

// reach is how closely a statement names who asks; a closer one asks for less
// from other policies.
type reach uint8

const (
	nobody  reach = iota
	account       // the account, which decides by its own policies
	role          // the role of a session
	direct        // the user, the session, the root user, or everyone
)

func (p *parser) principals(s *statement, n *node, where string) error {
	found, not, where, err := n.either("Principal", where)
	name := where[strings.LastIndexByte(where, '.')+1:]
	switch {
	case err != nil:
		return err
	case found == nil && p.principal == required:
		return at(where, malformed("Missing required field Principal"))
	case found == nil:
		return nil
	case p.principal == forbidden, not && !p.notPrincipal:
		return at(where, malformed("Has prohibited field %s", name))
	case not && !s.deny:
		return at(where, errors.New("NotPrincipal goes with Deny only"))
	}
	s.notPrincipal, s.principals = not, &principals{}
	if found.kind == jsonString && found.text == "*" {
		s.principals.everyone = true
		return nil
	}
	if err := found.only("AWS", "Federated", "Service"); err != nil || len(found.members) == 0 {
		return at(where, malformed("Invalid principal in policy"))
	}
	return s.principals.read(found, where)
}

func (ps *principals) read(n *node, where string) error {
	for _, m := range n.members {
		where := where + "." + m.name
		add := map[string]func(string) (struct{}, error){"AWS": ps.addAWS, "Federated": ps.addProvider, "Service": addService}[m.name]
		if _, err := each(&m.value, where, add); err != nil {
			return err
		}
	}
	return nil
}

// addAWS reads an account, a user, a role, a session or everyone. No part of a
// name may be a wildcard.
func (ps *principals) addAWS(s string) (none struct{}, err error) {
	if s == "*" {
		ps.everyone = true
		return none, nil
	}
	if id, err := arn.ParseAccountID(s); err == nil {
		ps.accounts = append(ps.accounts, id)
		return none, nil
	}
	if IsUniqueID(s) {
		ps.names = append(ps.names, s)
		return none, nil
	}
	a, err := arn.Parse(s)
	service, allowed := principalTypes[strings.SplitAfter(a.Resource, "/")[0]]
	if err != nil || !allowed || a.Partition != arn.Partition || a.Service != service || a.Region != "" || a.Account == "" ||
		strings.HasSuffix(a.Resource, "/") || strings.ContainsAny(s, "*?$ ") {
		return none, malformed("Invalid principal in policy: \"AWS\":%.200q", s)
	}
	if a.Resource == "root" {
		ps.accounts = append(ps.accounts, a.Account)
	} else {
		ps.names = append(ps.names, s)
	}
	return none, nil
}

// principalTypes are how the resource of a principal's ARN may begin, and the
// service it is of.
var principalTypes = map[string]string{"root": "iam", "user/": "iam", "role/": "iam", "assumed-role/": "sts"}

// IsUniqueID reports whether s is the unique ID of a user or a role, or that of a
// session: the role's, a colon and the session's name.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
func IsUniqueID(s string) bool {
	id, session, ofSession := strings.Cut(s, ":")
	role := strings.HasPrefix(id, "AROA")
	return len(id) == 21 && (role || strings.HasPrefix(id, "AIDA")) && strings.Trim(id, upperAndDigits) == "" &&
		(!ofSession || role && session != "" && strings.Trim(session, lettersAndDigits+"_+=,.@-") == "")
}

const upperAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func (ps *principals) addProvider(s string) (none struct{}, err error) {
	if s == "" || strings.ContainsAny(s, "*?$ ") {
		return none, malformed("Invalid principal in policy: \"Federated\":%.200q", s)
	}
	ps.providers = append(ps.providers, s)
	return none, nil
}

// addService reads the name of a service of AWS. None of them ever asks here.
func addService(s string) (none struct{}, err error) {
	if !strings.HasSuffix(s, ".amazonaws.com") || strings.ContainsAny(s, "*?$/: ") {
		return none, malformed("Invalid principal in policy: \"SERVICE\":%.200q", s)
	}
	return none, nil
}

// reach says how closely Principal names p. A web identity is allowed only by
// the name of its provider.
func (ps *principals) reach(p *Principal, deny bool) reach {
	switch {
	case p.Kind == WebIdentity && slices.Contains(ps.providers, p.Provider):
		return direct
	case ps.everyone && (p.Kind != WebIdentity || deny):
		return direct
	case p.Kind == Anonymous, p.Kind == WebIdentity:
		return nobody
	case p.Kind == Root && slices.Contains(ps.accounts, p.Account):
		return direct
	case p.Kind != Root && ps.names != nil && ps.hasName(p):
		return direct
	case p.Kind == AssumedRole && ps.names != nil && ps.hasRole(p):
		return role
	case slices.Contains(ps.accounts, p.Account):
		return account
	}
	return nobody
}

// hasName reports whether the user or the session itself is named.
func (ps *principals) hasName(p *Principal) bool {
	return slices.Contains(ps.names, p.ARN) || slices.Contains(ps.names, p.UserID)
}

func (ps *principals) hasRole(p *Principal) bool {
	id, _, _ := strings.Cut(p.UserID, ":")
	return slices.Contains(ps.names, p.RoleARN) || slices.Contains(ps.names, id)
}

// spares reports whether NotPrincipal keeps p from its denial: the user, or the
// role of the session, is named, and its account too. Nobody with a permissions
// boundary is spared.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
func (ps *principals) spares(p *Principal, bounded bool) bool {
	switch {
	case ps.everyone:
		return true
	case bounded, !slices.Contains(ps.accounts, p.Account):
		return false
	case p.Kind == User:
		return ps.hasName(p)
	case p.Kind == AssumedRole:
		return ps.hasRole(p)
	}
	return p.Kind == Root
}
