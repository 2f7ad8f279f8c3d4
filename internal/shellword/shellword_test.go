package shellword_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/internal/shellword"
)

func TestQuote(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"warehouse.reserve": "warehouse.reserve",
		"a/b:c@d_e-f.9":     "a/b:c@d_e-f.9",
		"":                  "''",
		"a b":               "'a b'",
		"=ls":               "'=ls'", // a path to zsh
		"~":                 "'~'",
		"a.*.>":             "'a.*.>'",
		"ü":                 "'ü'",
		`{"a":"it's"}`:      `'{"a":"it'\''s"}'`,
		"'":                 `''\'''`,
	} {
		if got := shellword.Quote(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
		if got := shellword.IsPlain(text); got != (want == text) {
			t.Errorf("%q is plain: %v", text, got)
		}
	}
}

// TestShellReadsWords: a shell takes each word for the text that it was made of, and runs nothing.
func TestShellReadsWords(t *testing.T) {
	t.Parallel()
	texts := []string{
		"plain", "", " ", "a b", "'", "''", `'\''`, `"`, `\`, "$(echo ran)", "`echo ran`", "${HOME}", "a;echo ran", "a&&echo ran", "a|b", "*", "?",
		"[a]", "~", "~root", "!", "#a", "a\nb", "\t", "{a,b}", "a=b", "-n", "<a", ">a", "(a)", "%s", "\x1b[31m", "ü…", "'; echo ran; '",
	}
	words := make([]string, len(texts))
	for i, text := range texts {
		words[i] = shellword.Quote(text)
	}
	for _, name := range []string{"sh", "bash"} {
		out, err := exec.CommandContext(t.Context(), name, "-c", `printf '%s\0' `+strings.Join(words, " ")).Output() //nolint:gosec // that is what is tested
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		if diff := cmp.Diff(texts, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
