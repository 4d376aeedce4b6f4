package registry

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/ociref"
)

func TestDecideTag(t *testing.T) {
	for _, c := range []struct {
		mutability TagMutability
		exclusions []string
		tag        ociref.Tag
		current    ociref.Digest
		allowed    bool
	}{
		{Mutable, nil, "v1", digestA, true},
		{Immutable, nil, "v1", "", true},
		{Immutable, nil, "v1", digestB, true}, // what it points at already
		{Immutable, nil, "v1", digestA, false},
		{ImmutableWithExclusion, []string{"dev-*"}, "dev-1", digestA, true},
		{ImmutableWithExclusion, []string{"dev-*"}, "v1", digestA, false},
		{MutableWithExclusion, []string{"v*", "release"}, "v1", digestA, false},
		{MutableWithExclusion, []string{"v*", "release"}, "release", digestA, false},
		{MutableWithExclusion, []string{"v*", "release"}, "latest", digestA, true},
	} {
		err := decideTag(digestB)(Repository{Mutability: c.mutability, Exclusions: c.exclusions}, c.tag, c.current)
		if (err == nil) != c.allowed || err != nil && !errors.Is(err, ErrTagImmutable) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// FuzzMatchWildcard compares with the standard library's matcher, which knows
// more signs, on patterns that have none of them.
func FuzzMatchWildcard(f *testing.F) {
	for _, seed := range [][2]string{{"*", ""}, {"a*b*c", "aXbXc"}, {"**", "x"}, {"dev-*", "dev-"}, {"*a*a", "a"}, {"a", "a"}, {"", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if strings.ContainsAny(pattern, `?[]\/`) || strings.Contains(s, "/") {
			return
		}
		want, err := path.Match(pattern, s)
		if err == nil && matchWildcard(pattern, s) != want {
			t.Errorf("matchWildcard(%q, %q) = %v", pattern, s, !want)
		}
	})
}
