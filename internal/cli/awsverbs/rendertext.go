package awsverbs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// textWriter writes a result as --output text has it: a structure's scalars, in
// the order of their names, on one line, then each list and structure in it on
// lines that begin with its name in capitals. Structures of one list have the
// same columns.
//
// Source: awscli/text.py
type textWriter struct{ strings.Builder }

// formatText is a result as --output text has it.
func formatText(result map[string]any) (string, error) {
	w := &textWriter{}
	w.structure("", result, nil)
	return w.String(), nil
}

func (w *textWriter) write(name string, value any, columns []string) {
	switch v := value.(type) {
	case map[string]any:
		w.structure(name, v, columns)
	case []any:
		w.list(name, v)
	}
}

// structure writes the scalars of columns (nil: those that are there), then the
// rest.
func (w *textWriter) structure(name string, members map[string]any, columns []string) {
	names := slices.Sorted(maps.Keys(members))
	if columns == nil {
		columns = scalarNames(members)
	}
	var cells []string
	if name != "" {
		cells = append(cells, strings.ToUpper(name))
	}
	for _, column := range columns {
		cells = append(cells, cell(members[column]))
	}
	if len(columns) > 0 {
		w.line(cells)
	}
	for _, member := range names {
		w.write(member, members[member], nil)
	}
}

func (w *textWriter) list(name string, items []any) {
	seen := map[string]bool{}
	for _, item := range items {
		members, _ := item.(map[string]any)
		for _, column := range scalarNames(members) {
			seen[column] = true
		}
	}
	columns := slices.AppendSeq([]string{}, maps.Keys(seen))
	slices.Sort(columns)
	for _, item := range items {
		if isScalar(item) {
			w.line([]string{strings.ToUpper(name), cell(item)})
		} else {
			w.write(name, item, columns)
		}
	}
}

func (w *textWriter) line(cells []string) {
	w.WriteString(strings.Join(cells, "\t") + "\n")
}

func scalarNames(members map[string]any) []string {
	var names []string
	for name, value := range members {
		if isScalar(value) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// cell is a scalar in Python's words, which scripts have come to expect.
func cell(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "True"
		}
		return "False"
	}
	return fmt.Sprint(value)
}
