package terminal_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
)

func TestSafe(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain ü 世界 😀":       "plain ü 世界 😀",
		"\x1b[31mred\x1b[0m": `\x1b[31mred\x1b[0m`,
		"a\nb\r\tc\x00\x7f":  `a\nb\r\tc\x00\x7f`,
		"\u009b31m":          `\u009b31m`,
		"\u202eback\u200b":   `\u202eback\u200b`,
		"\xff\xfe":           `\xff\xfe`,
		"\U000E0041":         `\U000e0041`,
		"\uFFFD":             `\ufffd`,
	} {
		if got := terminal.Safe(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := terminal.SafeText("a\n\tb\x1b"); got != "a\n\tb\\x1b" {
		t.Errorf("text: %q", got)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	const in = "{\"a\":\"\u009b\u202e\U000E0041 ü\\u001b\",\n\t\"n\":12345678901234567890,\"e\":[]}"
	want := "{\n  \"a\": \"\\u009b\\u202e\\udb40\\udc41 ü\\u001b\",\n  \"n\": 12345678901234567890,\n  \"e\": []\n}"
	got, err := terminal.JSON([]byte(in))
	if err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	var before, after any
	if err := json.Unmarshal([]byte(in), &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &after); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the value has changed (-want +got):\n%s", diff)
	}
	if text, err := terminal.JSON([]byte("{")); err == nil {
		t.Errorf("no JSON is %q", text)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := &terminal.Table{Right: map[int]bool{1: true}}
	table.Add("NAME", "N", "LAST")
	table.Add("ü\x1b", "100", "")
	table.Style = func(row, _ int, cell string) string {
		if row == 0 {
			return "<" + cell + ">"
		}
		return cell
	}
	want := []string{"<NAME >  <  N>  <LAST>", `ü\x1b  100`}
	if diff := cmp.Diff(want, table.Lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTableOfStrangers: a very long name stands out of its own row, and leaves the others as they are.
func TestTableOfStrangers(t *testing.T) {
	t.Parallel()
	var table terminal.Table
	long := strings.Repeat("x", 65)
	table.Add("NAME", "N")
	table.Add("a", "1")
	table.Add(long, "2")
	want := []string{"NAME  N", "a     1", long + "  2"}
	if diff := cmp.Diff(want, table.Lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"q":                    "q",
		"\x03":                 "\x03",
		"\x1b[A\x1b[Bx\x1bOA":  "\x80\x81x\x80",
		"\x1b[1;5Cr":           "r",
		"\x1b":                 "",
		"\x1b[":                "",
		"ü":                    "",
		strings.Repeat("n", 3): "nnn",
	} {
		if got := string(terminal.Keys([]byte(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line  string
		width int
		want  string
	}{
		{"abcdef", 3, "abc"},
		{"übc", 2, "üb"},
		{"\x1b[31mabc\x1b[0m", 5, "\x1b[31mabc\x1b[0m"},
		{"\x1b[31mabc\x1b[0m", 2, "\x1b[31mab\x1b[0m\x1b[0m"},
		{"abc", 0, ""},
	} {
		if got := terminal.Cut(test.line, test.width); got != test.want {
			t.Errorf("%q to %d: %q, want %q", test.line, test.width, got, test.want)
		}
	}
}
