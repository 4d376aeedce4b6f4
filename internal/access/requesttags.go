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
	return append(TagKeys(names), tagged("aws:RequestTag/", tags)...)
}

// ResourceTags are the condition keys of the tags that a resource has, under the
// prefix "aws" or its service's own.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_tags.html
func ResourceTags(prefix string, tags map[string]string) []Key {
	return tagged(prefix+":ResourceTag/", tags)
}

func tagged(prefix string, tags map[string]string) (keys []Key) {
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		keys = append(keys, Key{Name: prefix + name, Values: []string{tags[name]}})
	}
	return keys
}

// TagKeys is the condition key of the tags, by their keys, that a request gives to
// a resource or takes from it.
func TagKeys(names []string) []Key {
	if len(names) == 0 {
		return nil
	}
	return []Key{{Name: "aws:TagKeys", Values: names}}
}
