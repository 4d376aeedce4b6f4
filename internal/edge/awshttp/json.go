package awshttp

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
)

// maxDepth bounds how deep a body may nest.
const maxDepth = 32

// decodeJSON reads a body into a structure. Members the structure does not have
// are ignored, as AWS ignores them; names match exactly, and a member that is
// there twice is refused, since others might read the other one; null is absence.
// An empty body is an empty structure.
func decodeJSON(body []byte, s *shape, v reflect.Value) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	tokens, err := tokensOf(body)
	if err != nil {
		return err
	}
	return jsonReader{tokens}.value(s, v, "", 0)
}

// jsonReader reads values by their shape, token by token.
type jsonReader struct{ *jsonTokens }

func (d jsonReader) value(s *shape, v reflect.Value, path string, depth int) error {
	t := d.next()
	if t == nil && path != "" {
		return nil
	}
	if depth > maxDepth {
		return refuse(malformedInput, "The body nests deeper than %d levels.", maxDepth)
	}
	v = s.settle(v)
	switch {
	case s.kind == structKind && t == json.Delim('{'):
		return d.members(s, v, path, depth)
	case s.kind == listKind && t == json.Delim('['):
		return d.elements(s, v, path, depth)
	case s.kind == mapKind && t == json.Delim('{'):
		return d.entries(s, v, path, depth)
	}
	if !setToken(s, v, t) {
		return mismatch(s, t, path)
	}
	return nil
}

// members reads a structure after its opening brace.
func (d jsonReader) members(s *shape, v reflect.Value, path string, depth int) error {
	seen := make([]bool, len(s.fields))
	for d.more() {
		name := d.next()
		at := s.bodyField(name)
		var err error
		switch {
		case at < 0:
			err = d.skip(depth + 1)
		case seen[at]:
			err = twice(join(path, s.fields[at].name))
		default:
			seen[at] = true
			f := &s.fields[at]
			err = d.value(f.shape, v.FieldByIndex(f.index), join(path, f.name), depth+1)
		}
		if err != nil {
			return err
		}
	}
	d.next()
	return nil
}

// bodyField returns which of the fields has a name in the body, or -1.
func (s *shape) bodyField(name json.Token) int {
	return slices.IndexFunc(s.fields, func(f field) bool { return f.in == inBody && f.name == name })
}

func twice(path string) error {
	return refuse(malformedInput, "The body has a member twice at '%.200s'.", path)
}

// elements reads a list after its opening bracket. Null elements are dropped.
func (d jsonReader) elements(s *shape, v reflect.Value, path string, depth int) error {
	list := reflect.MakeSlice(s.goType, 0, 0)
	for d.more() {
		item, present, err := d.item(s.elem, path, depth)
		if err != nil {
			return err
		}
		if present {
			list = reflect.Append(list, item)
		}
	}
	v.Set(list)
	d.next()
	return nil
}

// entries reads a map after its opening brace. Null values are dropped.
func (d jsonReader) entries(s *shape, v reflect.Value, path string, depth int) error {
	entries, seen := reflect.MakeMap(s.goType), map[json.Token]bool{}
	for d.more() {
		name := d.next()
		if seen[name] {
			return twice(path)
		}
		seen[name] = true
		item, present, err := d.item(s.elem, path, depth)
		if err != nil {
			return err
		}
		if present {
			entries.SetMapIndex(reflect.ValueOf(name).Convert(s.goType.Key()), item)
		}
	}
	v.Set(entries)
	d.next()
	return nil
}

// item reads one element; present is false for null.
func (d jsonReader) item(s *shape, path string, depth int) (item reflect.Value, present bool, err error) {
	holder := &shape{kind: s.kind, pointer: true, goType: s.goType, elem: s.elem, fields: s.fields}
	box := reflect.New(reflect.PointerTo(s.goType)).Elem()
	if err := d.value(holder, box, path, depth+1); err != nil || box.IsNil() {
		return item, false, err
	}
	if s.pointer {
		return box, true, nil
	}
	return box.Elem(), true, nil
}

// skip reads over a value nobody asked for.
func (d jsonReader) skip(depth int) error {
	for open := 0; ; {
		switch d.next() {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
		if depth+open > maxDepth {
			return refuse(malformedInput, "The body nests deeper than %d levels.", maxDepth)
		}
		if open == 0 {
			return nil
		}
	}
}

// setToken puts a scalar into v and reports whether it fits.
func setToken(s *shape, v reflect.Value, t json.Token) bool {
	switch t := t.(type) {
	case string:
		if s.kind == stringKind {
			v.SetString(t)
			return true
		}
		return s.kind == blobKind && setBlob(v, t)
	case bool:
		if s.kind == boolKind {
			v.SetBool(t)
		}
		return s.kind == boolKind
	case json.Number:
		return setNumber(s, v, t.String())
	}
	return false
}

func setNumber(s *shape, v reflect.Value, number string) bool {
	switch s.kind {
	case intKind:
		return setInt(v, number)
	case timeKind:
		return setTime(v, number, parseEpoch)
	}
	return false
}

// mismatch words a value of the wrong type as AWS does.
func mismatch(s *shape, t json.Token, path string) error {
	at := ""
	if path != "" {
		at = " at '" + path + "'"
	}
	got := "A value"
	switch t.(type) {
	case json.Delim:
		return refuse(malformedInput, "Start of structure, map or list found where not expected%s: it must be %s", at, s.kind)
	case nil:
		got = "NULL_VALUE"
	case string:
		got = "STRING_VALUE"
	case bool:
		got = "BOOLEAN_VALUE"
	case json.Number:
		got = "NUMBER_VALUE"
	}
	return refuse(malformedInput, "%s can not be converted to %s%s", got, s.kind, at)
}

// encodeJSON writes an answer.
func encodeJSON(out any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// fillLists makes nil lists and maps empty, so that they are answered as [] and
// {} and never as null.
func fillLists(s *shape, v reflect.Value) {
	if s.pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	switch s.kind {
	case structKind:
		for _, f := range s.fields {
			fillMember(f, v.FieldByIndex(f.index))
		}
	case listKind:
		for i := 0; s.elem.kind >= structKind && i < v.Len(); i++ {
			fillLists(s.elem, v.Index(i))
		}
	}
}

func fillMember(f field, v reflect.Value) {
	switch {
	case f.omitEmpty && v.IsZero() || f.shape.kind < structKind:
	case f.shape.kind == listKind && !f.shape.pointer && v.IsNil():
		v.Set(reflect.MakeSlice(f.shape.goType, 0, 0))
	case f.shape.kind == mapKind && !f.shape.pointer && v.IsNil():
		v.Set(reflect.MakeMap(f.shape.goType))
	default:
		fillLists(f.shape, v)
	}
}
