package subject

import "strings"

// HasWildcard reports whether a subject has a token that stands for others.
func HasWildcard(subject string) bool {
	if !strings.ContainsAny(subject, "*>") { // a service asks this for each request
		return false
	}
	for token := range strings.SplitSeq(subject, ".") {
		if token == "*" || token == ">" {
			return true
		}
	}
	return false
}

// Fill returns a pattern with a word in the place of each wildcard.
func Fill(pattern, word string) string {
	tokens := strings.Split(pattern, ".")
	for i, token := range tokens {
		if token == "*" || token == ">" {
			tokens[i] = word
		}
	}
	return strings.Join(tokens, ".")
}

// Matches reports whether a message on the concrete subject reaches a subscription on pattern.
func Matches(pattern, subject string) bool { return Overlap(pattern, subject) }

// Overlap reports whether some concrete subject matches both patterns.
func Overlap(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		switch {
		case as[i] == ">" || bs[i] == ">":
			return true
		case as[i] != bs[i] && as[i] != "*" && bs[i] != "*":
			return false
		}
	}
	return len(as) == len(bs)
}
