package awshttp

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Time is a timestamp on the wire: seconds since 1970 as a JSON number, with
// milliseconds; ISO-8601 in query strings, forms and XML.
//
// Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#timestamp-serialization
type Time struct{ time.Time }

// Stamp returns t for an answer, or nil if t is zero.
func Stamp(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	return &Time{t.UTC()}
}

// MarshalJSON writes epoch seconds, with as many of three decimals as needed.
func (t Time) MarshalJSON() ([]byte, error) {
	s := strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
	return []byte(strings.TrimSuffix(strings.TrimRight(s, "0"), ".")), nil
}

// maxEpoch is the end of the year 9999: what ISO-8601 can still write.
const maxEpoch = 253402300799

// parseEpoch reads epoch seconds, to the microsecond.
func parseEpoch(number string) (time.Time, bool) {
	seconds, err := strconv.ParseFloat(number, 64)
	if err != nil || seconds < -maxEpoch/4 || seconds > maxEpoch {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC(), true
}

// parseISO reads ISO-8601 in the form RFC 3339 gives it, to the microsecond.
func parseISO(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, false
	}
	return t.UTC().Truncate(time.Microsecond), true
}
