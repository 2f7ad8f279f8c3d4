package markdown

import (
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/contract"
)

// What a contract says may come from a stranger. It reaches the page as text: not as markup or HTML, nor as a link that
// is not what it says.

// special are the characters that mean something in Markdown, or begin HTML.
var special = regexp.MustCompile("[\\\\`*_{}\\[\\]<>#+!|~&]")

// line makes one line of plain text.
func line(s string) string {
	s = special.ReplaceAllString(strings.Join(strings.Fields(visible(s)), " "), `\$0`)
	return strings.ReplaceAll(s, `\|`, bar)
}

// bar is what stands for a bar, which ends a cell of a table wherever it is, in code as well.
const bar = "&#124;"

// paragraphs makes plain text of several paragraphs. No line of it is a list, a heading or code.
func paragraphs(s string) string {
	var out []string
	for part := range strings.SplitSeq(strings.ReplaceAll(s, "\r\n", "\n"), "\n") {
		part = line(part)
		if match := block.FindString(part); match != "" {
			part = match[:len(match)-1] + `\` + part[len(match)-1:]
		}
		out = append(out, part)
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}

// block is the start of a line that would be a list or the underline of a heading.
var block = regexp.MustCompile(`^(?:[0-9]*[-.)=:])`)

// code makes a span of code.
func code(s string) string {
	s = strings.Join(strings.Fields(visible(s)), " ")
	if s == "" {
		return "an empty text"
	}
	if strings.Contains(s, "|") {
		return "<code>" + punctuation.ReplaceAllStringFunc(s, func(c string) string { return fmt.Sprintf("&#%d;", c[0]) }) + "</code>"
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// punctuation is all that could mean something in HTML or Markdown.
var punctuation = regexp.MustCompile(`[!-/:-@\[-` + "`" + `{-~]`)

// fence writes a block of code, no line of which begins with backticks: it is a command, or JSON.
func (p *page) fence(language, text string) {
	p.printf("```%s\n%s\n```\n\n", language, visible(text))
}

// visible leaves out what is not seen, and what turns the direction of writing.
func visible(s string) string { return strings.Map(hidden, s) }

func hidden(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return r
	case unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs):
		return -1
	}
	return r
}

// link links to a heading of the page.
func link(text, heading string) string { return "[" + line(text) + "](#" + slug(heading) + ")" }

// slug is the fragment of a heading, as GitHub makes it.
func slug(heading string) string {
	return strings.ReplaceAll(notInSlug.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

var notInSlug = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)

// words makes a heading of a name: letters, digits, - and _.
func words(name string) string {
	name = strings.Map(func(r rune) rune {
		if endpoints.IsLetter(r) || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, name)
	if strings.Trim(name, "-") == "" {
		return "type"
	}
	return name
}

func sorted(m map[string]*contract.Schema) iter.Seq2[string, *contract.Schema] {
	return func(yield func(string, *contract.Schema) bool) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !yield(name, m[name]) {
				return
			}
		}
	}
}
