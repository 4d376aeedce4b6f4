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
	i := insertion{columns: len(columns), texts: map[int]string{}}
	for _, size := range chunkSizes {
		i.texts[size] = "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES " + placeholders(size, len(columns))
	}
	return i
}

// placeholders is "($1, $2), ($3, $4)" for two rows of two columns.
func placeholders(rows, columns int) string {
	var b strings.Builder
	for n := range rows * columns {
		switch {
		case n == 0:
			b.WriteString("(")
		case n%columns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(n+1))
	}
	return b.String() + ")"
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
var chunkSizes = []int{64, 16, 4, 1}

// chunks cuts a list into pieces of chunkSizes times unit.
func chunks[T any](all []T, unit int) (pieces [][]T) {
	for _, size := range chunkSizes {
		for n := size * unit; len(all) >= n; all = all[n:] {
			pieces = append(pieces, all[:n])
		}
	}
	return pieces
}
