package tsgen

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
)

// Everything in a contract may have been written by a stranger. What of it reaches the file goes through one of the
// functions here, so that it is a string, a name or a word of a comment, and never code.

// quote returns a string of TypeScript. What is neither ASCII nor a letter is escaped, so that one sees what it is.
func quote(s string) string {
	return `"` + escape(s, '"') + `"`
}

// template returns the type of the subjects that match a pattern.
func template(pattern string) string {
	tokens := strings.Split(pattern, ".")
	for i, token := range tokens {
		if token == "*" || token == ">" {
			tokens[i] = "${string}"
			continue
		}
		tokens[i] = strings.ReplaceAll(escape(token, '`'), "${", `\${`)
	}
	return "`" + strings.Join(tokens, ".") + "`"
}

func escape(s string, delimiter rune) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == delimiter || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r >= ' ' && r <= '~' || endpoints.IsLetter(r):
			b.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	return b.String()
}

var identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

// key returns the name of a member of an object.
func key(name string) string {
	if identifier.MatchString(name) {
		return name
	}
	return quote(name)
}

// typeName makes a name of a type from any text.
func typeName(name string) string {
	name = strings.Trim(strings.Map(func(r rune) rune {
		if endpoints.IsLetter(r) || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, name), "_")
	if name == "" {
		return "Type"
	}
	if name[0] <= '9' {
		return "_" + name
	}
	return upper(name)
}

// pascal makes a name such as StockCheck from stock-check.
func pascal(name string) string {
	var b strings.Builder
	for _, word := range endpoints.Words(name) {
		b.WriteString(upper(word))
	}
	return typeName(b.String())
}

// camel makes a name such as stockCheck from stock-check, and httpGet from HTTPGet.
func camel(name string) string {
	name = pascal(name)
	runes := []rune(name)
	for i, r := range runes {
		if !unicode.IsUpper(r) || i > 0 && i+1 < len(runes) && unicode.IsLower(runes[i+1]) {
			break
		}
		runes[i] = unicode.ToLower(r)
	}
	return string(runes)
}

func upper(word string) string {
	first, size := utf8.DecodeRuneInString(word)
	if up := unicode.ToUpper(first); endpoints.IsLetter(up) {
		return string(up) + word[size:]
	}
	return word
}

// commentWidth is where the lines of comments are broken.
const commentWidth = 110

// line is a line of a comment, or several, with a tag of JSDoc before it or none.
type line struct{ tag, text string }

// comment returns a comment, or nothing if there is nothing to say.
func comment(indent string, lines ...line) string {
	var out []string
	for _, l := range lines {
		for i, part := range strings.Split(l.text, "\n") {
			part = word(part)
			if l.tag != "" && i == 0 {
				part = strings.TrimSpace("@" + l.tag + " " + part)
			}
			out = append(out, wrap(part, commentWidth-len(indent))...)
		}
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	switch len(out) {
	case 0:
		return ""
	case 1:
		return indent + "/** " + out[0] + " */\n"
	}
	var b strings.Builder
	b.WriteString(indent + "/**\n")
	for _, l := range out {
		b.WriteString(strings.TrimRight(indent+" * "+l, " ") + "\n")
	}
	b.WriteString(indent + " */\n")
	return b.String()
}

// word makes text fit for a comment: it does not end it, nothing in it is a tag or an instruction to the compiler, and
// what is not seen or turns the direction of writing is left out.
func word(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || unicode.Is(unicode.Zs, r):
			return ' '
		case unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs):
			return -1
		}
		return r
	}, s)
	s = strings.ReplaceAll(s, "*/", `*\/`)
	var b strings.Builder
	for i, r := range s {
		if r == '@' && (i == 0 || !isWord(s[i-1])) {
			b.WriteByte('\\') // an address of mail stays as it is
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// wrap breaks a line between words.
func wrap(text string, width int) []string {
	var lines []string
	for utf8.RuneCountInString(text) > width {
		end := strings.LastIndex(text[:width], " ")
		if end <= 0 {
			if end = strings.Index(text, " "); end <= 0 {
				break
			}
		}
		lines = append(lines, strings.TrimRight(text[:end], " "))
		text = strings.TrimLeft(text[end:], " ")
	}
	return append(lines, text)
}
