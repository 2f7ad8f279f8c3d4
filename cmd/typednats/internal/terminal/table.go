package terminal

import (
	"io"
	"strings"
	"unicode/utf8"
)

// How text looks, until Plain.
const (
	Bold   = "\x1b[1m"
	Dim    = "\x1b[2m"
	Red    = "\x1b[31m"
	Yellow = "\x1b[33m"
	Plain  = "\x1b[0m"
)

// Table is text in columns.
type Table struct {
	// Right are the columns that are aligned on the right.
	Right map[int]bool
	// Style dresses a cell that was laid out already, such as with a colour. Nil changes nothing.
	Style func(row, column int, cell string) string

	rows [][]string
}

// Add adds a row. What stands in it is made safe to print.
func (t *Table) Add(cells ...string) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = Safe(cell)
	}
	t.rows = append(t.rows, row)
}

// Write writes the table, two spaces between its columns.
func (t *Table) Write(w io.Writer) error {
	_, err := io.WriteString(w, strings.Join(append(t.Lines(), ""), "\n"))
	return err
}

// maxColumn is how wide a cell may be that makes its column wider. A longer one stands out of its row alone: strangers choose
// their names.
const maxColumn = 64

// Lines returns the rows laid out, without space at their ends.
func (t *Table) Lines() []string {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if n := utf8.RuneCountInString(cell); n <= maxColumn {
				widths[i] = max(widths[i], n)
			}
		}
	}
	lines := make([]string, 0, len(t.rows))
	for r, row := range t.rows {
		var b strings.Builder
		for i, cell := range row {
			padding := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell)))
			if t.Right[i] {
				cell = padding + cell
			} else if i < len(row)-1 {
				cell += padding
			}
			if t.Style != nil {
				cell = t.Style(r, i, cell)
			}
			if i > 0 {
				b.WriteString("  ")
			}
			b.WriteString(cell)
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}
