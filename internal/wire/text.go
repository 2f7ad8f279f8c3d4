package wire

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxDescription bounds the description of an error, in bytes, and what is sent of it in [micro.ErrorHeader].
const MaxDescription = 4 << 10

// CleanDescription makes s fit to be shown: one line of valid UTF-8 of bounded length. Text that is empty then is
// replaced by fallback.
func CleanDescription(s, fallback string) string {
	clean := func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}
	s = CutText(s, 2*MaxDescription) // bounds the work; the exact cut follows
	s = strings.TrimSpace(strings.Map(clean, strings.ToValidUTF8(s, string(utf8.RuneError))))
	s = strings.TrimSpace(CutText(s, MaxDescription))
	if s == "" {
		return fallback
	}
	return s
}

// CutText returns as much of s as fits into limit bytes without splitting a character.
func CutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// escapeText returns a clean text in printable ASCII: other characters are escaped as in [strconv.QuoteToASCII]. What
// gets longer than a description may be is cut between characters.
func escapeText(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r > '~' }) {
		return s
	}
	b := make([]byte, 0, len(s)+len(s)/2)
	for _, r := range s {
		end := len(b)
		if r <= '~' {
			b = append(b, byte(r)) //nolint:gosec // it is ASCII
		} else {
			quoted := strconv.QuoteRuneToASCII(r)
			b = append(b, quoted[1:len(quoted)-1]...)
		}
		if len(b) > MaxDescription {
			b = b[:end]
			break
		}
	}
	return strings.TrimSpace(string(b))
}

// encodeText is a text in the form of [ErrorTextHeader].
func encodeText(s string) string { return url.PathEscape(s) }

// decodeText undoes encodeText. It reports false for what is not in that form, or not a text that would be sent.
func decodeText(s string) (string, bool) {
	text, err := url.PathUnescape(s)
	if err != nil || text == "" || text != CleanDescription(text, "") {
		return "", false
	}
	return text, true
}
