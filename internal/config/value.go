package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// value lets a field of the struct be set from text: a pflag.Value. A list takes
// commas, and a repeated flag adds to it.
type value struct{ field reflect.Value }

var durationType = reflect.TypeFor[time.Duration]()

// Type is what the usage line calls the value.
func (v value) Type() string {
	switch {
	case v.field.Type() == durationType:
		return "duration"
	case v.field.Kind() == reflect.Slice:
		return "strings"
	case v.field.Kind() == reflect.Int64:
		return "number"
	default:
		return v.field.Kind().String()
	}
}

// String shows the value as Set would take it.
func (v value) String() string {
	switch {
	case !v.field.IsValid():
		return ""
	case v.field.Kind() == reflect.Slice:
		return strings.Join(v.field.Interface().([]string), ",")
	default:
		return fmt.Sprint(v.field.Interface())
	}
}

// Set reads text into the field.
func (v value) Set(text string) error {
	switch {
	case v.field.Type() == durationType:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 72h", text)
		}
		v.field.SetInt(int64(d))
	case v.field.Kind() == reflect.Slice:
		v.field.Set(reflect.AppendSlice(v.field, reflect.ValueOf(strings.Split(text, ","))))
	case v.field.Kind() == reflect.Int64, v.field.Kind() == reflect.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.field.SetInt(n)
	case v.field.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is not true or false", text)
		}
		v.field.SetBool(b)
	default:
		v.field.SetString(text)
	}
	return nil
}
