package access

import (
	"maps"
	"slices"
)

// RequestTags are the condition keys of the tags that a request gives a resource.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_tags.html
func RequestTags(tags map[string]string) []Key {
	if len(tags) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(tags))
	keys := []Key{{Name: "aws:TagKeys", Values: names}}
	for _, name := range names {
		keys = append(keys, Key{Name: "aws:RequestTag/" + name, Values: []string{tags[name]}})
	}
	return keys
}
