package typednats

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/natstest"
)

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"stock-check": true, "Stock_2": true, "0": true, "-": true,
		"": false, "a.b": false, "a b": false, "a\n": false, "*": false, ">": false, "$SRV": false, "größe": false, "a/b": false,
	} {
		if err := checkName(name); (err == nil) != ok {
			t.Errorf("checkName(%q) = %v, want accepted: %v", name, err, ok)
		}
	}
}

func TestCheckSubject(t *testing.T) {
	t.Parallel()
	tests := []struct {
		subject, want string // a part of the error; "" means that the subject is accepted
	}{
		{"a", ""},
		{"a.b.c", ""},
		{"catalog.*.price", ""},
		{"catalog.>", ""},
		{"*.a", ""},
		{"*.users.>", ""},
		{"größe.日本", ""},
		{"a-b_c:d/e=f", ""},
		{"$SRVX.PING", ""},
		{"srv.PING", ""},
		{"*", ""}, // one token, which no control subject is
		{"*.*.*.*.*", ""},
		{strings.Repeat("a", maxSubject), ""},
		{"", "empty"},
		{".", "token 1 is empty"},
		{".a", "token 1 is empty"},
		{"a.", "token 2 is empty"},
		{"a..b", "token 2 is empty"},
		{" ", "space"},
		{"a b", "space"},
		{"a.b\tc", "token 2 holds a space or a control"},
		{"a\r\nPUB x 0", "control"},
		{"a\x00", "control"},
		{"a\x7f", "control"},
		{">.a", "before the end"},
		{"a.>.b", "before the end"},
		{"a.>.>", "before the end"},
		{"a*", "wildcard"},
		{"a.b>.c", "wildcard"},
		{"**", "wildcard"},
		{"a.>>", "wildcard"},
		{"a\xff", "UTF-8"},
		{strings.Repeat("a", maxSubject+1), "1025 bytes"},
		{"$SRV", "service protocol"},
		{"$SRV.PING", "service protocol"},
		{"$SRV.anything.else", "service protocol"},
		{">", "$SRV.PING"},
		{"*.>", "$SRV.PING"},
		{"*.*", "$SRV.PING"},
		{"*.PING", "$SRV.PING"},
		{"*.INFO.>", "$SRV.INFO.*"},
		{"*.*.*", "$SRV.PING.*"},
		{"*.*.inventory", "$SRV.PING.*"},
		{"*.STATS.inventory.*", "$SRV.STATS.*.*"},
		{"*.*.*.*", "$SRV.PING.*.*"},
	}
	for _, tt := range tests {
		err := checkSubject(tt.subject)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("checkSubject(%q) = %v, want nil", tt.subject, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("checkSubject(%q) = %v, want an error with %q", tt.subject, err, tt.want)
		}
	}
}

func TestCheckConcrete(t *testing.T) {
	t.Parallel()
	for subject, ok := range map[string]bool{
		"a": true, "a.b": true, "$SRV.PING": true,
		"": false, "a.": false, "*": false, "a.*.b": false, "a.>": false, ">": false, "a*": false, "a b": false,
	} {
		if err := checkConcrete(subject); (err == nil) != ok {
			t.Errorf("checkConcrete(%q) = %v, want accepted: %v", subject, err, ok)
		}
	}
}

func TestCheckQueueGroup(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"q": true, "workers.eu": true, "größe": true, strings.Repeat("q", maxSubject): true,
		"": false, "a b": false, "a\tb": false, "a\r\n": false, "a\xff": false, strings.Repeat("q", maxSubject+1): false,
	} {
		if err := checkQueueGroup(name); (err == nil) != ok {
			t.Errorf("checkQueueGroup(%q) = %v, want accepted: %v", name, err, ok)
		}
	}
}

// TestOverlap tries all pairs of short patterns on all short subjects.
func TestOverlap(t *testing.T) {
	t.Parallel()
	subjects := sentences([]string{"a", "b", "c"}, 4)
	var patterns [][]string
	for _, p := range sentences([]string{"a", "b", "*", ">"}, 3) {
		if checkTokens(strings.Join(p, ".")) == nil {
			patterns = append(patterns, p)
		}
	}
	for _, a := range patterns {
		for _, subject := range subjects {
			want := receives(a, subject)
			if got := matches(strings.Join(a, "."), strings.Join(subject, ".")); got != want {
				t.Errorf("matches(%q, %q) = %v, want %v", a, subject, got, want)
			}
		}
		for _, b := range patterns {
			want := false
			for _, subject := range subjects {
				want = want || receives(a, subject) && receives(b, subject)
			}
			if got := overlap(a, b); got != want {
				t.Errorf("overlap(%q, %q) = %v, want %v", a, b, got, want)
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

// TestCheckSubjectDelivers holds what is accepted against a server: it takes a subscription there and delivers.
func TestCheckSubjectDelivers(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
	for _, subject := range []string{
		"a", "a.b", "a.*.c", "a.>", "*.b.>", "*", "größe.日本", "a-b_c:d/e=f~g", "a\u00a0b", "a\u2028b", "a\u0085b", "_x.y",
		strings.Repeat("a", maxSubject), strings.Repeat("a.", maxSubject/2-1) + ">",
	} {
		if err := checkSubject(subject); err != nil {
			t.Errorf("checkSubject(%q) = %v, want nil", subject, err)
		}
		deliver(t, nc, subject)
	}
}

// deliver subscribes to subject and sends a message there.
func deliver(t *testing.T, nc *nats.Conn, subject string) {
	t.Helper()
	sub, err := nc.QueueSubscribeSync(subject, "q")
	if err != nil {
		t.Fatalf("subscribe to %q: %v", subject, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	concrete := strings.Split(subject, ".")
	for i, token := range concrete {
		if token == "*" || token == ">" {
			concrete[i] = "x"
		}
	}
	if err := nc.Publish(strings.Join(concrete, "."), nil); err != nil {
		t.Fatalf("publish to %q: %v", concrete, err)
	}
	if _, err := sub.NextMsg(10 * time.Second); err != nil {
		t.Fatalf("a message for %q on %q: %v (connection: %v)", concrete, subject, err, nc.LastError())
	}
}

// FuzzCheckSubject holds what is accepted against the server's own functions.
func FuzzCheckSubject(f *testing.F) {
	for _, subject := range []string{
		"a", "a.b", "a.*", "a.>", "*.b.>", ">", "*.*", "$SRV.PING", "größe", "a\x00b", "a\xffb", "a\u00a0b", "a\u2028b",
		"a..b", "a b", "a*", "a.>.b", "_INBOX.x", "$JS.API.INFO", "a\fb", "a\u0085b", "",
	} {
		f.Add(subject, "a.b")
		f.Add("a.*", subject)
	}
	f.Fuzz(func(t *testing.T, subject, other string) {
		if checkConcrete(subject) == nil && checkTokens(subject) != nil {
			t.Errorf("%q is accepted as concrete only", subject)
		}
		if checkTokens(subject) != nil {
			if checkSubject(subject) == nil {
				t.Errorf("%q is accepted as a whole only", subject)
			}
			return
		}
		if !server.IsValidSubject(subject) || !utf8.ValidString(subject) {
			t.Fatalf("%q is accepted, the server refuses it", subject)
		}
		if concrete := checkConcrete(subject) == nil; concrete == hasWildcard(subject) ||
			concrete != server.IsValidLiteralSubject(subject) {
			t.Errorf("%q is concrete: %v, has a wildcard: %v", subject, concrete, hasWildcard(subject))
		}
		if checkTokens(other) == nil {
			a, b := strings.Split(subject, "."), strings.Split(other, ".")
			if overlap(a, b) != overlap(b, a) {
				t.Errorf("overlap(%q, %q) is not symmetric", subject, other)
			}
			if want := server.SubjectsCollide(subject, other); overlap(a, b) != want {
				t.Errorf("overlap(%q, %q) = %v, the server says %v", subject, other, !want, want)
			}
			if !hasWildcard(other) && matches(subject, other) != receives(a, b) {
				t.Errorf("matches(%q, %q) = %v", subject, other, matches(subject, other))
			}
		}
	})
}
