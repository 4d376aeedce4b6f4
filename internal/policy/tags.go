package policy

import (
	"maps"
	"slices"
)

// SameKey returns two keys of tags that no condition can tell apart, since they
// differ in case only; ok is false if there are none.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_tags.html
func SameKey(tags map[string]string) (a, b string, ok bool) {
	seen := make(map[string]string, len(tags))
	for _, b := range slices.Sorted(maps.Keys(tags)) {
		if a, ok := seen[KeyName(b)]; ok {
			return a, b, true
		}
		seen[KeyName(b)] = b
	}
	return "", "", false
}
