package awsverbs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"time"
)

// tree makes a tree of a value of an SDK type: strings, ints, bools, []any and
// map[string]any. Members the service did not send are left out; so are those of
// a plain type, such as an enum, that are empty, since the SDK keeps no
// difference. A time is ISO 8601 in the local zone and a blob base64, as the aws
// program prints them. It returns nil for what is not there.
func (s service) tree(v reflect.Value) any {
	switch {
	case v.Type() == timeType:
		return isoTime(v.Interface().(time.Time))
	case v.Type() == blobType:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return s.tree(v.Elem())
	case reflect.Struct:
		return s.structTree(v)
	case reflect.Slice:
		return s.listTree(v)
	case reflect.Map:
		return s.mapTree(v)
	case reflect.String:
		return v.String()
	}
	return v.Interface()
}

func (s service) structTree(v reflect.Value) map[string]any {
	members := map[string]any{}
	for _, field := range reflect.VisibleFields(v.Type()) {
		value := v.FieldByIndex(field.Index)
		switch {
		case !field.IsExported() || field.Name == "ResultMetadata":
			continue
		case value.Kind() == reflect.String && value.Len() == 0:
			continue // an enum that was not sent
		case nilable(value) && value.IsNil():
			continue
		}
		members[s.member(v.Type(), field.Name)] = s.tree(value)
	}
	return members
}

func nilable(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return true
	}
	return false
}

func (s service) listTree(v reflect.Value) []any {
	list := make([]any, v.Len())
	for i := range list {
		list[i] = s.tree(v.Index(i))
	}
	return list
}

func (s service) mapTree(v reflect.Value) map[string]any {
	entries := map[string]any{}
	for it := v.MapRange(); it.Next(); {
		entries[it.Key().String()] = s.tree(it.Value())
	}
	return entries
}

func isoTime(t time.Time) string {
	if t.Nanosecond() < 1000 {
		return t.Local().Format("2006-01-02T15:04:05-07:00")
	}
	return t.Local().Format("2006-01-02T15:04:05.000000-07:00")
}

// formatJSON is a result as --output json has it; nothing for an empty one.
func formatJSON(result map[string]any) (string, error) {
	if len(result) == 0 {
		return "", nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "    ")
	err := e.Encode(result)
	return b.String(), err
}
