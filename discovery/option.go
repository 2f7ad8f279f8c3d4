package discovery

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go/micro"
)

const (
	defaultMaxWait = 5 * time.Second
	defaultStall   = 500 * time.Millisecond

	// maxPart bounds, in bytes, the prefix, a name and an id. A server ends the connection that sends it a protocol
	// line of more than 4 KiB.
	maxPart = 1024
)

// Option changes how a [Client] asks. A nil Option changes nothing.
type Option func(*settings)

// WithMaxWait bounds the time that one query waits for answers, overriding the default of 5 s. It must be more than
// zero. Answers that had arrived by then still count; the end of the wait is not an error.
func WithMaxWait(d time.Duration) Option {
	return func(s *settings) { s.maxWait = d }
}

// WithMaxResults ends a query once that many instances answered. The default, 0, means that there is no limit. It must
// not be negative.
func WithMaxResults(n int) Option {
	return func(s *settings) { s.maxResults = n }
}

// WithStall ends a query, after a first answer, once that much time passes without another, overriding the default of
// 500 ms. With 0 a pause never ends it. It must not be negative.
//
// Answers that are dropped don't count, nor does the time that the body of a loop over an iterator takes.
func WithStall(d time.Duration) Option {
	return func(s *settings) { s.stall = d }
}

// WithPrefix sets what the subjects of the questions begin with, overriding the default of "$SRV". Services that are
// imported from another account may be found under another prefix (ADR-32, "Discovery and Status"). It is one token or
// more, without wildcards, spaces and control characters.
func WithPrefix(prefix string) Option {
	return func(s *settings) { s.prefix = prefix }
}

// WithReplyError has f called with each answer that was dropped: subject is the subject of the question, err says what
// is wrong with the answer. Dropped are replies that carry a service error, what is not JSON of the type that was asked
// for, what lacks a name or an id, what comes from a service or an instance that was not asked, and all but the first
// answer of one instance ([ErrDuplicate]).
//
// f is called in the goroutine that runs the query, so it delays the query while it runs; it must be safe for
// concurrent use where queries run concurrently. The default, nil, means that nobody is told.
func WithReplyError(f func(subject string, err error)) Option {
	return func(s *settings) { s.replyError = f }
}

type settings struct {
	maxWait    time.Duration
	maxResults int
	stall      time.Duration
	prefix     string
	replyError func(subject string, err error)
}

func defaultSettings() settings {
	return settings{maxWait: defaultMaxWait, stall: defaultStall, prefix: micro.APIPrefix}
}

// validate reports everything that is wrong with s.
func (s *settings) validate() error {
	var errs []error
	refuse := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrInvalidArgument}, args...)...))
	}
	if s.maxWait <= 0 {
		refuse("WithMaxWait(%v): must be more than zero", s.maxWait)
	}
	if s.maxResults < 0 {
		refuse("WithMaxResults(%d): must not be negative", s.maxResults)
	}
	if s.stall < 0 {
		refuse("WithStall(%v): must not be negative", s.stall)
	}
	if len(s.prefix) > maxPart {
		refuse("WithPrefix(%.64q...): longer than %d bytes", s.prefix, maxPart)
	} else {
		for token := range strings.SplitSeq(s.prefix, ".") {
			if err := checkToken(token); err != nil {
				refuse("WithPrefix(%q): %w", s.prefix, err)
				break
			}
		}
	}
	return errors.Join(errs...)
}

// checkToken reports why s cannot be one token of a subject.
func checkToken(s string) error {
	switch {
	case s == "":
		return errors.New("empty token")
	case len(s) > maxPart:
		return fmt.Errorf("longer than %d bytes", maxPart)
	case !utf8.ValidString(s):
		return errors.New("not UTF-8")
	case strings.ContainsAny(s, ".*>"):
		return errors.New("a dot or a wildcard in a token")
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return errors.New("a space or a control character")
	}
	return nil
}

// checkName reports why s cannot be the name of a service.
func checkName(s string) error {
	foreign := func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	switch {
	case s == "":
		return errors.New("empty")
	case len(s) > maxPart:
		return fmt.Errorf("longer than %d bytes", maxPart)
	case strings.ContainsFunc(s, foreign):
		return errors.New("only A-Z, a-z, 0-9, - and _ are allowed")
	}
	return nil
}
