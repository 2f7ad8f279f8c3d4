package markdown_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/cmd/typednats/internal/markdown"
	"github.com/typednats/typednats/contract"
)

// strange returns a page on which a text is wherever a contract may have one.
func strange(t *testing.T, text string) string {
	t.Helper()
	raw, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	str := &contract.Schema{Types: []contract.Type{contract.String}, Description: text, Examples: []json.RawMessage{raw}, Format: text + "f"}
	object := &contract.Schema{
		Types: []contract.Type{contract.Object, contract.Null}, Description: text, Deprecated: true, AdditionalProperties: str,
		Properties: map[string]*contract.Schema{
			"a" + text: str, "b": {Enum: []json.RawMessage{raw}}, "c": {Types: []contract.Type{contract.Object}, Properties: map[string]*contract.Schema{text: str}},
			"d": {Types: []contract.Type{contract.String}, ContentEncoding: text + "e"}, "e": {Ref: contract.Reference(text)},
		},
	}
	doc := contract.Document{
		Name: "e", Subject: "e.*", Description: text, Deprecated: text + "d", ContentTypes: []string{text + "t"},
		Request: &contract.Schema{Ref: contract.Reference(text)}, Examples: []contract.Example{{Request: raw, Reply: raw}},
		Defs:       map[string]*contract.Schema{text: object},
		Errors:     []contract.Error{{Tag: text + "t", Aliases: []string{text + "a"}, Schema: object}},
		QueueGroup: contract.QueueGroup{Name: text},
	}
	if err := doc.Validate(); err != nil {
		t.Skip(err)
	}
	set, err := endpoints.NewSet("set", doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(markdown.Page(text, []endpoints.Set{set}))
}

var (
	ours  = regexp.MustCompile(`<code>[^<>|]*</code>|&#[0-9]+;|\[[^\]]*\]\(#[^)]*\)|\*\*Deprecated(?::\*\*|\.\*\*)`)
	marks = regexp.MustCompile("^(?:#+ |[0-9]*[-=.):]+)|[|<>*_\\[\\]~&`!]")
)

// bare returns a line without spans of code, and with an x for what is escaped.
func bare(line string) string {
	var b strings.Builder
	for line != "" {
		run := len(line) - len(strings.TrimLeft(line, "`"))
		switch {
		case run > 0:
			end := endOfSpan(line[run:], run)
			if end < 0 {
				b.WriteString(line[:run])
			}
			line = line[run+max(0, end):]
		case line[0] == '\\':
			b.WriteByte('x')
			line = line[min(2, len(line)):]
		default:
			b.WriteByte(line[0])
			line = line[1:]
		}
	}
	return b.String()
}

// endOfSpan returns where a span ends whose fence has so many backticks, or -1.
func endOfSpan(rest string, run int) int {
	for i := 0; i < len(rest); {
		n := len(rest[i:]) - len(strings.TrimLeft(rest[i:], "`"))
		if n == run {
			return i + n
		}
		i += max(n, 1)
	}
	return -1
}

// structure returns what makes a page: its headings, tables and blocks of code, and what of its text means something.
func structure(page string) []string {
	var lines []string
	fence := ""
	for line := range strings.SplitSeq(page, "\n") {
		switch {
		case fence != "":
			if line == fence {
				fence = ""
				lines = append(lines, "end of code")
			}
			continue
		case strings.HasPrefix(line, "```"):
			fence = line[:len(line)-len(strings.TrimLeft(line, "`"))]
			lines = append(lines, "code")
			continue
		}
		cells := ""
		if strings.HasPrefix(line, "|") { // a bar ends a cell, in code as well
			cells = strings.Repeat("cell ", strings.Count(line, "|"))
		}
		line = ours.ReplaceAllString(bare(line), "")
		if found := marks.FindAllString(line, -1); len(found) > 0 {
			lines = append(lines, cells+strings.Join(found, ""))
		}
	}
	return lines
}

// TestAlternativesAreApart: it is the array that may be null, or what is in it.
func TestAlternativesAreApart(t *testing.T) {
	t.Parallel()
	str := []contract.Type{contract.String}
	for want, s := range map[string]*contract.Schema{
		"(array: text) or null":     {Types: []contract.Type{contract.Array, contract.Null}, Items: &contract.Schema{Types: str}},
		"array: text or null":       {Types: []contract.Type{contract.Array}, Items: &contract.Schema{Types: append(str, contract.Null)}},
		"(array: anything) or null": {AnyOf: []*contract.Schema{{Types: []contract.Type{contract.Array}}, {Types: []contract.Type{contract.Null}}}},
		"bytes in base64 or null":   {Types: append(str, contract.Null), ContentEncoding: "base64"},
		"(object: any names, each text) or (array: text)": {AnyOf: []*contract.Schema{
			{Types: []contract.Type{contract.Object}, AdditionalProperties: &contract.Schema{Types: str}},
			{Types: []contract.Type{contract.Array}, Items: &contract.Schema{Types: str}},
		}},
		"object: names that are integer (int64), each text": {
			Types: []contract.Type{contract.Object}, AdditionalProperties: &contract.Schema{Types: str},
			Keys: &contract.Schema{Types: []contract.Type{contract.Integer}, Format: "int64"},
		},
	} {
		set, err := endpoints.NewSet("set", contract.Document{Name: "e", Subject: "e", ContentTypes: []string{"application/json"}, Request: s})
		if err != nil {
			t.Fatal(err)
		}
		page := string(markdown.Page("set", []endpoints.Set{set}))
		if row := "| request | " + want + " |\n"; !strings.Contains(page, row) {
			t.Errorf("no %q in\n%s", row, page)
		}
	}
}

func FuzzStrangeText(f *testing.F) {
	for _, text := range []string{
		"", "|", "a|b", "`", "``", "` `", "```", "\\", "\\|", "# x", "a\n# b", "a\n\n- b", "1. x", "<script>alert(1)</script>", "[x](javascript:alert(1))",
		"![x](y)", "a\n===", "---", "| a | b |", "**b**", "_i_", "~~s~~", "&lt;", "\u202e", "\u2028x", "<!-- x", "    code", "> quote", "+ x", "* x", "a\n```\nb",
		"'; rm -rf /; '", "$(x)", "a b", "名前", "\x00", "://x", "\\|", "\\\\|", "`|`", "<|>", "www.example.com", "ends with `", "2) x", ": x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.TrimSpace(text) == "" {
			t.Skip("what is not said is left out")
		}
		want, got := structure(strange(t, "plain")), structure(strange(t, text))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q changes the page (-want +got):\n%s", text, diff)
		}
	})
}
