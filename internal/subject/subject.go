// Package subject knows what NATS allows as a subject, and the rules that this library adds. An error says what is
// wrong; its reader knows which subject is meant.
package subject

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Max bounds subjects, their parts and queue groups, in bytes. A server closes the connection over a protocol line
// longer than its max_control_line, 4096 by default, and a line holds a subject and a reply subject, or a queue group.
const Max = 1024

var (
	errEmpty   = errors.New("it is empty")
	errNotUTF8 = errors.New("it is not UTF-8, which $SRV.INFO could not show")
)

// Check reports what is wrong with a subject, or a part of one, that may hold wildcards.
func Check(subject string) error {
	if err := checkText(subject); err != nil {
		return err
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

// CheckConcrete reports what is wrong with a subject, or a part of one, that may not hold wildcards.
func CheckConcrete(subject string) error {
	if err := Check(subject); err != nil {
		return err
	}
	if HasWildcard(subject) {
		return errors.New("it holds a wildcard")
	}
	return nil
}

// CheckToken reports what is wrong with one concrete token of a subject.
func CheckToken(token string) error {
	if err := CheckConcrete(token); err != nil {
		return err
	}
	if strings.Contains(token, ".") {
		return errors.New("it holds a dot")
	}
	return nil
}

// checkText reports what is wrong with a text that crosses the wire in a line of the protocol and is shown as JSON.
func checkText(s string) error {
	switch {
	case s == "":
		return errEmpty
	case len(s) > Max:
		return fmt.Errorf("it has %d bytes, more than %d", len(s), Max)
	case !utf8.ValidString(s):
		return errNotUTF8
	}
	return nil
}

// isSpaceOrControl is about what ends a word of the protocol.
func isSpaceOrControl(r rune) bool { return r <= ' ' || r == 0x7f }
