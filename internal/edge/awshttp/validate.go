package awshttp

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxValueShown bounds how much of a wrong value an error repeats, in bytes.
const maxValueShown = 512

// maxViolationsTold bounds how many violations an error tells.
const maxViolationsTold = 10

// constraints are what a model demands of a value.
type constraints struct {
	required    bool
	min, max    *int64
	enum        []string
	pattern     func() *regexp.Regexp // compiled when first used: most never are
	patternText string                // as in the model
}

// parseConstraints reads a validate tag; see [Op] for its grammar.
func parseConstraints(tag string, s *shape) (*constraints, error) {
	if tag == "" {
		return nil, nil
	}
	c := &constraints{}
	for tag != "" {
		var item string
		if strings.HasPrefix(tag, "pattern=") {
			item, tag = tag, ""
		} else {
			item, tag, _ = strings.Cut(tag, ",")
		}
		if err := c.add(item); err != nil {
			return nil, err
		}
	}
	textual := c.enum != nil || c.pattern != nil
	measured := c.min != nil || c.max != nil
	if textual && s.kind != stringKind || measured && (s.kind == boolKind || s.kind == timeKind || s.kind == structKind) {
		return nil, fmt.Errorf("the constraints do not fit the type %v", s.goType)
	}
	return c, nil
}

func (c *constraints) add(item string) (err error) {
	name, value, _ := strings.Cut(item, "=")
	switch name {
	case "required":
		c.required = true
	case "min":
		c.min, err = parseBound(value)
	case "max":
		c.max, err = parseBound(value)
	case "enum":
		c.enum = strings.Split(value, "|")
	case "pattern":
		c.patternText = value
		_, err = syntax.Parse(value, syntax.Perl)
		c.pattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:` + value + `)$`) })
	default:
		err = fmt.Errorf("unknown constraint %q", item)
	}
	return err
}

func parseBound(s string) (*int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	return &n, err
}

// validate returns what is wrong with a structure, in the order of its members.
func validate(s *shape, v reflect.Value, path string) []Violation {
	var found []Violation
	for _, f := range s.fields {
		found = append(found, f.validate(v.FieldByIndex(f.index), join(path, f.name))...)
	}
	return found
}

func (f *field) validate(v reflect.Value, path string) []Violation {
	if f.shape.null(v) {
		if f.value != nil && f.value.required {
			return []Violation{{path, "null", "Member must not be null"}}
		}
		return nil
	}
	return f.present(v, path)
}

// present validates a value that is not null: also an empty one, such as an
// element of a list.
func (f *field) present(v reflect.Value, path string) []Violation {
	v = reflect.Indirect(v)
	if f.shape.kind == stringKind && !IsText(v.String()) {
		return []Violation{{path, show(f.shape, v), "Member must be text in UTF-8 without NUL"}}
	}
	found := f.value.check(f.shape, v, path)
	return append(found, f.within(v, path)...)
}

// IsText reports whether s is what every store can hold: UTF-8 without NUL. All
// texts of an input are; what a handler decodes from them may not be.
func IsText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// within validates what a member contains.
func (f *field) within(v reflect.Value, path string) []Violation {
	switch f.shape.kind {
	case structKind:
		return validate(f.shape, v, path)
	case listKind:
		return f.withinList(v, path)
	case mapKind:
		return f.withinMap(v, path)
	}
	return nil
}

func (f *field) withinList(v reflect.Value, path string) []Violation {
	elem := f.elem(f.items)
	var found []Violation
	var texts []string
	for i := range v.Len() {
		wrong := elem.present(v.Index(i), path+"."+strconv.Itoa(i+1)+".member")
		if f.shape.elem.kind == structKind {
			found = append(found, wrong...)
			continue
		}
		texts = append(texts, constraintTexts(wrong)...)
	}
	if len(texts) > 0 {
		found = append(found, nested(show(f.shape, v), path, texts))
	}
	return found
}

func (f *field) withinMap(v reflect.Value, path string) []Violation {
	elem, key := f.elem(f.items), &field{shape: &shape{kind: stringKind}, value: f.key}
	var found []Violation
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range keys {
		wrong := key.present(k, path)
		if len(wrong) > 0 {
			found = append(found, Violation{path, show(f.shape, v), "Map keys must satisfy constraint: [" + strings.Join(constraintTexts(wrong), ", ") + "]"})
		}
		wrong = elem.present(v.MapIndex(k), path+"."+k.String())
		if f.shape.elem.kind == structKind {
			found = append(found, wrong...)
		} else if len(wrong) > 0 {
			found = append(found, Violation{path, show(f.shape, v), "Map value must satisfy constraint: [" + strings.Join(constraintTexts(wrong), ", ") + "]"})
		}
	}
	return found
}

// elem is the member that stands for each element of a list or map.
func (f *field) elem(c *constraints) *field { return &field{shape: f.shape.elem, value: c} }

func nested(value, path string, texts []string) Violation {
	slices.Sort(texts)
	return Violation{path, value, "Member must satisfy constraint: [" + strings.Join(slices.Compact(texts), ", ") + "]"}
}

func constraintTexts(found []Violation) []string {
	texts := make([]string, len(found))
	for i, v := range found {
		texts[i] = v.Constraint
	}
	return texts
}

// check compares a value that is not null with its constraints.
func (c *constraints) check(s *shape, v reflect.Value, path string) []Violation {
	if c == nil {
		return nil
	}
	var found []Violation
	fail := func(format string, args ...any) {
		found = append(found, Violation{path, show(s, v), fmt.Sprintf(format, args...)})
	}
	what, size := measure(s, v)
	if c.min != nil && size < *c.min {
		fail("Member must have %s greater than or equal to %d", what, *c.min)
	}
	if c.max != nil && size > *c.max {
		fail("Member must have %s less than or equal to %d", what, *c.max)
	}
	if c.enum != nil && !slices.Contains(c.enum, v.String()) {
		fail("Member must satisfy enum value set: [%s]", strings.Join(c.enum, ", "))
	}
	if c.pattern != nil && !c.pattern().MatchString(v.String()) {
		fail("Member must satisfy regular expression pattern: %s", c.patternText)
	}
	return found
}

// measure returns what min and max are about, and how much there is of it.
func measure(s *shape, v reflect.Value) (what string, size int64) {
	switch s.kind {
	case stringKind:
		return "length", int64(utf8.RuneCountInString(v.String()))
	case blobKind, listKind, mapKind:
		return "length", int64(v.Len())
	case intKind:
		return "value", v.Int()
	}
	return "value", 0
}

// show prints a wrong value as AWS does, cut where it is long.
func show(s *shape, v reflect.Value) string {
	text := ""
	switch s.kind {
	case blobKind:
		text = base64.StdEncoding.EncodeToString(v.Bytes()[:min(v.Len(), maxValueShown)])
	case structKind:
		text = "a structure"
	case mapKind:
		text = fmt.Sprintf("a map of %d", v.Len())
	case listKind:
		text = showList(s, v)
	default:
		text = fmt.Sprint(v.Interface())
	}
	if len(text) > maxValueShown {
		text = strings.ToValidUTF8(text[:maxValueShown], "") + "…"
	}
	return "'" + text + "'"
}

func showList(s *shape, v reflect.Value) string {
	if s.elem.kind == structKind || s.elem.kind == listKind || s.elem.kind == mapKind {
		return fmt.Sprintf("a list of %d", v.Len())
	}
	var b strings.Builder
	b.WriteByte('[')
	for i := 0; i < v.Len() && b.Len() < maxValueShown; i++ {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, reflect.Indirect(v.Index(i)).Interface())
	}
	return b.String() + "]"
}

// validationMessage words violations as AWS's services do: it counts them all
// and tells the first few.
func validationMessage(found []Violation) string {
	parts := make([]string, min(len(found), maxViolationsTold))
	for i, v := range found[:len(parts)] {
		parts[i] = fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", v.Value, v.Path, v.Constraint)
	}
	errors := "errors"
	if len(found) == 1 {
		errors = "error"
	}
	return fmt.Sprintf("%d validation %s detected: %s", len(found), errors, strings.Join(parts, "; "))
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
