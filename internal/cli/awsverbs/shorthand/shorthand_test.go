package shorthand

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

type (
	m = map[string]any
	l = []any
)

// The cases are what the aws program's own parser makes of these texts.
func TestParse(t *testing.T) {
	for in, want := range map[string]m{
		"a=b":                           {"a": "b"},
		"value=3,type=MONTHS":           {"value": "3", "type": "MONTHS"},
		"a=":                            {"a": ""},
		"a=,b=c":                        {"a": "", "b": "c"},
		"a=b,c":                         {"a": l{"b", "c"}},
		"a=b,c,d=e,f=g,h":               {"a": l{"b", "c"}, "d": "e", "f": l{"g", "h"}},
		"a = b , c = d":                 {"a": "b", "c": "d"},
		"a=b c":                         {"a": "b c"},
		"a=[b,c]":                       {"a": l{"b", "c"}},
		"a=[ b , c ]":                   {"a": l{"b", "c"}},
		"a=[],b=c":                      {"a": l{}, "b": "c"},
		"a=[b=c]":                       {"a": l{"b=c"}},
		"a=[[b],{c=d}]":                 {"a": l{l{"b"}, m{"c": "d"}}},
		"a={b=c,d=[e,f]},g=h":           {"a": m{"b": "c", "d": l{"e", "f"}}, "g": "h"},
		"a={}":                          {"a": m{}},
		`a='b,c=d',e="f\"g"`:            {"a": "b,c=d", "e": `f"g`},
		`a='it\'s',b='\\'`:              {"a": "it's", "b": `\`},
		`a="b",'c',d`:                   {"a": l{"b", "c", "d"}},
		`a=b\,c,d=e`:                    {"a": "b,c", "d": "e"},
		"a=b=c":                         {"a": "b=c"},
		"a=arn:aws:x:/y":                {"a": "arn:aws:x:/y"},
		"a.b/c-d#e:f_1=g":               {"a.b/c-d#e:f_1": "g"},
		"a=b{c}":                        nil,
		"a=é,ö":                         {"a": l{"é", "ö"}},
		"tagStatus=TAGGED":              {"tagStatus": "TAGGED"},
		"artifactTypes=x/y,z,status=OK": {"artifactTypes": l{"x/y", "z"}, "status": "OK"},
		"":                              nil,
		"a":                             nil,
		"a=b,''":                        {"a": l{"b", ""}},
		"a=],b":                         {"a": l{"]", "b"}},
		"a=b,":                          nil,
		"a=b,c=d,a=e":                   nil,
		"a=[b":                          nil,
		"a=[b,c":                        nil,
		"a={b}":                         nil,
		"a={b=c":                        nil,
		"a='b":                          nil,
		"a='b'c":                        nil,
		"a=[b]c":                        nil,
		"a=it's":                        nil,
	} {
		got, err := Parse(in)
		if want == nil && err == nil {
			t.Errorf("%q: got %v, want an error", in, got)
		}
		if want != nil && (err != nil || !reflect.DeepEqual(got, want)) {
			t.Errorf("%q: got %v, error %v, want %v", in, got, err, want)
		}
	}
}

func TestNesting(t *testing.T) {
	if _, err := Parse("a=" + strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting)); err != nil {
		t.Error(err)
	}
	if _, err := Parse("a=" + strings.Repeat("[", 1e6)); err == nil || len(err.Error()) > 3e6 {
		t.Error("a million levels were taken")
	}
}

// Whatever is understood is understood again when it is written out in full.
func FuzzParse(f *testing.F) {
	for _, in := range []string{"value=3,type=MONTHS", "a=b,c,d=e", "a=[b,{c='d\\'',e=[]}]", `a=b\,c,d="e"`, "a= b ,c=", "a=\v,b"} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		first, err := Parse(in)
		if err != nil {
			return
		}
		full := write(first)
		second, err := Parse(full[1 : len(full)-1])
		if err != nil || !reflect.DeepEqual(first, second) {
			t.Errorf("%q is %#v\nwritten as %q it is %#v, error %v", in, first, full, second, err)
		}
	})
}

// write is a tree in shorthand with all brackets and quotes.
func write(tree any) string {
	var parts []string
	switch v := tree.(type) {
	case string:
		return `"` + strings.ReplaceAll(strings.ReplaceAll(v, `\`, `\\`), `"`, `\"`) + `"`
	case []any:
		for _, item := range v {
			parts = append(parts, write(item))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		for key, value := range v {
			parts = append(parts, key+"="+write(value))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	}
	panic("not a tree")
}
