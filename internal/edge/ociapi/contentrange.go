package ociapi

import (
	"strconv"
	"strings"
)

// parseContentRange reads the form the specification has for chunks,
// "first-last", both inclusive. (It is not HTTP's own form.)
func parseContentRange(s string) (first, last int64, ok bool) {
	a, b, found := strings.Cut(s, "-")
	first, ok1 := parseDecimal(a)
	last, ok2 := parseDecimal(b)
	return first, last, found && ok1 && ok2 && first <= last
}

// parseDecimal reads digits alone: no sign, no space.
func parseDecimal(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n < 1<<62
}
