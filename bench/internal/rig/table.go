package rig

import (
	"strings"
	"unicode/utf8"
)

// Table is a table in Markdown. The first column is text; the others are figures.
type Table struct {
	header []string
	rows   [][]string
}

// NewTable returns a table with the headings of its columns.
func NewTable(header ...string) *Table { return &Table{header: header} }

// Add adds a row. Missing cells are empty.
func (t *Table) Add(cells ...string) {
	row := make([]string, len(t.header))
	copy(row, cells)
	t.rows = append(t.rows, row)
}

// Markdown returns the table, with its columns aligned for those who read it as it is.
func (t *Table) Markdown() string {
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	line := func(cells []string) {
		for i, cell := range cells {
			fill := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString("| " + cell + fill + " |")
			} else {
				b.WriteString(" " + fill + cell + " |")
			}
		}
		b.WriteByte('\n')
	}
	line(t.header)
	for i, width := range widths {
		if i == 0 {
			b.WriteString("| " + strings.Repeat("-", width) + " |")
		} else {
			b.WriteString(" " + strings.Repeat("-", max(width-1, 0)) + ": |")
		}
	}
	b.WriteByte('\n')
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}
