package signing

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/policy"
)

// Bounds of tags: TagKey and TagValue of the model; 50 to a resource is the
// guide's number where the model's is 200.
//
// Source: https://docs.aws.amazon.com/signer/latest/developerguide/tagging.html
const (
	maxTags       = 50
	maxTagKey     = 128
	maxTagValue   = 256
	maxParameters = 50
	maxParameter  = 256
)

// tagKey is the model's pattern. Its character class runs from + to =, so digits
// and some punctuation are in it and a space is not.
var tagKey = regexp.MustCompile(`^[a-zA-Z+-=._:/]+$`)

// checkTags fails with [ErrInvalid].
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return fault.Becausef(ErrInvalid, "%d tags were given: a signing profile has at most %d", len(tags), maxTags)
	}
	for key, value := range tags {
		switch {
		case utf8.RuneCountInString(key) > maxTagKey || !tagKey.MatchString(key) || strings.HasPrefix(key, "aws:"):
			return fault.Becausef(ErrInvalid, "%.200q is not a tag key: use 1 to %d letters, digits and + - = . _ : / and do not begin with aws:", key, maxTagKey)
		case utf8.RuneCountInString(value) > maxTagValue:
			return fault.Becausef(ErrInvalid, "the value of tag %q is too long: at most %d characters", key, maxTagValue)
		}
	}
	if a, b, same := policy.SameKey(tags); same {
		return fault.Becausef(ErrInvalid, "the tag keys %q and %q differ in case only: no policy could tell them apart", a, b)
	}
	return nil
}

// checkParameters bounds signing parameters, for which the model has no limits.
// It fails with [ErrInvalid].
func checkParameters(parameters map[string]string) error {
	if len(parameters) > maxParameters {
		return fault.Becausef(ErrInvalid, "%d signing parameters were given: a profile has at most %d", len(parameters), maxParameters)
	}
	for key, value := range parameters {
		if key == "" || utf8.RuneCountInString(key) > maxParameter || utf8.RuneCountInString(value) > maxParameter {
			return fault.Becausef(ErrInvalid, "signing parameter %.100q is too long or has no name: at most %d characters each for name and value", key, maxParameter)
		}
	}
	return nil
}
