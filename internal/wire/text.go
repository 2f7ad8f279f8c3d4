package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxDescription bounds the description of an error on the wire, in bytes.
const MaxDescription = 4 << 10

// CleanDescription makes s fit to be a header's value: one line of valid UTF-8 of bounded length. Text that is empty
// then is replaced by fallback.
func CleanDescription(s, fallback string) string {
	clean := func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}
	s = cutText(s, 2*MaxDescription) // bounds the work; the exact cut follows
	s = strings.TrimSpace(strings.Map(clean, strings.ToValidUTF8(s, string(utf8.RuneError))))
	s = strings.TrimSpace(cutText(s, MaxDescription))
	if s == "" {
		return fallback
	}
	return s
}

// cutText returns as much of s as fits into limit bytes without splitting a character.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
