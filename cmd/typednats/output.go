package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
)

// output is a stream that remembers the first error, so that the command fails if nobody gets what it prints.
type output struct {
	io.Writer

	err error
}

// Write implements [io.Writer].
func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.Writer.Write(p)
	o.err = err
	return n, err
}

// printf prints on standard output. The run ends with an error if that fails.
func (t *tool) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(t.stdout, format, args...) // the stream remembers
}

// warnf prints on standard error.
func (t *tool) warnf(format string, args ...any) {
	_, _ = fmt.Fprintf(t.stderr, format+"\n", args...) // there is nobody to tell
}

// logf says what is done, if the user wants to know.
func (t *tool) logf(format string, args ...any) {
	if t.global.verbose {
		t.warnf("%s", terminal.Safe(fmt.Sprintf(format, args...)))
	}
}

// printJSON prints a value as JSON that people can read. It may hold what strangers wrote.
func (t *tool) printJSON(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	text, err := terminal.JSON(b.Bytes())
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	t.printf("%s\n", text)
	return nil
}

// isTerminal reports whether standard output is a terminal.
func (t *tool) isTerminal() bool {
	file, ok := t.stdout.Writer.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// canDraw reports whether standard output is a terminal that does more than write one line after the other.
func (t *tool) canDraw() bool { return t.isTerminal() && t.getenv("TERM") != "dumb" }

// colored reports whether standard output gets colours.
func (t *tool) colored() bool {
	switch t.global.color {
	case "always":
		return true
	case "never":
		return false
	default:
		return t.getenv("NO_COLOR") == "" && t.canDraw()
	}
}

// table returns an empty table whose first row is its head, with numbers in the given columns.
func (t *tool) table(numbers ...int) *terminal.Table {
	table := &terminal.Table{Right: make(map[int]bool)}
	for _, column := range numbers {
		table.Right[column] = true
	}
	if t.colored() {
		table.Style = func(row, _ int, cell string) string {
			if row > 0 {
				return cell
			}
			return terminal.Bold + cell + terminal.Plain
		}
	}
	return table
}
