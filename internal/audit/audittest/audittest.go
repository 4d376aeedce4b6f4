// Package audittest reads audit files in tests.
package audittest

import (
	"bufio"
	"bytes"
	"os"
	"testing"

	"github.com/sealwright/sealwright/internal/audit"
)

// Lines are all lines of a directory's audit files, in order, but for one that is
// being written.
func Lines(t testing.TB, directory string) (lines []audit.Record) {
	t.Helper()
	names, err := audit.FileNames(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(bytes.NewReader(text))
		for in.Split(audit.SplitLines); in.Scan(); {
			r, err := audit.ParseLine(in.Bytes())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			lines = append(lines, r)
		}
	}
	return lines
}
