// Package terminal prints what strangers wrote, and draws on terminals.
package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Safe returns text of strangers, such as names and descriptions, as it may be printed on one line: control characters,
// among them those that begin escape sequences, and characters that turn the direction of writing are shown as escapes.
func Safe(s string) string { return safe(s, false) }

// SafeText is [Safe] for text of several lines.
func SafeText(s string) string { return safe(s, true) }

func safe(s string, lines bool) string {
	clean := true
	for _, r := range s {
		if clean = clean && printable(r, lines); !clean {
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case printable(r, lines):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xFFFF:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// printable reports whether a character can be shown as it is. Format characters (Cf) hide text or turn its direction.
func printable(r rune, lines bool) bool {
	return r != utf8.RuneError && (lines && (r == '\n' || r == '\t') || unicode.IsPrint(r))
}
