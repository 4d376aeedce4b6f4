package awshttp

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/edge/awshttp/sigv4"
)

// form is the parameters of a query request by name.
type form struct {
	values map[string]string
	names  []string // sorted
}

// newForm refuses a parameter that is there twice: what is in front of this
// service might take the other one.
func newForm(pairs []sigv4.Pair) (form, error) {
	f := form{values: make(map[string]string, len(pairs)), names: make([]string, 0, len(pairs))}
	for _, p := range pairs {
		if _, repeated := f.values[p.Key]; repeated {
			return form{}, refuse(malformedInput, "The parameter %.64q is there twice.", p.Key)
		}
		f.values[p.Key] = p.Value
		f.names = append(f.names, p.Key)
	}
	slices.Sort(f.names)
	return f, nil
}

// decode reads the parameters into a structure: Name, Structure.Name,
// List.member.1, Map.entry.1.key and Map.entry.1.value. An empty name is the
// whole form.
//
// Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#request-serialization
func (p form) decode(s *shape, v reflect.Value, name string) error {
	if s.kind < structKind {
		if text, sent := p.values[name]; sent {
			return setText(s, v, text, name)
		}
		return nil
	}
	if name != "" && !p.has(name) {
		return nil
	}
	v = s.settle(v)
	switch s.kind {
	case listKind:
		return p.decodeList(s, v, name)
	case mapKind:
		return p.decodeMap(s, v, name)
	}
	for _, f := range s.fields {
		if err := p.decode(f.shape, v.FieldByIndex(f.index), join(name, f.name)); err != nil {
			return err
		}
	}
	return nil
}

func (p form) decodeList(s *shape, v reflect.Value, name string) error {
	list := reflect.MakeSlice(s.goType, 0, 0)
	for i := 1; ; i++ {
		member := fmt.Sprintf("%s.member.%d", name, i)
		if !p.has(member) {
			v.Set(list)
			return nil
		}
		item := reflect.New(s.goType.Elem()).Elem()
		if err := p.decode(s.elem, item, member); err != nil {
			return err
		}
		list = reflect.Append(list, item)
	}
}

func (p form) decodeMap(s *shape, v reflect.Value, name string) error {
	entries := reflect.MakeMap(s.goType)
	for i := 1; ; i++ {
		entry := fmt.Sprintf("%s.entry.%d", name, i)
		key, sent := p.values[entry+".key"]
		if !sent {
			v.Set(entries)
			return nil
		}
		item := reflect.New(s.goType.Elem()).Elem()
		if err := p.decode(s.elem, item, entry+".value"); err != nil {
			return err
		}
		entries.SetMapIndex(reflect.ValueOf(key).Convert(s.goType.Key()), item)
	}
}

// has reports whether name, or anything in it, was sent.
func (p form) has(name string) bool {
	if _, sent := p.values[name]; sent {
		return true
	}
	within := name + "."
	at, _ := slices.BinarySearch(p.names, within)
	return at < len(p.names) && strings.HasPrefix(p.names[at], within)
}

// xmlWriter writes answers of the query protocol.
//
// Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#response-serialization
type xmlWriter struct{ bytes.Buffer }

// element writes a value under a name.
func (w *xmlWriter) element(name string, s *shape, v reflect.Value) {
	v = reflect.Indirect(v)
	if !v.IsValid() {
		return
	}
	w.WriteString("<" + name + ">")
	switch s.kind {
	case structKind:
		for _, f := range s.fields {
			if member := v.FieldByIndex(f.index); !f.omitEmpty || !member.IsZero() {
				w.element(f.name, f.shape, member)
			}
		}
	case listKind:
		for i := range v.Len() {
			w.element("member", s.elem, v.Index(i))
		}
	case mapKind:
		w.entries(s, v)
	default:
		w.text(scalarText(s, v))
	}
	w.WriteString("</" + name + ">")
}

func (w *xmlWriter) entries(s *shape, v reflect.Value) {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range keys {
		w.WriteString("<entry>")
		w.field("key", k.String())
		w.element("value", s.elem, v.MapIndex(k))
		w.WriteString("</entry>")
	}
}

// field writes text under a name.
func (w *xmlWriter) field(name, text string) {
	w.WriteString("<" + name + ">")
	w.text(text)
	w.WriteString("</" + name + ">")
}

func (w *xmlWriter) text(s string) {
	xml.EscapeText(w, []byte(s)) // a buffer does not fail
}

func scalarText(s *shape, v reflect.Value) string {
	switch s.kind {
	case blobKind:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case timeKind:
		return v.Interface().(Time).UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v.Interface())
}
