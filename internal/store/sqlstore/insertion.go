package sqlstore

import (
	"strconv"
	"strings"
)

// insertion inserts rows into a table, many with one statement.
type insertion struct {
	columns int
	texts   map[int]string // by the number of rows
}

// insertInto makes the insertion into columns of a table.
func insertInto(table string, columns ...string) insertion {
	return insertFixed(table, nil, columns...)
}

// insertFixed makes an insertion of rows that also have the same values in some
// columns, given as "column = value": to bind a value takes time for each row.
func insertFixed(table string, fixed []string, columns ...string) insertion {
	i := insertion{columns: len(columns), texts: map[int]string{}}
	names, values := strings.Join(columns, ", "), ""
	for _, f := range fixed {
		name, value, _ := strings.Cut(f, " = ")
		names, values = names+", "+name, values+", "+value
	}
	for _, size := range chunkSizes {
		i.texts[size] = "INSERT INTO " + table + " (" + names + ") VALUES " + placeholders(size, len(columns), values)
	}
	return i
}

// placeholders is "($1, $2, 0), ($3, $4, 0)" for two rows of two columns before ", 0".
func placeholders(rows, columns int, fixed string) string {
	var b strings.Builder
	for n := range rows * columns {
		switch {
		case n == 0:
			b.WriteString("(")
		case n%columns == 0:
			b.WriteString(fixed + "), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(n+1))
	}
	return b.String() + fixed + ")"
}

// rows inserts rows, whose columns follow each other in values.
func (i insertion) rows(tx querier, values []any) error {
	for _, piece := range chunks(values, i.columns) {
		if _, err := tx.exec(i.texts[len(piece)/i.columns], piece...); err != nil {
			return err
		}
	}
	return nil
}

// chunkSizes are few, since each size is a statement of its own that is kept
// prepared.
var chunkSizes = []int{64, 32, 16, 8, 4, 2, 1}

// chunks cuts a list into pieces of chunkSizes times unit.
func chunks[T any](all []T, unit int) (pieces [][]T) {
	for _, size := range chunkSizes {
		for n := size * unit; len(all) >= n; all = all[n:] {
			pieces = append(pieces, all[:n])
		}
	}
	return pieces
}
