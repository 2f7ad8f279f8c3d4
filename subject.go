package typednats

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/nats-io/nats.go/micro"
)

// maxSubject bounds subjects and queue groups, in bytes. A server closes the connection over a protocol line longer
// than its max_control_line, 4096 by default, and a line holds a subject and a reply subject, or a queue group.
const maxSubject = 1024

// nameRegexp is what ADR-32 allows for the names of services and endpoints.
var nameRegexp = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func checkName(name string) error {
	if !nameRegexp.MatchString(name) {
		return errors.New("want one or more letters, digits, dashes or underscores")
	}
	return nil
}

// checkSubject reports what is wrong with a whole subject that may hold wildcards.
func checkSubject(subject string) error {
	if err := checkTokens(subject); err != nil {
		return err
	}
	return checkOutsideProtocol(strings.Split(subject, "."))
}

// checkTokens reports what is wrong with a subject, or a part of one, that may hold wildcards.
func checkTokens(subject string) error {
	if subject == "" {
		return errEmpty
	}
	if len(subject) > maxSubject {
		return fmt.Errorf("it has %d bytes, more than %d", len(subject), maxSubject)
	}
	if !utf8.ValidString(subject) {
		return errNotUTF8
	}
	tokens := strings.Split(subject, ".")
	for i, token := range tokens {
		switch {
		case token == "":
			return fmt.Errorf("token %d is empty", i+1)
		case strings.ContainsFunc(token, isSpaceOrControl):
			return fmt.Errorf("token %d holds a space or a control character", i+1)
		case token == ">" && i < len(tokens)-1:
			return errors.New("> stands before the end; it is only allowed as the last token")
		case len(token) > 1 && strings.ContainsAny(token, "*>"):
			return fmt.Errorf("token %d mixes a wildcard with other characters; a wildcard is a token of its own", i+1)
		}
	}
	return nil
}

// checkConcrete reports what is wrong with a subject, or a part of one, that may not hold wildcards.
func checkConcrete(subject string) error {
	if err := checkTokens(subject); err != nil {
		return err
	}
	if hasWildcard(subject) {
		return errors.New("it holds a wildcard")
	}
	return nil
}

// checkOutsideProtocol refuses the subjects on which services are asked for PING, INFO and STATS (ADR-32): an
// endpoint there would answer in the protocol's place.
func checkOutsideProtocol(tokens []string) error {
	if tokens[0] == micro.APIPrefix {
		return fmt.Errorf("%s belongs to the NATS service protocol", micro.APIPrefix)
	}
	if prefix, _, _ := strings.Cut(cancelPrefix, "."); tokens[0] == prefix {
		return fmt.Errorf("%s belongs to typednats", prefix)
	}
	for _, verb := range []micro.Verb{micro.PingVerb, micro.InfoVerb, micro.StatsVerb} {
		for _, control := range [][]string{
			{micro.APIPrefix, verb.String()},
			{micro.APIPrefix, verb.String(), "*"},
			{micro.APIPrefix, verb.String(), "*", "*"},
		} {
			if overlap(tokens, control) {
				return fmt.Errorf("it would receive %s, which belongs to the NATS service protocol", strings.Join(control, "."))
			}
		}
	}
	return nil
}

// checkQueueGroup reports what is wrong with the name of a queue group.
func checkQueueGroup(name string) error {
	switch {
	case name == "":
		return errors.New("it is empty; WithoutQueueGroup switches queue groups off")
	case len(name) > maxSubject:
		return fmt.Errorf("it has %d bytes, more than %d", len(name), maxSubject)
	case !utf8.ValidString(name):
		return errNotUTF8
	case strings.ContainsFunc(name, isSpaceOrControl):
		return errors.New("it holds a space or a control character")
	}
	return nil
}

func isSpaceOrControl(r rune) bool { return r <= ' ' || r == 0x7f }

func hasWildcard(subject string) bool {
	for token := range strings.SplitSeq(subject, ".") {
		if token == "*" || token == ">" {
			return true
		}
	}
	return false
}

// matches reports whether a message on the concrete subject reaches a subscription on pattern.
func matches(pattern, subject string) bool {
	return overlap(strings.Split(pattern, "."), strings.Split(subject, "."))
}

// overlap reports whether some concrete subject matches both a and b.
func overlap(a, b []string) bool {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == ">" || b[i] == ">":
			return true
		case a[i] != b[i] && a[i] != "*" && b[i] != "*":
			return false
		}
	}
	return len(a) == len(b)
}
