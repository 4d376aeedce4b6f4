package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/notaryproject/notation-go/verifier/trustpolicy"
)

// AnyScope is the scope of a statement for all repositories that no other
// statement names.
const AnyScope = "*"

// policyVersion is the version of documents we make.
const policyVersion = "1.0"

// Grant is trust to be added to a policy: what these identities signed is
// trusted in these scopes, if it chains to a certificate of this store.
type Grant struct {
	Scopes     []string // REGISTRY/REPOSITORY each, or AnyScope alone
	Identities []string
	Store      string // TYPE:NAME
}

// Granted says what adding a grant changed.
type Granted struct {
	Statement string   // its name
	New       bool     // the statement was not there before
	Added     []string // identities it did not have
	Notes     []string // what else the person should know about scopes
}

// ParsePolicy reads a trust policy to be written again. It refuses members it
// does not know, which would be lost.
func ParsePolicy(data []byte) (*trustpolicy.OCIDocument, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var document trustpolicy.OCIDocument
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("the trust policy cannot be changed safely: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the trust policy cannot be changed safely: something follows its JSON document")
	}
	return &document, nil
}

// AddTo returns policy with the grant; policy itself is not changed. Nil stands
// for a policy that is not there yet. A statement for the same scopes gets the
// identities it lacks. A scope that a statement for other scopes owns is
// refused: which of the two should win is not ours to say.
func (g Grant) AddTo(policy *trustpolicy.OCIDocument) (*trustpolicy.OCIDocument, Granted, error) {
	merged := &trustpolicy.OCIDocument{Version: policyVersion}
	if policy != nil {
		merged.Version = policy.Version
		merged.TrustPolicies = slices.Clone(policy.TrustPolicies)
	}
	if slices.Contains(g.Scopes, AnyScope) && len(g.Scopes) > 1 {
		return nil, Granted{}, fmt.Errorf("the scope %q stands for all repositories and cannot be combined with others", AnyScope)
	}
	granted, err := g.apply(merged)
	if err != nil {
		return nil, Granted{}, err
	}
	if err := merged.Validate(); err != nil {
		return nil, Granted{}, err
	}
	granted.Notes = g.notes(merged, granted)
	return merged, granted, nil
}

// apply changes the statement for the grant's scopes, or adds one.
func (g Grant) apply(policy *trustpolicy.OCIDocument) (Granted, error) {
	for i, statement := range policy.TrustPolicies {
		if sameSet(statement.RegistryScopes, g.Scopes) {
			return g.extend(&policy.TrustPolicies[i])
		}
		for _, scope := range g.Scopes {
			if slices.Contains(statement.RegistryScopes, scope) {
				return Granted{}, fmt.Errorf("the scope %q belongs to a statement for other scopes as well; change that statement by hand, or name all its scopes:\n%s", scope, show(statement))
			}
		}
	}
	name := freeName(policy)
	policy.TrustPolicies = append(policy.TrustPolicies, trustpolicy.OCITrustPolicy{
		Name:                  name,
		RegistryScopes:        slices.Clone(g.Scopes),
		SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: trustpolicy.LevelStrict.Name},
		TrustStores:           []string{g.Store},
		TrustedIdentities:     slices.Clone(g.Identities),
	})
	return Granted{Statement: name, New: true, Added: g.Identities}, nil
}

// extend adds to a statement what it lacks.
func (g Grant) extend(statement *trustpolicy.OCITrustPolicy) (Granted, error) {
	if statement.SignatureVerification.VerificationLevel == trustpolicy.LevelSkip.Name {
		return Granted{}, fmt.Errorf("the statement for these scopes skips verification and trusts nobody; change its level first:\n%s", show(*statement))
	}
	if slices.Contains(statement.TrustedIdentities, "*") {
		return Granted{}, fmt.Errorf("the statement for these scopes trusts every identity (\"*\"), which no other can be added to; name those it should trust first:\n%s", show(*statement))
	}
	granted := Granted{Statement: statement.Name}
	statement.TrustStores = slices.Clone(statement.TrustStores)
	statement.TrustedIdentities = slices.Clone(statement.TrustedIdentities)
	if !slices.Contains(statement.TrustStores, g.Store) {
		statement.TrustStores = append(statement.TrustStores, g.Store)
	}
	for _, identity := range g.Identities {
		if !slices.ContainsFunc(statement.TrustedIdentities, func(known string) bool { return strings.EqualFold(known, identity) }) {
			statement.TrustedIdentities = append(statement.TrustedIdentities, identity)
			granted.Added = append(granted.Added, identity)
		}
	}
	return granted, nil
}

// notes tells how the statement and those for other scopes share the
// repositories.
func (g Grant) notes(policy *trustpolicy.OCIDocument, granted Granted) []string {
	forAll := slices.Contains(g.Scopes, AnyScope)
	var notes []string
	for _, statement := range policy.TrustPolicies {
		if statement.Name == granted.Statement {
			continue
		}
		if forAll {
			notes = append(notes, fmt.Sprintf("%s keeps its own statement %q, which this one does not change", strings.Join(statement.RegistryScopes, ", "), statement.Name))
		} else if granted.New && slices.Contains(statement.RegistryScopes, AnyScope) {
			notes = append(notes, fmt.Sprintf("the statement %q for all repositories no longer applies to %s", statement.Name, strings.Join(g.Scopes, ", ")))
		}
	}
	return notes
}

// freeName is a statement name that policy does not have.
func freeName(policy *trustpolicy.OCIDocument) string {
	const base = "sealwright"
	taken := func(name string) bool {
		return slices.ContainsFunc(policy.TrustPolicies, func(s trustpolicy.OCITrustPolicy) bool { return s.Name == name })
	}
	name := base
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}

// sameSet reports whether a and b hold the same texts in any order.
func sameSet(a, b []string) bool {
	within := func(some, all []string) bool {
		return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
	}
	return within(a, b) && within(b, a)
}

// show prints a statement for a person.
func show(statement trustpolicy.OCITrustPolicy) string {
	text, err := json.MarshalIndent(statement, "", "    ")
	if err != nil { // cannot happen: the type holds nothing that JSON cannot
		return statement.Name
	}
	return string(text)
}
