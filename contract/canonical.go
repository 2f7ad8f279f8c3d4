package contract

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// appendCanonical appends a tree as RFC 8785 (JCS) writes it: no space, names sorted by their UTF-16 code units, one
// form for each string and number.
func appendCanonical(b []byte, tree any) []byte {
	switch v := tree.(type) {
	case bool:
		return strconv.AppendBool(b, v)
	case json.Number:
		return appendNumber(b, v)
	case string:
		return appendString(b, v)
	case []any:
		b = append(b, '[')
		for i, element := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendCanonical(b, element)
		}
		return append(b, ']')
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.SortFunc(names, compareUTF16)
		b = append(b, '{')
		for i, name := range names {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, name)
			b = append(b, ':')
			b = appendCanonical(b, v[name])
		}
		return append(b, '}')
	default:
		return append(b, "null"...)
	}
}

// compareUTF16 differs from a comparison of bytes where one character needs a surrogate pair and the other is behind
// the surrogates.
func compareUTF16(a, b string) int {
	if isASCII(a) && isASCII(b) {
		return strings.Compare(a, b)
	}
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendString escapes what must be, and nothing else. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\b':
			b = append(b, `\b`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r < ' ':
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xf])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// appendNumber writes a number as JavaScript does, except an integer that a double would change, which stays as it is,
// and a number beyond all doubles, for which there is no form.
func appendNumber(b []byte, n json.Number) []byte {
	if isLargeInteger(n) {
		return append(b, n...)
	}
	f, err := n.Float64()
	if err != nil {
		return append(b, n...)
	}
	if f == 0 {
		return append(b, '0') // and not -0
	}
	form := byte('f')
	if abs := math.Abs(f); abs < 1e-6 || abs >= 1e21 {
		form = 'e'
	}
	b = strconv.AppendFloat(b, f, form, -1, 64)
	if form == 'e' {
		// Go writes an exponent with two digits at least.
		if n := len(b); n >= 4 && b[n-2] == '0' && (b[n-3] == '-' || b[n-3] == '+') {
			b = append(b[:n-2], b[n-1])
		}
	}
	return b
}

// isLargeInteger reports whether a number is written as an integer and is beyond 2⁵³.
func isLargeInteger(n json.Number) bool {
	digits := strings.TrimPrefix(string(n), "-")
	const limit = "9007199254740992" // 2⁵³
	if strings.ContainsAny(digits, ".eE") || len(digits) < len(limit) {
		return false
	}
	return cmp.Or(cmp.Compare(len(digits), len(limit)), strings.Compare(digits, limit)) > 0
}
