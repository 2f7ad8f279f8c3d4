package subject

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nats-io/nats-server/v2/server"
)

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"stock-check": true, "Stock_2": true, "0": true, "-": true,
		"": false, "a.b": false, "a b": false, "a\n": false, "*": false, ">": false, "$SRV": false, "größe": false, "a/b": false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("CheckName(%q) = %v, want accepted: %v", name, err, ok)
		}
	}
}

func TestCheckConcrete(t *testing.T) {
	t.Parallel()
	for subject, ok := range map[string]bool{
		"a": true, "a.b": true, "$SRV.PING": true,
		"": false, "a.": false, "*": false, "a.*.b": false, "a.>": false, ">": false, "a*": false, "a b": false,
	} {
		if err := CheckConcrete(subject); (err == nil) != ok {
			t.Errorf("CheckConcrete(%q) = %v, want accepted: %v", subject, err, ok)
		}
	}
}

func TestCheckQueueGroup(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"q": true, "workers.eu": true, "größe": true, strings.Repeat("q", Max): true,
		"": false, "a b": false, "a\tb": false, "a\r\n": false, "a\xff": false, strings.Repeat("q", Max+1): false,
	} {
		if err := CheckQueueGroup(name); (err == nil) != ok {
			t.Errorf("CheckQueueGroup(%q) = %v, want accepted: %v", name, err, ok)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, subject string
		want             bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "a.b", false},
		{"a.b", "a", false},
		{"a.b", "a.b", true},
		{"*", "a", true},
		{"*", "a.b", false},
		{"a.*.c", "a.b.c", true},
		{"a.*.c", "a.b.d", false},
		{"a.*", "a", false},
		{">", "a", true},
		{">", "a.b.c", true},
		{"a.>", "a.b", true},
		{"a.>", "a.b.c", true},
		{"a.>", "a", false},
		{"a.>", "b.a", false},
		{"*.b.>", "a.b.c", true},
	} {
		if got := Matches(c.pattern, c.subject); got != c.want {
			t.Errorf("Matches(%q, %q) = %v, want %v", c.pattern, c.subject, got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for pattern, ok := range map[string]bool{
		"a": true, "a.b": true, "*": true, ">": true, "a.*.c": true, "a.>": true, "größe": true,
		"": false, ".": false, "a.": false, ".a": false, "a..b": false, "a b": false, "a\n": false, "a\x7f": false,
		">.a": false, "a*": false, "a.b>": false, "**": false,
	} {
		if err := Check(pattern); (err == nil) != ok {
			t.Errorf("Check(%q) = %v, want valid: %v", pattern, err, ok)
		}
	}
}

// TestOverlap tries all pairs of short patterns on all short subjects.
func TestOverlap(t *testing.T) {
	t.Parallel()
	subjects := sentences([]string{"a", "b", "c"}, 4)
	var patterns [][]string
	for _, p := range sentences([]string{"a", "b", "*", ">"}, 3) {
		if Check(strings.Join(p, ".")) == nil {
			patterns = append(patterns, p)
		}
	}
	for _, a := range patterns {
		for _, subject := range subjects {
			want := receives(a, subject)
			if got := Matches(strings.Join(a, "."), strings.Join(subject, ".")); got != want {
				t.Errorf("Matches(%q, %q) = %v, want %v", a, subject, got, want)
			}
		}
		for _, b := range patterns {
			want := false
			for _, subject := range subjects {
				want = want || receives(a, subject) && receives(b, subject)
			}
			if got := Overlap(strings.Join(a, "."), strings.Join(b, ".")); got != want {
				t.Errorf("Overlap(%q, %q) = %v, want %v", a, b, got, want)
			}
		}
	}
}

// receives is what NATS documents about wildcards, word for word: * stands for one token, > for one or more.
func receives(pattern, subject []string) bool {
	switch {
	case len(pattern) == 0 || len(subject) == 0:
		return len(pattern) == len(subject)
	case pattern[0] == ">":
		return true
	case pattern[0] == "*" || pattern[0] == subject[0]:
		return receives(pattern[1:], subject[1:])
	default:
		return false
	}
}

// sentences returns all sequences of up to n words.
func sentences(words []string, n int) [][]string {
	var all [][]string
	last := [][]string{nil}
	for range n {
		var next [][]string
		for _, s := range last {
			for _, w := range words {
				next = append(next, append(slices.Clip(s), w))
			}
		}
		all = append(all, next...)
		last = next
	}
	return all
}

// FuzzCheck holds what is accepted against the server's own functions.
func FuzzCheck(f *testing.F) {
	for _, subject := range []string{
		"a", "a.b", "a.*", "a.>", "*.b.>", ">", "*.*", "$SRV.PING", "größe", "a\x00b", "a\xffb", "a\u00a0b", "a\u2028b",
		"a..b", "a b", "a*", "a.>.b", "_INBOX.x", "$JS.API.INFO", "a\fb", "a\u0085b", "",
	} {
		f.Add(subject, "a.b")
		f.Add("a.*", subject)
	}
	f.Fuzz(func(t *testing.T, subject, other string) {
		if CheckConcrete(subject) == nil && Check(subject) != nil {
			t.Errorf("%q is accepted as concrete only", subject)
		}
		if Check(subject) != nil {
			return
		}
		if !server.IsValidSubject(subject) || !utf8.ValidString(subject) {
			t.Fatalf("%q is accepted, the server refuses it", subject)
		}
		if concrete := CheckConcrete(subject) == nil; concrete == HasWildcard(subject) ||
			concrete != server.IsValidLiteralSubject(subject) {
			t.Errorf("%q is concrete: %v, has a wildcard: %v", subject, concrete, HasWildcard(subject))
		}
		if Check(other) == nil {
			a, b := strings.Split(subject, "."), strings.Split(other, ".")
			if Overlap(subject, other) != Overlap(other, subject) {
				t.Errorf("Overlap(%q, %q) is not symmetric", subject, other)
			}
			if want := server.SubjectsCollide(subject, other); Overlap(subject, other) != want {
				t.Errorf("Overlap(%q, %q) = %v, the server says %v", subject, other, !want, want)
			}
			if !HasWildcard(other) && Matches(subject, other) != receives(a, b) {
				t.Errorf("Matches(%q, %q) = %v", subject, other, Matches(subject, other))
			}
		}
	})
}
