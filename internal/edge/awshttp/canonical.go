package awshttp

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxQueryPairs bounds the parameters of a query string or a form.
const maxQueryPairs = 1000

// pair is one parameter of a query string or a form, decoded.
type pair struct{ key, value string }

// parsePairs decodes a query string or a form. The signature and the operation
// read the same pairs, so they cannot disagree on what was sent.
func parsePairs(raw string) ([]pair, error) {
	if strings.Count(raw, "&") >= maxQueryPairs {
		return nil, refuse(malformedInput, "The request has more than %d parameters.", maxQueryPairs)
	}
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		key, errKey := url.QueryUnescape(key)
		value, errValue := url.QueryUnescape(value)
		if errKey != nil || errValue != nil {
			return nil, refuse(malformedInput, "The parameter %.64q is not properly percent-encoded.", part)
		}
		pairs = append(pairs, pair{key, value})
	}
	return pairs, nil
}

// target returns the path and the query of a request as they were sent, before
// anything decoded them; also those of an absolute-form target.
func target(r *http.Request) (path, query string) {
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

// checkPath refuses paths that client and server might normalise differently.
func checkPath(raw string) error {
	if !strings.HasPrefix(raw, "/") {
		return refuse(malformedInput, "The request target must be a path.")
	}
	for segment := range strings.SplitSeq(raw[1:], "/") {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..":
			return refuse(malformedInput, "The path must not have '.' or '..' segments.")
		}
	}
	if strings.Contains(raw, "//") {
		return refuse(malformedInput, "The path must not have empty segments ('//').")
	}
	return nil
}

// canonicalRequest appends what the signature is over.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request
func (s *signature) canonicalRequest(b []byte, r *http.Request, query []byte, bodyHash string) ([]byte, error) {
	path, _ := target(r)
	b = append(b, r.Method...)
	b = append(b, '\n')
	b = appendPath(b, path)
	b = append(b, '\n')
	b = append(b, query...)
	b = append(b, '\n')
	b, err := appendHeaders(b, r, s.signed)
	if err != nil {
		return nil, err
	}
	b = append(b, '\n')
	b = append(b, s.signedHeaders...)
	b = append(b, '\n')
	return append(b, bodyHash...), nil
}

// appendPath encodes the path as sent once more: services other than S3 sign
// the double-encoded path.
func appendPath(b []byte, raw string) []byte {
	for segment := range strings.SplitSeq(strings.TrimPrefix(raw, "/"), "/") {
		b = append(b, '/')
		b = appendEscaped(b, segment)
	}
	return b
}

// appendEscaped percent-encodes all but RFC 3986's unreserved characters.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b = append(b, c)
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

// canonicalQueries returns the canonical query string and, where it differs,
// a second reading of it. AWS sorts parameters as encoded, and so does botocore;
// the SDK for Go sorts them as decoded, which differs when ':' meets '1'. Both
// orders cover the same parameters, so accepting both gives nothing away.
func canonicalQueries(pairs []pair) [][]byte {
	if len(pairs) == 0 {
		return [][]byte{nil}
	}
	encoded := make([]pair, len(pairs))
	for i, p := range pairs {
		encoded[i] = pair{string(appendEscaped(nil, p.key)), string(appendEscaped(nil, p.value))}
	}
	first := joinPairs(sortPairs(encoded))
	decoded := sortPairs(slices.Clone(pairs))
	for i, p := range decoded {
		decoded[i] = pair{string(appendEscaped(nil, p.key)), string(appendEscaped(nil, p.value))}
	}
	second := joinPairs(decoded)
	if slices.Equal(first, second) {
		return [][]byte{first}
	}
	return [][]byte{first, second}
}

func sortPairs(pairs []pair) []pair {
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	return pairs
}

func joinPairs(pairs []pair) []byte {
	var b []byte
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.key...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b
}

// appendHeaders appends each signed header as "name:value\n".
func appendHeaders(b []byte, r *http.Request, signed []string) ([]byte, error) {
	for _, name := range signed {
		values := signedValues(r, name)
		if len(values) == 0 {
			return nil, refuse(badSignature, "The request signs the header %.64q but does not have it: a proxy must not remove signed headers.", name)
		}
		b = append(b, name...)
		b = append(b, ':')
		for i, value := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendTrimmed(b, value)
		}
		b = append(b, '\n')
	}
	return b, nil
}

// signedValues returns a header's values, also of those that net/http keeps
// elsewhere than in the header map.
func signedValues(r *http.Request, name string) []string {
	switch name {
	case "host":
		return []string{r.Host}
	case "transfer-encoding":
		return r.TransferEncoding
	case "content-length":
		if len(r.Header["Content-Length"]) == 0 && r.ContentLength >= 0 {
			return []string{strconv.FormatInt(r.ContentLength, 10)}
		}
	}
	return r.Header.Values(name)
}

// appendTrimmed appends a header value without spaces around it and with runs
// of spaces made one.
func appendTrimmed(b []byte, value string) []byte {
	value = strings.Trim(value, " \t")
	space := false
	for i := range len(value) {
		if value[i] == ' ' && space {
			continue
		}
		space = value[i] == ' '
		b = append(b, value[i])
	}
	return b
}
