// Package ociref holds the grammars of the OCI distribution specification:
// repository names, tags, digests and references. A value of these types was
// checked once, at the border, and is trusted inside. It is a copy, since it may
// be kept in memory, and what it was read from may be as large as a request.
//
// Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
package ociref

import (
	"regexp"
	"strings"
	"sync"

	"github.com/sealwright/sealwright/internal/fault"
)

// Name is the name of a repository, such as team/app.
type Name string

// Tag is a name for a manifest within a repository.
type Tag string

// maxName is ECR's bound on repository names; the specification has none.
const (
	minName = 2
	maxName = 256
)

// The grammars, compiled when first used: most runs of the program are short
// commands that need neither.
var (
	nameGrammar = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	})
	tagGrammar = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	})
)

// The ways a name can be wrong.
var (
	ErrName   = fault.New(fault.Invalid, "invalid repository name")
	ErrTag    = fault.New(fault.Invalid, "invalid tag")
	ErrDigest = fault.New(fault.Invalid, "invalid digest")
)

// ParseName checks a repository name. It fails with [ErrName].
func ParseName(s string) (Name, error) {
	if len(s) < minName || len(s) > maxName || !nameGrammar().MatchString(s) {
		return "", fault.Becausef(ErrName, "%.100q is not a repository name: want %d to %d lower-case letters and digits, in parts joined by '.', '_', '-' and '/'", s, minName, maxName)
	}
	return Name(strings.Clone(s)), nil
}

// ParseTag checks a tag. It fails with [ErrTag].
func ParseTag(s string) (Tag, error) {
	if !tagGrammar().MatchString(s) {
		return "", fault.Becausef(ErrTag, "%.100q is not a tag: want 1 to 128 letters, digits, '.', '_' and '-', not starting with '.' or '-'", s)
	}
	return Tag(strings.Clone(s)), nil
}

// Reference names a manifest within a repository: by tag or by digest, exactly
// one of which is set.
type Reference struct {
	Tag    Tag
	Digest Digest
}

// ParseReference reads a digest if s has a colon, else a tag.
func ParseReference(s string) (Reference, error) {
	if looksLikeDigest(s) {
		d, err := ParseDigest(s)
		return Reference{Digest: d}, err
	}
	t, err := ParseTag(s)
	return Reference{Tag: t}, err
}

// String is the form used in URLs.
func (r Reference) String() string {
	if r.Digest != "" {
		return string(r.Digest)
	}
	return string(r.Tag)
}
