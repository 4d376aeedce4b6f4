package awshttp

import (
	"encoding/base64"
	"reflect"
	"strconv"
	"time"
)

// setText puts a parameter of a path, a query string or a form into v.
func setText(s *shape, v reflect.Value, text, path string) error {
	v = s.settle(v)
	ok := false
	switch s.kind {
	case stringKind:
		v.SetString(text)
		return nil
	case boolKind:
		v.SetBool(text == "true")
		ok = text == "true" || text == "false"
	case intKind:
		ok = setInt(v, text)
	case blobKind:
		ok = setBlob(v, text)
	case timeKind:
		ok = setTime(v, text, parseISO)
	}
	if !ok {
		return refuse(malformedInput, "The value %.64q at '%s' can not be converted to %s", text, path, s.kind)
	}
	return nil
}

func setInt(v reflect.Value, text string) bool {
	n, err := strconv.ParseInt(text, 10, v.Type().Bits())
	v.SetInt(n)
	return err == nil
}

func setBlob(v reflect.Value, text string) bool {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if b == nil {
		b = []byte{} // present, though empty
	}
	v.SetBytes(b)
	return err == nil
}

func setTime(v reflect.Value, text string, parse func(string) (time.Time, bool)) bool {
	t, ok := parse(text)
	v.Set(reflect.ValueOf(Time{t}))
	return ok
}

// String names a kind as AWS's errors do.
func (k kind) String() string {
	return [...]string{"a String", "a Boolean", "an Integer", "a Blob (base64)", "a Timestamp", "a Structure", "a List", "a Map"}[k]
}
