package policy

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Bind returns a document as it is kept: with the unique IDs of the users, roles
// and sessions that it names as principals in place of their ARNs, so that whoever
// is made again under a name is a stranger to it. ids returns the IDs by what the
// document has; what it leaves out is ErrMalformed, and its errors are returned. A
// document that names none is returned as it is.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles
func Bind(document string, ids func(names []string) (map[string]string, error)) (string, error) {
	bound, missing, err := rename(document, ids)
	if err == nil && missing != "" {
		err = malformed("Invalid principal in policy: \"AWS\":%.200q", missing)
	}
	return bound, err
}

// Unbind returns a document that was bound as people read it: with ARNs in place
// of unique IDs. arns returns the ARNs by ID; one that it leaves out is of nobody
// any more, and stays. Its errors are returned.
func Unbind(document string, arns func(ids []string) (map[string]string, error)) (string, error) {
	unbound, _, err := rename(document, func(names []string) (map[string]string, error) {
		return arns(slices.DeleteFunc(names, func(name string) bool { return !IsUniqueID(name) }))
	})
	return unbound, err
}

// rename replaces the principals that name a user, a role or a session by what to
// says; the first that it does not know is missing. Nothing else of the document
// changes.
func rename(document string, to func(names []string) (map[string]string, error)) (renamed, missing string, err error) {
	named := namedPrincipals(document)
	if len(named) == 0 {
		return document, "", nil
	}
	texts := make([]string, len(named))
	for i, n := range named {
		texts[i] = n.text
	}
	slices.Sort(texts)
	known, err := to(slices.Compact(texts))
	if err != nil {
		return "", "", err
	}
	var b strings.Builder
	at := 0
	for _, n := range named {
		name, found := known[n.text]
		if !found && missing == "" {
			missing = n.text
		}
		if found && name != n.text {
			b.WriteString(document[at:n.from] + quote(name))
			at = n.to
		}
	}
	return b.String() + document[at:], missing, nil
}

// quote writes a JSON string.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s) // a string: cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

// namedPrincipals are the strings of a document that name a user, a role or a
// session as principal, in the order in which they stand; of what is no policy none.
func namedPrincipals(document string) (named []node) {
	n, err := readJSON(document)
	if err != nil {
		return nil
	}
	for _, statement := range n.member("Statement").each() {
		for _, m := range statement.members {
			if m.name != "Principal" && m.name != "NotPrincipal" {
				continue
			}
			for _, p := range m.value.member("AWS").each() {
				if p.kind == jsonString && namesIdentity(p.text) {
					named = append(named, p)
				}
			}
		}
	}
	return named
}

// namesIdentity reports whether an element of Principal is about a user, a role or
// a session, rather than an account or everyone.
func namesIdentity(s string) bool {
	var ps principals
	_, err := ps.addAWS(s)
	return err == nil && len(ps.names) > 0
}

// each returns the items of a list, or the value itself; of nil none.
func (n *node) each() []node {
	switch {
	case n == nil:
		return nil
	case n.kind == jsonList:
		return n.items
	}
	return []node{*n}
}

// ByID returns a policy that was bound as it decides: users, roles and sessions
// match by their unique IDs alone. An ARN that still stands there is from before
// policies were bound, or was never anybody's, and names nobody.
func (p *Policy) ByID() *Policy {
	for i := range p.statements {
		if who := p.statements[i].principals; who != nil {
			who.names = slices.DeleteFunc(who.names, func(name string) bool { return !IsUniqueID(name) })
		}
	}
	return p
}
