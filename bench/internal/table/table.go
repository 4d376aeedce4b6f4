// Package table collects what the bench measures and prints it as one table:
// each row a figure of this program, the limit or the peer that was measured in
// the same round, and the ratio of the two.
package table

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/sealwright/sealwright/bench/internal/stat"
)

// Measurement is one round's worth of one row.
type Measurement struct {
	Work   string  // what was done and what of it was measured; names the row with Beside
	Unit   Unit    // of Value and Limit
	Value  float64 // this program's figure
	Beside string  // the limit or peer; empty if there is none
	Limit  float64 // its figure in the same round
}

// Table is the rows so far, in the order in which each was first measured. It
// is not for concurrent use.
type Table struct {
	rows  []*row
	notes []string
}

type row struct {
	work, beside string
	unit         Unit
	values       stat.Series
	limits       stat.Series
}

// Add adds a round's measurement to its row, and the row if it is new.
func (t *Table) Add(m Measurement) {
	i := slices.IndexFunc(t.rows, func(r *row) bool { return r.work == m.Work && r.beside == m.Beside })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, &row{work: m.Work, beside: m.Beside, unit: m.Unit})
	}
	r := t.rows[i]
	r.values = append(r.values, m.Value)
	r.limits = append(r.limits, m.Limit)
}

// Note adds a line that is printed below the table, once.
func (t *Table) Note(text string) {
	if !slices.Contains(t.notes, text) {
		t.notes = append(t.notes, text)
	}
}

// Write prints the table: figures as median (least–greatest) over the rounds,
// the ratio as the median of the rounds' own ratios. An arrow says which way
// the row is better.
func (t *Table) Write(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "work\tmeasured\t\tbeside\tits figure\t\tratio\t\t")
	for _, r := range t.rows {
		fmt.Fprintln(tw, strings.Join(r.cells(), "\t"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, note := range t.notes {
		if _, err := fmt.Fprintln(w, note); err != nil {
			return err
		}
	}
	return nil
}

// cells are the row's columns; each figure takes two, so that ranges align.
func (r *row) cells() []string {
	cells := append([]string{r.work}, figure(r.values, r.unit.Format)...)
	if r.beside == "" {
		return append(cells, "–", "", "", "", "", r.arrow())
	}
	cells = append(append(cells, r.beside), figure(r.limits, r.unit.Format)...)
	return append(append(cells, figure(r.values.Ratios(r.limits), times)...), r.arrow())
}

func (r *row) arrow() string {
	if r.unit.MoreIsBetter() {
		return "↑"
	}
	return "↓"
}

// figure is the median and, where there was more than one round, the range.
func figure(s stat.Series, format func(float64) string) []string {
	if len(s) < 2 {
		return []string{format(s.Median()), ""}
	}
	least, greatest := s.Range()
	from, to := format(least), format(greatest)
	if unitOf(from) == unitOf(to) {
		from = strings.TrimSuffix(from, unitOf(from))
	}
	return []string{format(s.Median()), "(" + from + "–" + to + ")"}
}

// unitOf is what follows the number in a formatted figure.
func unitOf(formatted string) string {
	return strings.TrimLeft(formatted, "-0123456789.,")
}

func times(ratio float64) string { return digits(ratio) + "×" }
