package awshttp

import (
	"fmt"
	"reflect"
	"strings"
)

// kind is the class of a shape.
type kind uint8

const (
	stringKind kind = iota
	boolKind
	intKind
	blobKind
	timeKind
	structKind
	listKind
	mapKind
)

// shape is how a Go type stands on the wire: made once for each input and
// output, followed by the codecs and the validation.
type shape struct {
	kind    kind
	pointer bool
	goType  reflect.Type // without the pointer
	elem    *shape       // of a list or map
	fields  []field      // of a structure
}

// location is where a member of an input travels.
type location uint8

const (
	inBody location = iota
	inPath
	inQuery
)

// field is a member of a structure.
type field struct {
	name              string
	index             []int // more than one in an embedded structure
	in                location
	omitEmpty         bool
	shape             *shape
	value, items, key *constraints
}

var timeType = reflect.TypeFor[Time]()

// shapeOf reads a type and its tags. It refuses what has no form on the wire.
func shapeOf(t reflect.Type) (*shape, error) {
	return shapeWithin(t, nil)
}

func shapeWithin(t reflect.Type, parents []reflect.Type) (*shape, error) {
	s := &shape{goType: t}
	if t.Kind() == reflect.Pointer {
		s.pointer, s.goType = true, t.Elem()
	}
	if scalar, ok := scalarKind(s.goType); ok {
		s.kind = scalar
		return s, nil
	}
	for _, p := range parents {
		if p == s.goType {
			return nil, fmt.Errorf("%s contains itself", p)
		}
	}
	parents = append(parents, s.goType)
	var err error
	switch s.goType.Kind() {
	case reflect.Struct:
		s.kind = structKind
		s.fields, err = fieldsOf(s.goType, parents)
	case reflect.Slice:
		s.kind = listKind
		s.elem, err = shapeWithin(s.goType.Elem(), parents)
	case reflect.Map:
		s.kind = mapKind
		if s.goType.Key().Kind() != reflect.String {
			return nil, fmt.Errorf("%s: a map's keys must be strings", t)
		}
		s.elem, err = shapeWithin(s.goType.Elem(), parents)
	default:
		return nil, fmt.Errorf("%s has no form on the wire", t)
	}
	return s, err
}

func scalarKind(t reflect.Type) (kind, bool) {
	if t == timeType {
		return timeKind, true
	}
	switch t.Kind() {
	case reflect.String:
		return stringKind, true
	case reflect.Bool:
		return boolKind, true
	case reflect.Int, reflect.Int32, reflect.Int64:
		return intKind, true
	case reflect.Slice:
		return blobKind, t.Elem().Kind() == reflect.Uint8
	}
	return 0, false
}

func fieldsOf(t reflect.Type, parents []reflect.Type) ([]field, error) {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		some, err := membersOf(sf, parents)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t, sf.Name, err)
		}
		for _, f := range some {
			f.index = append([]int{i}, f.index...)
			fields = append(fields, f)
		}
	}
	return fields, nil
}

// membersOf returns the member that a field is, or those of an embedded structure.
func membersOf(sf reflect.StructField, parents []reflect.Type) ([]field, error) {
	if sf.Anonymous && sf.Type.Kind() == reflect.Struct && sf.Type != timeType {
		return fieldsOf(sf.Type, parents)
	}
	f, err := fieldOf(sf, parents)
	return []field{f}, err
}

func fieldOf(sf reflect.StructField, parents []reflect.Type) (f field, err error) {
	if !sf.IsExported() || sf.Anonymous {
		return f, fmt.Errorf("only exported, named fields travel")
	}
	if err := f.place(sf.Tag); err != nil {
		return f, err
	}
	if f.shape, err = shapeWithin(sf.Type, parents); err != nil {
		return f, err
	}
	return f, f.constrain(sf.Tag)
}

// place reads where a field travels and under which name.
func (f *field) place(tag reflect.StructTag) error {
	places := 0
	for key, in := range map[string]location{"json": inBody, "path": inPath, "query": inQuery} {
		text, ok := tag.Lookup(key)
		if !ok {
			continue
		}
		name, option, _ := strings.Cut(text, ",")
		if name == "" || name == "-" {
			return fmt.Errorf("the %s tag must give a name", key)
		}
		f.name, f.in, f.omitEmpty = name, in, option == "omitempty"
		places++
	}
	if places != 1 {
		return fmt.Errorf("want exactly one of the tags json, path, query")
	}
	return nil
}

func (f *field) constrain(tag reflect.StructTag) (err error) {
	if f.value, err = parseConstraints(tag.Get("validate"), f.shape); err != nil {
		return err
	}
	if each := tag.Get("each"); each != "" {
		if f.shape.elem == nil {
			return fmt.Errorf("the tag each belongs to a list or a map")
		}
		if f.items, err = parseConstraints(each, f.shape.elem); err != nil {
			return err
		}
	}
	if key := tag.Get("key"); key != "" {
		if f.shape.kind != mapKind {
			return fmt.Errorf("the tag key belongs to a map")
		}
		f.key, err = parseConstraints(key, &shape{kind: stringKind})
	}
	return err
}

// settle returns the value behind v's pointer, making one where there is none.
func (s *shape) settle(v reflect.Value) reflect.Value {
	if !s.pointer {
		return v
	}
	if v.IsNil() {
		v.Set(reflect.New(s.goType))
	}
	return v.Elem()
}

// null reports whether v, of this shape, counts as absent: a nil pointer, list or
// map, and a zero scalar or structure that is no pointer.
func (s *shape) null(v reflect.Value) bool { return v.IsZero() }
