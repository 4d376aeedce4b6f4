package awsverbs

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	timeType = reflect.TypeFor[time.Time]()
	blobType = reflect.TypeFor[[]byte]()
)

// assign puts a tree (see parseTexts) into a value of an SDK type. path is the
// value's place, for the error's text.
func assign(dst reflect.Value, path string, tree any) error {
	switch {
	case tree == nil:
		return nil
	case dst.Kind() == reflect.Pointer:
		dst.Set(reflect.New(dst.Type().Elem()))
		return assign(dst.Elem(), path, tree)
	case dst.Type() == timeType:
		return assignTime(dst, path, tree)
	case dst.Type() == blobType:
		return assignBlob(dst, path, tree)
	}
	switch dst.Kind() {
	case reflect.Struct:
		return assignStruct(dst, path, tree)
	case reflect.Map:
		return assignMap(dst, path, tree)
	case reflect.Slice:
		return assignList(dst, path, tree)
	}
	return assignScalar(dst, path, tree)
}

func assignStruct(dst reflect.Value, path string, tree any) error {
	members, ok := tree.(map[string]any)
	if !ok {
		return wrongType(path, tree, "a structure")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		field := dst.FieldByName(upperFirst(name)) // ECR's Tag has Key, all else begins with a small letter
		if !field.IsValid() || !field.CanSet() {
			return fmt.Errorf("Unknown parameter in %s: \"%s\", must be one of: %s", path, name, strings.Join(memberNames(dst.Type()), ", "))
		}
		if err := assign(field, path+"."+name, members[name]); err != nil {
			return err
		}
	}
	return nil
}

func assignMap(dst reflect.Value, path string, tree any) error {
	entries, ok := tree.(map[string]any)
	if !ok {
		return wrongType(path, tree, "a map")
	}
	dst.Set(reflect.MakeMap(dst.Type()))
	for key, entry := range entries {
		value := reflect.New(dst.Type().Elem()).Elem()
		if err := assign(value, path+"."+key, entry); err != nil {
			return err
		}
		dst.SetMapIndex(reflect.ValueOf(key).Convert(dst.Type().Key()), value)
	}
	return nil
}

// assignList takes one item for a list of one, as shorthand writes it.
func assignList(dst reflect.Value, path string, tree any) error {
	items, ok := tree.([]any)
	if !ok {
		items = []any{tree}
	}
	list := reflect.MakeSlice(dst.Type(), len(items), len(items))
	for i, item := range items {
		if err := assign(list.Index(i), fmt.Sprintf("%s[%d]", path, i), item); err != nil {
			return err
		}
	}
	dst.Set(list)
	return nil
}

func assignScalar(dst reflect.Value, path string, tree any) error {
	text, ok := scalarText(tree)
	if !ok {
		return wrongType(path, tree, "a "+typeName(dst.Type()))
	}
	switch dst.Kind() {
	case reflect.String:
		dst.SetString(text)
	case reflect.Bool:
		value, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return wrongType(path, tree, "a boolean")
		}
		dst.SetBool(value)
	case reflect.Int32, reflect.Int64:
		value, err := strconv.ParseInt(text, 10, dst.Type().Bits())
		if err != nil {
			return wrongType(path, tree, "an integer")
		}
		dst.SetInt(value)
	default:
		return fmt.Errorf("%s cannot be given on the command line", path)
	}
	return nil
}

func scalarText(tree any) (string, bool) {
	switch v := tree.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case []byte: // fileb:// for a string
		return string(v), true
	}
	return "", false
}

func assignBlob(dst reflect.Value, path string, tree any) error {
	if raw, ok := tree.([]byte); ok {
		dst.SetBytes(raw)
		return nil
	}
	text, ok := tree.(string)
	if !ok {
		return wrongType(path, tree, "a blob")
	}
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("Invalid base64 for parameter %s: give base64, fileb://FILE, or --cli-binary-format %s", path, rawBlobs)
	}
	dst.SetBytes(blob)
	return nil
}

// timeLayouts are the ISO 8601 forms taken; without a zone the time is UTC.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02", "20060102T150405Z"}

func assignTime(dst reflect.Value, path string, tree any) error {
	text, ok := scalarText(tree)
	if !ok {
		return wrongType(path, tree, "a timestamp")
	}
	at, err := parseTime(strings.TrimSpace(text))
	if err != nil {
		return fmt.Errorf("Invalid value for parameter %s: %w", path, err)
	}
	dst.Set(reflect.ValueOf(at))
	return nil
}

// parseTime reads an ISO 8601 time or seconds since 1970.
func parseTime(text string) (time.Time, error) {
	// The year 9999 is the last that the protocols' texts can hold.
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(seconds) < 253402300800 {
		whole, fraction := math.Modf(seconds)
		return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), nil
	}
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("'%s' is not a timestamp: give one such as 2026-01-31T09:30:00Z, or seconds since 1970", text)
}

func wrongType(path string, tree any, want string) error {
	got := fmt.Sprintf("'%v'", tree)
	switch tree.(type) {
	case []any:
		got = "a list"
	case map[string]any:
		got = "a structure"
	}
	return fmt.Errorf("Invalid type for parameter %s: expected %s, got %s", path, want, got)
}
