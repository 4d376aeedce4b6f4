package sigv4

import (
	"net/http"
	"net/url"
	"strings"
)

// maxPairs bounds the parameters of a query string or a form.
const maxPairs = 1000

// Target is what a request is sent to.
type Target struct {
	Path  string // as sent, still encoded
	Query []Pair // in the order sent
}

// Pair is one parameter of a query string or a form, decoded.
type Pair struct{ Key, Value string }

// ParseTarget reads a request's target, also one in absolute form, as a proxy
// gets it. It refuses paths that client and server might normalise differently.
// Signature and operation must read the same Target, so that they cannot
// disagree on what was sent.
func ParseTarget(r *http.Request) (Target, error) {
	path, query := split(r)
	if err := checkPath(path); err != nil {
		return Target{}, err
	}
	pairs, err := ParsePairs(query)
	return Target{path, pairs}, err
}

// split returns path and query before anything decoded them.
func split(r *http.Request) (path, query string) {
	if r.RequestURI == "" {
		return r.URL.EscapedPath(), r.URL.RawQuery
	}
	uri, query, _ := strings.Cut(r.RequestURI, "?")
	if _, rest, absolute := strings.Cut(uri, "://"); absolute && !strings.HasPrefix(uri, "/") {
		_, path, _ := strings.Cut(rest, "/")
		return "/" + path, query
	}
	return uri, query
}

func checkPath(raw string) error {
	if !strings.HasPrefix(raw, "/") {
		return refuse(Malformed, "The request target must be a path.")
	}
	for segment := range strings.SplitSeq(raw[1:], "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..":
			return refuse(Malformed, "The path must not have '.' or '..' segments.")
		}
	}
	if strings.Contains(raw, "//") {
		return refuse(Malformed, "The path must not have empty segments ('//').")
	}
	return nil
}

// ParsePairs decodes a query string or a form of at most 1000 parameters.
func ParsePairs(raw string) ([]Pair, error) {
	if strings.Count(raw, "&") >= maxPairs {
		return nil, refuse(Malformed, "The request has more than %d parameters.", maxPairs)
	}
	var pairs []Pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		key, errKey := url.QueryUnescape(key)
		value, errValue := url.QueryUnescape(value)
		if errKey != nil || errValue != nil {
			return nil, refuse(Malformed, "The parameter %.64q is not properly percent-encoded.", part)
		}
		pairs = append(pairs, Pair{key, value})
	}
	return pairs, nil
}
