package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
)

// Bounds on a manifest beside its length.
const (
	maxDepth       = 32      // nesting of objects and lists
	maxValues      = 1 << 17 // of objects and lists, together: each takes many times its bytes in memory
	maxDescriptors = 4096    // entries of layers or manifests
	maxMediaType   = 255     // RFC 6838 §4.2: 127 on each side of the slash
)

// document is a manifest's JSON, fields of every kind of manifest together.
type document struct {
	mediaType, artifactType string
	config, subject         *descriptor
	layers, manifests       []descriptor // nil when absent
	annotations             map[string]string
}

// listed are the digests of an index's entries.
func (d document) listed() (list []ociref.Digest) {
	for _, x := range d.manifests {
		list = append(list, x.digest)
	}
	return list
}

// descriptor is what a manifest says of content elsewhere.
// Source: image-spec v1.1.1 descriptor.md.
type descriptor struct {
	mediaType string
	digest    ociref.Digest
	size      int64
	referrer  bool // as one in a list of referrers: it has an artifact type and no platform
}

// object is a JSON object whose names are distinct and keep their case: Go's
// own decoding takes the last of two equal names, and "Config" for "config",
// where other readers do not.
type object map[string]json.RawMessage

// invalid is ErrManifestInvalid with the reason.
func invalid(format string, args ...any) error {
	return fault.Becausef(ErrManifestInvalid, "the manifest is not valid: "+format, args...)
}

// parseDocument reads a manifest's JSON. ErrManifestInvalid.
func parseDocument(content []byte) (document, error) {
	if !utf8.Valid(content) {
		return document{}, invalid("it is not UTF-8")
	}
	if err := modest(content); err != nil {
		return document{}, err
	}
	o, err := parseObject(content)
	if err != nil {
		return document{}, invalid("%s", err)
	}
	return readDocument(o)
}

// readDocument takes the fields out of the object, in the order of the
// specification, and stops at the first that is wrong.
func readDocument(o object) (d document, err error) {
	var version int64
	r := &reader{o: o}
	r.value("schemaVersion", &version)
	r.value("mediaType", &d.mediaType)
	r.mediaType("artifactType", &d.artifactType)
	d.config = r.descriptor("config")
	d.layers = r.descriptors("layers")
	d.manifests = r.descriptors("manifests")
	d.subject = r.descriptor("subject")
	r.value("annotations", &d.annotations)
	if r.err != nil {
		return document{}, invalid("%s", r.err)
	}
	if version != 2 {
		return document{}, invalid("schemaVersion must be 2")
	}
	return d, nil
}

// reader reads an object's fields until one is wrong; path says where in the
// manifest the object stands.
type reader struct {
	o    object
	path string
	err  error
}

// raw returns a field, nil if it is absent, null, or no longer of interest.
func (r *reader) raw(name string) json.RawMessage {
	raw := r.o[name]
	if r.err != nil || bytes.Equal(raw, []byte("null")) {
		return nil
	}
	return raw
}

// value reads a string, a number or a map of strings.
func (r *reader) value(name string, into any) {
	raw := r.raw(name)
	if raw == nil {
		return
	}
	if json.Unmarshal(raw, into) != nil {
		r.fail(name, "has the wrong type or is out of range")
	}
}

// mediaType reads a media type: bounded, visible ASCII.
func (r *reader) mediaType(name string, into *string) {
	r.value(name, into)
	visible := func(c rune) bool { return c >= ' ' && c <= '~' }
	if len(*into) > maxMediaType || strings.TrimFunc(*into, visible) != "" {
		r.fail(name, "is not a media type")
	}
}

// descriptor reads one descriptor, nil if it is absent.
func (r *reader) descriptor(name string) *descriptor {
	raw := r.raw(name)
	if raw == nil {
		return nil
	}
	d, err := parseDescriptor(r.path+name, raw)
	if err != nil {
		r.err = err
		return nil
	}
	return &d
}

// descriptors reads a list of them, nil if it is absent.
func (r *reader) descriptors(name string) []descriptor {
	raw := r.raw(name)
	if raw == nil {
		return nil
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		r.fail(name, "is not a list")
		return nil
	}
	if len(items) > maxDescriptors {
		r.fail(name, fmt.Sprintf("has %d entries, more than the %d allowed", len(items), maxDescriptors))
		return nil
	}
	list := make([]descriptor, len(items))
	for i, item := range items {
		if list[i], r.err = parseDescriptor(fmt.Sprintf("%s%s[%d]", r.path, name, i), item); r.err != nil {
			return nil
		}
	}
	return list
}

// fail keeps the first thing that is wrong.
func (r *reader) fail(name, what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s%s %s", r.path, name, what)
	}
}

// parseDescriptor reads a descriptor. Content it carries in data must be what
// its digest and size say.
func parseDescriptor(path string, raw json.RawMessage) (d descriptor, err error) {
	o, err := parseObject(raw)
	if err != nil {
		return d, fmt.Errorf("%s: %w", path, err)
	}
	var digest, artifactType string
	var data []byte
	r := &reader{o: o, path: path + "."}
	d.size = -1
	r.mediaType("mediaType", &d.mediaType)
	r.value("digest", &digest)
	r.value("size", &d.size)
	r.value("data", &data)
	r.value("artifactType", &artifactType)
	d.referrer = artifactType != "" && r.raw("platform") == nil
	if d.digest, err = ociref.ParseDigest(digest); err != nil {
		r.fail("digest", "must be sha256: or sha512: and lower-case hex")
	}
	switch {
	case d.mediaType == "":
		r.fail("mediaType", "is required")
	case d.size < 0:
		r.fail("size", "is required, and not negative")
	case data != nil && (int64(len(data)) != d.size || ociref.DigestOf(d.digest.Algorithm(), data) != d.digest):
		r.fail("data", "is not what digest and size say")
	}
	return d, r.err
}

// parseObject reads one JSON object and nothing after it.
func parseObject(raw []byte) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("it is not a JSON object")
	}
	o := object{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		var value json.RawMessage
		if err != nil || !ok || dec.Decode(&value) != nil {
			return nil, fmt.Errorf("it is not valid JSON")
		}
		if _, twice := o[name]; twice {
			return nil, fmt.Errorf("it has the field %.100q twice", name)
		}
		o[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("it is not valid JSON")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is something after the JSON object")
	}
	return o, nil
}

// modest fails if brackets nest more than maxDepth deep, or commas part more than
// maxValues values, outside strings: before anything is made of them.
func modest(content []byte) error {
	depth, values, quoted := 0, 1, false
	for i := 0; i < len(content); i++ {
		switch c := content[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',':
			values++
		}
		if depth > maxDepth {
			return invalid("it is nested more than %d deep", maxDepth)
		}
		if values > maxValues {
			return invalid("it has more than the %d values allowed", maxValues)
		}
	}
	return nil
}
