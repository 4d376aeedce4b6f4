package awshttp

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"testing"

	"github.com/sealwright/sealwright/internal/edge/awshttp/sigv4"
)

type fuzzInput struct {
	Text  string            `json:"text" validate:"required,min=2,max=9,pattern=[a-z]+"`
	Flag  *bool             `json:"flag,omitempty"`
	Count int64             `json:"count"`
	Blob  []byte            `json:"blob,omitempty" validate:"max=3"`
	At    *Time             `json:"at,omitempty"`
	List  []fuzzPart        `json:"list" validate:"max=2"`
	Names []string          `json:"names" each:"max=2"`
	Map   map[string]string `json:"map" key:"max=2" each:"max=3"`
	Part  *fuzzPart         `json:"part,omitempty"`
}

type fuzzPart struct {
	A *int   `json:"a,omitempty"`
	B string `json:"b" validate:"enum=x|y"`
}

func fuzzShape(t testing.TB) *shape {
	s, err := shapeOf(reflect.TypeFor[fuzzInput]())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// FuzzDecodeJSON reads arbitrary bodies. What is accepted must survive being
// written and read again.
func FuzzDecodeJSON(f *testing.F) {
	for _, body := range []string{``, `{}`, `{"text":"ab","flag":true,"count":-3,"blob":"e30=","at":1.5}`,
		`{"list":[{"a":1,"b":"x"},null,{}],"names":["a","b"],"map":{"k":"v","n":null},"part":{"b":"z"}}`,
		`{"x":[[[{"y":"\ud800"}]]],"text":null}`, `{"count":1e400}`, `[`, `{"list":[[]]}`} {
		f.Add([]byte(body))
	}
	s := fuzzShape(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		var first, second fuzzInput
		if decodeJSON(body, s, reflect.ValueOf(&first).Elem()) != nil {
			return
		}
		validationMessage(validate(s, reflect.ValueOf(first), ""))
		fillLists(s, reflect.ValueOf(&first).Elem())
		if first.At != nil && first.At.UnixMicro()%1000 != 0 {
			first.At = nil // answers have milliseconds
		}
		if len(first.Blob) == 0 {
			first.Blob = nil // none and an empty one are both left out
		}
		written, err := encodeJSON(&first)
		if err != nil {
			t.Fatalf("encode what was decoded from %q: %v", body, err)
		}
		if err := decodeJSON(written, s, reflect.ValueOf(&second).Elem()); err != nil || !reflect.DeepEqual(first, second) {
			t.Errorf("%q became %s: %v", body, written, err)
		}
	})
}

// FuzzJSONTokens holds that texts and their tokens are what [json.Decoder] says.
func FuzzJSONTokens(f *testing.F) {
	for _, body := range []string{`{}`, ` [1,-2.5e+3 , true,false,null,"",{"a":[],"b":{}}]` + "\n", `"\u0061\ud800\"\\"`, "\"\xff\u00e4\"", `0`, `{}{}`, `{"a" : 1,}`, `nul`, ``} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tokens, err := tokensOf(body)
		if (err == nil) != json.Valid(body) {
			t.Fatalf("%q: %v", body, err)
		}
		if err != nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		for at := 0; ; at++ {
			want, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			if got := tokens.next(); got != want {
				t.Fatalf("%q: token %d is %#v, want %#v", body, at, got, want)
			}
		}
		if rest := bytes.TrimSpace(tokens.rest); len(rest) > 0 {
			t.Errorf("%q: %q is left", body, rest)
		}
	})
}

// FuzzForm reads arbitrary forms: they decode or are refused.
func FuzzForm(f *testing.F) {
	for _, form := range []string{"text=ab&flag=true&count=3&blob=e30%3D&at=2026-01-01T00:00:00Z", "list.member.1.a=1&list.member.2.b=x",
		"names.member.1=&map.entry.1.key=k&map.entry.1.value=v", "part.=x&part..=y&.=&=", "list.member.1", "map.entry.1.key.x=1&%zz"} {
		f.Add(form)
	}
	s := fuzzShape(f)
	f.Fuzz(func(t *testing.T, text string) {
		pairs, err := sigv4.ParsePairs(text)
		if err != nil {
			return
		}
		parameters, err := newForm(pairs)
		if err != nil {
			return
		}
		var in fuzzInput
		if parameters.decode(s, reflect.ValueOf(&in).Elem(), "") != nil {
			return
		}
		validationMessage(validate(s, reflect.ValueOf(in), ""))
		var w xmlWriter
		w.element("Result", s, reflect.ValueOf(in))
	})
}
