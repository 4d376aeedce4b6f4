package sigv4

import (
	"bytes"
	"cmp"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest appends what the signature is over.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request
func (s *Signature) canonicalRequest(b []byte, m Message, query []encodedPair, bodyHash string) ([]byte, error) {
	b = append(b, m.Request.Method...)
	b = append(b, '\n')
	b = appendPath(b, m.Target.Path)
	b = append(b, '\n')
	b = appendQuery(b, query)
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

// encodedPair is a parameter, decoded and as the canonical query string has it.
type encodedPair struct {
	Pair
	key, value []byte
}

// encodePairs encodes parameters one behind the other onto b.
func encodePairs(b []byte, pairs []Pair) ([]encodedPair, []byte) {
	encode := func(s string) []byte {
		from := len(b)
		b = appendEscaped(b, s)
		return b[from:]
	}
	encoded := make([]encodedPair, len(pairs))
	for i, p := range pairs {
		encoded[i] = encodedPair{p, encode(p.Key), encode(p.Value)}
	}
	return encoded, b
}

// inOrder yields the parameters in the order of the canonical query string and,
// where it differs, in a second one. AWS sorts parameters as encoded, and so does
// botocore; the SDK for Go sorts them as decoded, which differs when ':' meets '1'.
// Both orders cover the same parameters, so accepting both gives nothing away.
func inOrder(pairs []encodedPair) iter.Seq[[]encodedPair] {
	return func(yield func([]encodedPair) bool) {
		slices.SortFunc(pairs, byEncoding)
		if !yield(pairs) || slices.IsSortedFunc(pairs, byDecoding) {
			return
		}
		slices.SortFunc(pairs, byDecoding)
		yield(pairs)
	}
}

func byEncoding(a, b encodedPair) int {
	return cmp.Or(bytes.Compare(a.key, b.key), bytes.Compare(a.value, b.value))
}

func byDecoding(a, b encodedPair) int {
	return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Value, b.Value))
}

func appendQuery(b []byte, pairs []encodedPair) []byte {
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
