package policy_test

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/policy"
)

//go:embed testdata/decisions.txt
var decisions string

// leastCases keeps the table from shrinking unnoticed.
const leastCases = 788

// TestDecisions asks the fast evaluator, and the slow one of the tests, all that
// is in the table.
func TestDecisions(t *testing.T) {
	n := 0
	eachCase(t, decisions, func(title, line, want string, d *documents, who, action, resource string, k keys) {
		n++
		r := question(who, action, resource, k)
		if got := say(policy.Decide(r, d.grants(t))); got != want {
			t.Errorf("%s: %s\n  %s", title, line, got)
		}
		if got := slowly(r, d); got != want {
			t.Errorf("%s: %s\n  %s, the slow evaluator says", title, line, got)
		}
	})
	if n < leastCases {
		t.Errorf("the table has %d cases, want at least %d", n, leastCases)
	}
}

// eachCase reads the table.
func eachCase(t *testing.T, table string, do func(title, line, want string, d *documents, who, action, resource string, k keys)) {
	t.Helper()
	var title string
	var d *documents
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(line, " ")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if word == "==" {
			title, d = rest, &documents{}
			continue
		}
		if texts := d.of(word); texts != nil {
			*texts = append(*texts, whole(rest))
			continue
		}
		asked, want, ok := strings.Cut(line, " => ")
		fields := strings.Fields(asked)
		if _, known := people[fields[0]]; !ok || !known || len(fields) < 3 {
			t.Fatalf("not a line of the table: %s", line)
		}
		resource := strings.Replace(fields[2], "ci-role", "arn:aws:iam::111122223333:role/deploy/ci", 1)
		do(title, line, want, d, fields[0], fields[1], resource, readKeys(fields[3:]))
	}
}

// whole makes a document of statements.
func whole(text string) string {
	if !strings.HasPrefix(text, `{"`) || strings.HasPrefix(text, `{"Version"`) || strings.HasPrefix(text, `{"Statement"`) {
		return text
	}
	return `{"Version":"2012-10-17","Statement":[` + text + `]}`
}

func readKeys(fields []string) keys {
	k := keys{}
	for _, f := range fields {
		name, value, given := strings.Cut(f, "=")
		name = strings.ToLower(name)
		if given {
			k[name] = append(k[name], value)
		} else {
			k[name] = nil
		}
	}
	return k
}
