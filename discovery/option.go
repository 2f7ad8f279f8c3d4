package discovery

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/internal/subject"
)

const (
	defaultMaxWait = 5 * time.Second
	defaultStall   = 500 * time.Millisecond

	defaultMaxBytes = 128 << 20
)

// Option changes how a [Client] asks. A nil Option is a mistake, which every query reports.
type Option func(*settings)

// WithMaxWait bounds the time that one query waits for answers, overriding the default of 5 s. It must be more than
// zero. Answers that had arrived by then still count, if they can be read within a quarter of a second, else the query ends
// with [ErrIncomplete]; the end of the wait alone is not an error.
func WithMaxWait(d time.Duration) Option {
	return func(s *settings) { s.maxWait = d }
}

// WithMaxResults ends a query once that many instances answered. The default, 0, means that there is no limit. It must
// not be negative.
func WithMaxResults(n int) Option {
	return func(s *settings) { s.maxResults = n }
}

// WithMaxBytes bounds what may come in answer to one query, overriding the default of 128 MiB, since anybody can answer.
// Headers count, too, what is dropped, and 512 bytes more for each message. It must be more than zero. A query to which
// more comes ends with what fitted, and with [ErrIncomplete].
func WithMaxBytes(n int) Option {
	return func(s *settings) { s.maxBytes = n }
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

// WithReplyError has f called with what is wrong with an answer, and with the subject of the question. Most such
// answers are dropped: replies that carry a service error, or say that nobody heard the question, what is not JSON of the type that was asked for, what lacks a
// name or an id, what comes from a service or an instance that was not asked, and all but the first answer of one
// instance ([ErrDuplicate]). An answer of which only a field cannot be read counts, but f is told, because a count of 0
// that nobody sent looks like any other ([ErrOddField]); err names the service, the instance and the fields.
//
// f is called in the goroutine that runs the query, so it delays the query while it runs; it must be safe for
// concurrent use if queries run concurrently. The default, nil, means that nobody is told.
func WithReplyError(f func(subject string, err error)) Option {
	return func(s *settings) { s.replyError = f }
}

type settings struct {
	maxWait    time.Duration
	maxResults int
	maxBytes   int
	stall      time.Duration
	prefix     string
	replyError func(subject string, err error)
	nilOptions []int // which options were nil, the first being 1
}

func defaultSettings() settings {
	return settings{maxWait: defaultMaxWait, maxBytes: defaultMaxBytes, stall: defaultStall, prefix: micro.APIPrefix}
}

// validate reports everything that is wrong with s.
func (s *settings) validate() error {
	var errs []error
	refuse := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrInvalidArgument}, args...)...))
	}
	for _, number := range s.nilOptions {
		refuse("option %d is nil", number)
	}
	if s.maxWait <= 0 {
		refuse("WithMaxWait(%v): must be more than zero", s.maxWait)
	}
	if s.maxResults < 0 {
		refuse("WithMaxResults(%d): must not be negative", s.maxResults)
	}
	if s.maxBytes <= 0 {
		refuse("WithMaxBytes(%d): must be more than zero", s.maxBytes)
	}
	if s.stall < 0 {
		refuse("WithStall(%v): must not be negative", s.stall)
	}
	if err := subject.CheckConcrete(s.prefix); err != nil {
		refuse("WithPrefix(%.64q): %w", s.prefix, err)
	}
	return errors.Join(errs...)
}
