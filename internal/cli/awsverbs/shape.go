package awsverbs

import (
	"cmp"
	"reflect"
	"strings"
)

func isList(t reflect.Type) bool { return t.Kind() == reflect.Slice && t != blobType }

// bare is the type behind pointers.
func bare(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// typeName is a type as the aws program's help has it.
func typeName(t reflect.Type) string {
	switch {
	case t == timeType:
		return "timestamp"
	case t == blobType:
		return "blob"
	}
	switch t.Kind() {
	case reflect.Struct:
		return "structure"
	case reflect.Map:
		return "map"
	case reflect.Slice:
		return "list"
	case reflect.Int32, reflect.Int64:
		return "integer"
	case reflect.Bool:
		return "boolean"
	}
	return "string"
}

// shape says how a value of a type is written, where its name does not: the
// shorthand of structures, the items of lists, the choices of an enum.
func shape(t reflect.Type) string {
	t = bare(t)
	switch {
	case t.Kind() == reflect.Struct && t != timeType:
		return shorthandShape(t)
	case t.Kind() == reflect.Map:
		return "key=value,key=value"
	case isList(t):
		return cmp.Or(shape(t.Elem()), typeName(bare(t.Elem()))) + " …"
	}
	return strings.Join(choices(t), " | ")
}

func shorthandShape(t reflect.Type) string {
	var members []string
	for _, field := range reflect.VisibleFields(t) {
		if !field.IsExported() {
			continue
		}
		value := cmp.Or(shape(field.Type), typeName(bare(field.Type)))
		switch inner := bare(field.Type); {
		case inner.Kind() == reflect.Struct:
			value = "{" + value + "}"
		case isList(inner):
			value = "[" + value + "]"
		}
		members = append(members, lowerFirst(field.Name)+"="+strings.ReplaceAll(value, " | ", "|"))
	}
	return strings.Join(members, ",")
}

// choices is the values of one of the SDK's enums, nil for other types.
func choices(t reflect.Type) []string {
	values := reflect.New(t).Elem().MethodByName("Values")
	if t.Kind() != reflect.String || !values.IsValid() {
		return nil
	}
	list := values.Call(nil)[0]
	texts := make([]string, list.Len())
	for i := range texts {
		texts[i] = list.Index(i).String()
	}
	return texts
}

func memberNames(t reflect.Type) []string {
	var names []string
	for _, field := range reflect.VisibleFields(t) {
		if field.IsExported() {
			names = append(names, lowerFirst(field.Name))
		}
	}
	return names
}
