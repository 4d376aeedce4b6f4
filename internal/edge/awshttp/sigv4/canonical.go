package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest appends what the signature is over.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request
func (s *Signature) canonicalRequest(b []byte, m Message, query []byte, bodyHash string) ([]byte, error) {
	b = append(b, m.Request.Method...)
	b = append(b, '\n')
	b = appendPath(b, m.Target.Path)
	b = append(b, '\n')
	b = append(b, query...)
	b = append(b, '\n')
	b, err := appendHeaders(b, m.Request, s.signed)
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
func canonicalQueries(pairs []Pair) [][]byte {
	if len(pairs) == 0 {
		return [][]byte{nil}
	}
	encoded := make([]Pair, len(pairs))
	for i, p := range pairs {
		encoded[i] = Pair{string(appendEscaped(nil, p.Key)), string(appendEscaped(nil, p.Value))}
	}
	first := joinPairs(sortPairs(encoded))
	decoded := sortPairs(slices.Clone(pairs))
	for i, p := range decoded {
		decoded[i] = Pair{string(appendEscaped(nil, p.Key)), string(appendEscaped(nil, p.Value))}
	}
	second := joinPairs(decoded)
	if slices.Equal(first, second) {
		return [][]byte{first}
	}
	return [][]byte{first, second}
}

func sortPairs(pairs []Pair) []Pair {
	slices.SortFunc(pairs, func(a, b Pair) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
	return pairs
}

func joinPairs(pairs []Pair) []byte {
	var b []byte
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.Key...)
		b = append(b, '=')
		b = append(b, p.Value...)
	}
	return b
}

// appendHeaders appends each signed header as "name:value\n".
func appendHeaders(b []byte, r *http.Request, signed []string) ([]byte, error) {
	for _, name := range signed {
		values := signedValues(r, name)
		if len(values) == 0 {
			return nil, refuse(Mismatch, "The request signs the header %.64q but does not have it: a proxy must not remove signed headers.", name)
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
