package sqlstore

import (
	"strconv"
	"strings"
)

// where puts a WHERE clause together from conditions that are constant text.
// The number of conditions a query may have must be small: each combination is
// a statement of its own.
type where struct {
	text []string
	args []any
}

// and adds a condition; each ? in it stands for one of args, in order.
func (w *where) and(condition string, args ...any) {
	w.text = append(w.text, w.number(condition, args...))
}

// clause returns "WHERE …". There must be a condition.
func (w *where) clause() string { return "WHERE " + strings.Join(w.text, " AND ") }

// limit returns "LIMIT …". It is called last.
func (w *where) limit(n int) string { return w.number("LIMIT ?", n) }

func (w *where) number(text string, args ...any) string {
	parts := strings.Split(text, "?")
	out := parts[0]
	for i, arg := range args {
		w.args = append(w.args, arg)
		out += "$" + strconv.Itoa(len(w.args)) + parts[i+1]
	}
	return out
}
