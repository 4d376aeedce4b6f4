package awsverbs

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/sealwright/sealwright/internal/cli/awsverbs/shorthand"
)

// The ways to give a blob, as the aws program names them.
const (
	base64Blobs = "base64"
	rawBlobs    = "raw-in-base64-out"
)

// maxFile bounds what file:// and fileb:// read: more than any request holds.
const maxFile = 16 << 20

// parseTexts returns what the texts given for one member of type t stand for,
// as a tree: strings, json.Numbers, bools, nil, []byte, []any, map[string]any.
// The texts of a list are its items, or one JSON text is the whole of it; for
// anything else the last text counts.
func parseTexts(t reflect.Type, texts []string, blobs string) (any, error) {
	contents := make([]any, len(texts))
	for i, text := range texts {
		var err error
		if contents[i], err = readFile(text); err != nil {
			return nil, err
		}
	}
	if !isList(t) {
		return parseText(bare(t), contents[len(contents)-1], blobs)
	}
	if whole, ok := contents[0].(string); ok && len(contents) == 1 && startsWith(whole, "[") {
		return parseJSON(whole)
	}
	for i, content := range contents {
		var err error
		if contents[i], err = parseText(bare(t.Elem()), content, blobs); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

// parseText reads one content for a value of type t: JSON or shorthand for a
// structure or map, itself for anything else.
func parseText(t reflect.Type, content any, blobs string) (any, error) {
	s, ok := content.(string)
	switch {
	case !ok: // the bytes of fileb://
		return content, nil
	case t == blobType && blobs == rawBlobs:
		return []byte(s), nil
	case t == timeType || t.Kind() != reflect.Struct && t.Kind() != reflect.Map:
		return s, nil
	case startsWith(s, "{") || startsWith(s, "["):
		return parseJSON(s)
	}
	return shorthand.Parse(s)
}

func startsWith(s, bracket string) bool {
	return strings.HasPrefix(strings.TrimSpace(s), bracket)
}

// parseJSON reads one JSON value and nothing after it. Numbers keep their text.
func parseJSON(s string) (tree any, err error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, fmt.Errorf("Invalid JSON: %w\nJSON received: %s", err, s)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("Invalid JSON: there is more after the value\nJSON received: %s", s)
	}
	return tree, nil
}

// readFile returns the content of the file that file:// (a string) or fileb://
// (bytes) names, and any other text as it is.
func readFile(text string) (any, error) {
	if path, ok := strings.CutPrefix(text, "file://"); ok {
		content, err := readPath(path)
		return string(content), err
	}
	if path, ok := strings.CutPrefix(text, "fileb://"); ok {
		return readPath(path)
	}
	return text, nil
}

func readPath(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("Unable to load paramfile: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("Unable to load paramfile: %w", err)
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("Unable to load paramfile: %s is larger than %d bytes", path, maxFile)
	}
	return content, nil
}
