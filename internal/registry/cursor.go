package registry

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
)

// ErrCursor is the error of a cursor this registry did not write.
var ErrCursor = fault.New(fault.Invalid, "invalid pagination token")

// maxCursor bounds a written cursor: a time and a sha512 digest, in base64.
const maxCursor = 256

// Cursor is a place in push order: where the manifest that ended a page stands.
// It stays good when that manifest is gone. The zero Cursor is the beginning.
type Cursor struct {
	PushedAt time.Time
	Digest   ociref.Digest
}

// Cursor is where m stands.
func (m Manifest) Cursor() Cursor { return Cursor{m.PushedAt, m.Digest} }

// IsZero reports whether c is the beginning.
func (c Cursor) IsZero() bool { return c.Digest == "" }

// String writes c for a client, who must not read anything into it; it is safe
// in a URL. The beginning is "".
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.PushedAt.UnixMicro(), 10) + " " + string(c.Digest)))
}

// ParseCursor reads what [Cursor.String] wrote. It fails with [ErrCursor].
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	if len(s) > maxCursor {
		return Cursor{}, ErrCursor
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return Cursor{}, ErrCursor
	}
	at, rest, _ := strings.Cut(string(raw), " ")
	micros, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return Cursor{}, ErrCursor
	}
	digest, err := ociref.ParseDigest(rest)
	if err != nil {
		return Cursor{}, ErrCursor
	}
	return Cursor{time.UnixMicro(micros).UTC(), digest}, nil
}
