package policy

import (
	"errors"
	"slices"
	"strings"
)

// arnParts is an ARN at its first five colons. ok is false for what is no ARN.
type arnParts struct {
	parts [6]string
	ok    bool
}

func splitARN(s string) (a arnParts) {
	for i := range 5 {
		part, rest, found := strings.Cut(s, ":")
		if !found {
			return arnParts{}
		}
		a.parts[i], s = part, rest
	}
	a.parts[5] = s
	a.ok = a.parts[0] == "arn"
	return a
}

// arnPattern matches ARNs part by part, so that no wildcard and no variable
// reaches beyond a colon. One of fewer than six parts ends with a star, which
// stands for all the rest.
type arnPattern struct {
	all   bool      // "*"
	parts []pattern // nil for what no ARN can match
}

// parseARNPattern reads a pattern of ARNs; in documents that have variables they
// may stand from the part of that index on.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
func parseARNPattern(s string, variables bool, from int) (arnPattern, error) {
	if s == "*" {
		return arnPattern{all: true}, nil
	}
	texts := splitPattern(s, variables)
	if texts[0] != "arn" || len(texts) < 6 && !strings.HasSuffix(s, "*") {
		return arnPattern{}, errNotARN
	}
	a := arnPattern{parts: make([]pattern, 0, len(texts))}
	for i, t := range texts {
		if i < from && variables && strings.Contains(t, "${") {
			return arnPattern{}, errors.New("a variable stands before the fifth colon")
		}
		p, err := parsePattern(t, syntax{wild: true, variables: variables})
		if err != nil {
			return arnPattern{}, err
		}
		a.parts = append(a.parts, p)
	}
	return a, nil
}

// splitPattern splits at the first five colons that are not within a variable.
func splitPattern(s string, variables bool) (parts []string) {
	start, inside := 0, false
	for i := 0; i < len(s) && len(parts) < 5; i++ {
		switch {
		case variables && strings.HasPrefix(s[i:], "${"):
			inside = true
		case s[i] == '}':
			inside = false
		case s[i] == ':' && !inside:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

var errNotARN = errors.New("not in ARN format")

// matches reports whether the ARN s, split as a, matches; s that is none is
// matched by "*" alone.
func (p *arnPattern) matches(e *evaluation, s string, a *arnParts) bool {
	if p.all {
		return true
	}
	if !a.ok || p.parts == nil {
		return false
	}
	last := len(p.parts) - 1
	for i := range last {
		if !p.parts[i].matches(e, a.parts[i]) {
			return false
		}
	}
	return p.parts[last].matches(e, tail(s, a, last))
}

// tail returns s from the beginning of its part n on.
func tail(s string, a *arnParts, n int) string {
	for i := range n {
		s = s[len(a.parts[i])+1:]
	}
	return s
}

func (p *arnPattern) resolves(e *evaluation) bool {
	for i := range p.parts {
		if !p.parts[i].resolves(e) {
			return false
		}
	}
	return true
}

// partitions are AWS's. Ours is the first; policies may name the others.
var partitions = []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"}

// parseResource reads an element of Resource or NotResource, where variables
// stand in the last part only. The errors are in AWS's words.
func parseResource(s string, variables bool) (arnPattern, error) {
	p, err := parseARNPattern(s, variables, 5)
	if err == errNotARN {
		return arnPattern{}, malformed("Resource %.100s must be in ARN format or \"*\".", s)
	}
	if err != nil || p.all {
		return p, err
	}
	texts := splitPattern(s, variables)
	if partition := texts[1]; !slices.Contains(partitions, partition) {
		return arnPattern{}, malformed("Partition %.100q is not valid for resource %.100q.", partition, s)
	}
	if len(texts) < 3 || texts[2] == "" || strings.ContainsAny(texts[2], "*?") {
		return arnPattern{}, malformed("Resource vendor must be fully qualified and cannot contain regexes.")
	}
	return p, nil
}
