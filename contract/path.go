package contract

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// member returns the path to a member of an object: request.count, request["a b"].
func member(path, name string) string {
	if !isPlain(name) {
		return path + "[" + quote(name) + "]"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// element returns the path to one element of an array.
func element(path string, i int) string {
	return path + "[" + strconv.Itoa(i) + "]"
}

// isPlain reports whether a name can stand in a path as it is.
func isPlain(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !isNameByte(c) && c != '$' {
			return false
		}
	}
	return name != ""
}

// maxQuoted is how much of what somebody else wrote gets into a message.
const maxQuoted = 80

// quote makes text fit for a message: short, on one line, and without anything that a terminal obeys.
func quote(s string) string {
	if len(s) > maxQuoted {
		end := maxQuoted
		for end > 0 && !utf8.RuneStart(s[end]) {
			end--
		}
		return strconv.QuoteToGraphic(s[:end]) + "…"
	}
	return strconv.QuoteToGraphic(s)
}

// isName reports whether NATS takes s for the name of an endpoint.
func isName(s string) bool {
	for i := range len(s) {
		if !isNameByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// isSubject reports whether requests can go to s, or be served there: tokens that are not empty, and wildcards that are
// whole tokens, with > in the end.
func isSubject(s string) bool {
	if !utf8.ValidString(s) || strings.ContainsAny(s, " \t\r\n\f\x00") {
		return false
	}
	for {
		token, rest, more := strings.Cut(s, ".")
		if token == "" || token == ">" && more {
			return false
		}
		if token != "*" && token != ">" && strings.ContainsAny(token, "*>") {
			return false
		}
		if !more {
			return true
		}
		s = rest
	}
}

// isDistinct reports whether no text of a list is empty or there twice.
func isDistinct(list []string) bool {
	seen := make(map[string]bool, len(list))
	for _, s := range list {
		if s == "" || seen[s] {
			return false
		}
		seen[s] = true
	}
	return true
}

// covers reports whether each subject that a pattern b stands for is one of a's.
func covers(a, b string) bool {
	for {
		first, restA, moreA := strings.Cut(a, ".")
		second, restB, moreB := strings.Cut(b, ".")
		switch {
		case first == ">":
			return true
		case second == ">":
			return false
		case first != "*" && first != second:
			return false
		case !moreA || !moreB:
			return moreA == moreB
		}
		a, b = restA, restB
	}
}
