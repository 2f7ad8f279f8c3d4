package payload

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// wordedError is an error in words for whoever sent the data.
type wordedError struct {
	text  string
	cause error
}

func (e *wordedError) Error() string { return e.text }

func (e *wordedError) Unwrap() error { return e.cause }

// InWords returns the error of a value's own method in words for whoever sent the value, if it is one of the standard
// library's that names Go types, functions or layouts. Every other error is returned as it is. Times, the numbers of
// math/big and addresses are common in payloads, and their methods speak to programmers.
func InWords(err error) error {
	text := ""
	switch e := err.(type) { //nolint:errorlint // one that is wrapped is in somebody else's words
	case nil:
	case *time.ParseError:
		text = fmt.Sprintf("got %q, want a time such as 2006-01-02T15:04:05Z%s", e.Value, e.Message)
	case *strconv.NumError:
		text = fmt.Sprintf("got %q, want a number", e.Num)
		if errors.Is(e, strconv.ErrRange) {
			text = fmt.Sprintf("the number %q does not fit", e.Num)
		}
	default:
		text = reword(err.Error())
	}
	if text == "" {
		return err
	}
	return &wordedError{text, err}
}

// reword is InWords for errors that are nothing but text. It returns "" for one that it does not know.
func reword(text string) string {
	if text == "Time.UnmarshalJSON: input is not a JSON string" {
		return "want a time, in quotes, such as 2006-01-02T15:04:05Z"
	}
	for _, about := range [...]struct{ before, behind, want string }{
		{"math/big: cannot unmarshal ", " into a *big.Int", "want an integer"},
		{"math/big: cannot unmarshal ", " into a *big.Float", "want a number"},
		{"math/big: cannot unmarshal ", " into a *big.Rat", "want a fraction"},
		{"json: invalid number literal, trying to unmarshal ", " into Number", "want a number"},
		{"ParseAddr(", "): ", "want an IP address"},
		{"netip.ParsePrefix(", "): ", "want an IP prefix"},
	} {
		rest, ok := strings.CutPrefix(text, about.before)
		if !ok {
			continue
		}
		if got, _, ok := strings.Cut(rest, about.behind); ok {
			return "got " + plainly(got) + ", " + about.want
		}
	}
	return ""
}

// plainly takes away the quotes that were put around a value that has quotes of its own.
func plainly(quoted string) string {
	value, err := strconv.Unquote(quoted)
	if err != nil || !strings.HasPrefix(value, `"`) {
		return quoted
	}
	return value
}
