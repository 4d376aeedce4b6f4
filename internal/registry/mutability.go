package registry

import (
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
)

// decideTag returns the rule that says whether a tag may point at target: it is
// pure, and runs inside the store's transaction, so that two pushes of one
// immutable tag cannot both win. To push again what the tag points at already
// is no change, and allowed (ECR refuses it; users ask for it to pass).
func decideTag(target ociref.Digest) func(Repository, ociref.Tag, ociref.Digest) error {
	return func(r Repository, tag ociref.Tag, current ociref.Digest) error {
		if current == "" || current == target || tagMayMove(r, tag) {
			return nil
		}
		return fault.Becausef(ErrTagImmutable, "The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the tag is immutable.", tag, r.Name)
	}
}

// tagMayMove reads the repository's mutability and its exclusions.
func tagMayMove(r Repository, tag ociref.Tag) bool {
	switch r.Mutability {
	case Immutable:
		return false
	case ImmutableWithExclusion:
		return excluded(r.Exclusions, tag)
	case MutableWithExclusion:
		return !excluded(r.Exclusions, tag)
	default:
		return true
	}
}

// excluded reports whether a wildcard matches the tag.
func excluded(wildcards []string, tag ociref.Tag) bool {
	for _, w := range wildcards {
		if matchWildcard(w, string(tag)) {
			return true
		}
	}
	return false
}

// matchWildcard reports whether s as a whole matches pattern, in which "*"
// stands for any run of characters. It takes time linear in the pattern's parts
// times s, whatever the pattern.
func matchWildcard(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}
