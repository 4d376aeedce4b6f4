package awshttp

import (
	"maps"
	"net/http"
	"net/url"
	"reflect"
)

// codec is a protocol: how inputs are read, and answers and errors written.
type codec interface {
	// decode reads the input of an exchange's operation into v, a structure.
	decode(x *exchange, s *shape, v reflect.Value) error
	// encode renders an output; v is valid unless the handler returned nil.
	encode(x *exchange, s *shape, v reflect.Value) (contentType string, body []byte, err error)
	// fail renders an error; it may set headers.
	fail(x *exchange, e Error) (contentType string, body []byte)
}

var codecs = map[Protocol]codec{RESTJSON: restJSON{}, JSON11: json11{}, Query: query{}}

// restJSON is AWS restJson1.
//
// Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
type restJSON struct{}

func (restJSON) decode(x *exchange, s *shape, v reflect.Value) error {
	if s.hasBody() {
		if err := decodeJSON(x.body, s, v); err != nil {
			return err
		}
	}
	for _, f := range s.fields {
		if f.in == inBody {
			continue
		}
		for _, text := range x.located(f) {
			if err := setLocated(f, v.FieldByIndex(f.index), text); err != nil {
				return err
			}
		}
	}
	return nil
}

// located returns what was sent for a member in the path or the query string.
func (x *exchange) located(f field) []string {
	if f.in == inPath {
		return []string{x.labels[f.name]}
	}
	var values []string
	for _, p := range x.target.Query {
		if p.Key == f.name {
			values = append(values, p.Value)
		}
	}
	if len(values) > 1 && f.shape.kind != listKind {
		return values[:1]
	}
	return values
}

// setLocated sets a member, or appends to a list.
func setLocated(f field, v reflect.Value, text string) error {
	if f.shape.kind != listKind {
		return setText(f.shape, v, text, f.name)
	}
	item := reflect.New(f.shape.goType.Elem()).Elem()
	if err := setText(f.shape.elem, item, text, f.name); err != nil {
		return err
	}
	v = f.shape.settle(v)
	v.Set(reflect.Append(v, item))
	return nil
}

func (s *shape) hasBody() bool {
	for _, f := range s.fields {
		if f.in == inBody {
			return true
		}
	}
	return false
}

func (restJSON) encode(_ *exchange, s *shape, v reflect.Value) (string, []byte, error) {
	const contentType = "application/json"
	if len(s.fields) == 0 {
		return contentType, nil, nil
	}
	body, err := encodeOut(s, v)
	return contentType, body, err
}

// encodeOut writes a structure, {} for none.
func encodeOut(s *shape, v reflect.Value) ([]byte, error) {
	if !v.IsValid() {
		return []byte("{}"), nil
	}
	fillLists(s, v)
	return encodeJSON(v.Addr().Interface())
}

// restError is an error's body. The member is message, in lower case: AWS's
// plugin for Notation prints nothing for Message.
type restError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (restJSON) fail(x *exchange, e Error) (string, []byte) {
	x.w.Header().Set("X-Amzn-Errortype", e.Code)
	body, _ := encodeJSON(restError{e.Code, e.Message}) // strings only: cannot fail
	return "application/json", body
}

// json11 is AWS JSON 1.1.
//
// Source: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
type json11 struct{}

const json11Type = "application/x-amz-json-1.1"

func (json11) decode(x *exchange, s *shape, v reflect.Value) error {
	return decodeJSON(x.body, s, v)
}

func (json11) encode(_ *exchange, s *shape, v reflect.Value) (string, []byte, error) {
	body, err := encodeOut(s, v)
	return json11Type, body, err
}

func (json11) fail(x *exchange, e Error) (string, []byte) {
	x.w.Header().Set("X-Amzn-Errortype", e.Code)
	members := map[string]any{"__type": e.Code, "message": e.Message}
	maps.Copy(members, e.Members)
	body, _ := encodeJSON(members) // strings and numbers only: cannot fail
	return json11Type, body
}

// query is AWS query: forms in, XML out.
//
// Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
type query struct{}

func (query) decode(x *exchange, s *shape, v reflect.Value) error {
	return x.form.decode(s, v, "")
}

func (query) encode(x *exchange, s *shape, v reflect.Value) (string, []byte, error) {
	var w xmlWriter
	name := x.op.Name
	w.WriteString("<" + name + `Response xmlns="` + x.service.Namespace + `">`)
	if v.IsValid() { // also where it says nothing: clients look for it where the model has an output
		w.element(name+"Result", s, v)
	}
	w.WriteString("<ResponseMetadata>")
	w.field("RequestId", x.call.RequestID)
	w.WriteString("</ResponseMetadata></" + name + "Response>")
	return "text/xml", w.Bytes(), nil
}

func (query) fail(x *exchange, e Error) (string, []byte) {
	var w xmlWriter
	blame := "Sender"
	if e.Status >= http.StatusInternalServerError {
		blame = "Receiver"
	}
	w.WriteString(`<ErrorResponse xmlns="` + x.service.Namespace + `"><Error>`)
	w.field("Type", blame)
	w.field("Code", e.Code)
	w.field("Message", e.Message)
	w.WriteString("</Error>")
	w.field("RequestId", x.call.RequestID)
	w.WriteString("</ErrorResponse>")
	return "text/xml", w.Bytes()
}

// unescape decodes a path segment.
func unescape(segment string) (string, error) {
	s, err := url.PathUnescape(segment)
	if err != nil {
		return "", refuse(malformedInput, "The path segment %.64q is not properly percent-encoded.", segment)
	}
	return s, nil
}
